//! Files that a query writes, whatever their format.
//!
//! ```text
//!  … ─▶ write-files, on every worker: files in a hidden folder ══ what was written ══▶ commit-files, on worker 0 ══▶ …
//! ```
//!
//! Each worker encodes the rows that it has and writes them where no reader sees them; it then tells worker 0 which files it
//! wrote. Worker 0 knows that all workers of all processes are done when its input ends, and makes all files visible. A query
//! that fails, is cancelled or loses a process never gets there.
//!
//! On local disks (`local`) files lie in a *staging folder* of their process, a hidden folder beside the target; they get their
//! names from worker 0 and appear by one rename. In stores (`remote`) they are uploads that are not completed, under their
//! final names; worker 0 completes all of them side by side, those of other processes by what these have told it.

mod commit;
mod error;
mod file;
mod format;
mod hive;
mod local;
mod options;
mod remote;
mod rename;
mod report;
mod staging;
mod target;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod writer;

pub use commit::CommitFiles;
pub use error::WriteError;
pub use format::{FileEncoder, FileFormat};
pub(crate) use options::with_file_options;
pub use options::{FileOptions, WriteMode, WriteOptions};
pub use report::{WriteReport, WrittenFile, report_schema};
pub use target::FileSink;
pub(crate) use target::is_single_file;
pub use writer::WriteFiles;
