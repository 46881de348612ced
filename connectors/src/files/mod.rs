//! What the formats share: from paths to files, and columns that stand in the names of folders.

mod error;
mod hive;
mod names;
mod paths;

pub use error::FilesError;
pub(crate) use hive::{NULL_FOLDER, partition_value, partitions};
pub(crate) use names::names;
pub(crate) use paths::{FilePath, Format, expand};
