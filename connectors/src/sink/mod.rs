//! Files that a query writes, whatever their format.
//!
//! ```text
//!  … ─▶ write-files, on every worker: files in a hidden folder ══ what was written ══▶ commit-files, on worker 0 ══▶ …
//! ```
//!
//! Each worker encodes the rows that it has and writes them to files in a *staging folder* of its process, a hidden folder
//! beside the target, so that no reader sees them and a rename brings them to the target. It then tells worker 0 which
//! files it wrote. Worker 0 knows that all workers of all processes are done when its input ends; it gives the files their
//! names, and makes all of them visible by one rename. A query that fails, is cancelled or loses a process never gets there.

mod commit;
mod error;
mod format;
mod hive;
mod options;
mod rename;
mod report;
mod staging;
mod target;
mod writer;

pub use commit::CommitFiles;
pub use error::WriteError;
pub use format::{FileEncoder, FileFormat};
pub(crate) use options::with_file_options;
pub use options::{FileOptions, WriteMode, WriteOptions};
pub use report::{WriteReport, WrittenFile, report_schema};
pub use target::FileSink;
pub use writer::WriteFiles;
