//! Bytes of files, wherever they are: local disks, S3, Google Cloud Storage, Azure, HTTP servers, memory.
//!
//! A [`Location`] names a file, a directory or a glob. A [`Store`] is the handle to what holds it: it lists files,
//! and opens them as a [`RangeReader`] (announce ranges, take them later), a [`StreamReader`] (front to back) or a
//! [`StagedFile`] (written now, visible when committed). All of it is synchronous: requests run on a small runtime of
//! their own, shared by the process, and the calling thread waits on a channel. So it may also be called from inside
//! another asynchronous runtime.
//!
//! ```
//! # use quokka_connectors::store::{Location, StageOptions, Store, StoreOptions};
//! # fn main() -> Result<(), quokka_connectors::store::StoreError> {
//! let location = Location::parse("memory://example/greeting.txt")?;
//! let store = Store::open(&location, &StoreOptions::default())?;
//! let mut file = store.stage(&location, StageOptions::default())?;
//! file.append(b"hello, world")?;
//! file.finish()?.commit()?;
//! let mut reader = store.reader(&store.head(&location)?)?;
//! reader.announce(&[7..12])?;
//! assert_eq!(&reader.take(7..12)?[..], b"world");
//! # Ok(())
//! # }
//! ```

mod aws;
mod coalesce;
mod connect;
mod creation;
mod entry;
mod error;
mod fetch;
mod glob;
mod list;
mod local;
mod location;
mod options;
mod profile;
mod range_reader;
mod retry;
mod runtime;
mod staged;
mod staged_local;
mod staged_object;
#[expect(clippy::module_inception, reason = "the file of the type `Store`")]
mod store;
mod stream_reader;
mod taken_back;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests;
mod tls;
mod whole;

pub use entry::FileEntry;
pub use error::{StoreError, StoreErrorKind};
pub use list::FileList;
pub use location::Location;
pub use options::StoreOptions;
pub use range_reader::RangeReader;
pub use staged::{StageOptions, Staged, StagedFile, commit_all};
pub use store::Store;
pub use stream_reader::StreamReader;
pub use taken_back::wait_until_taken_back;
