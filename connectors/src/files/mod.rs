//! What the formats share: from paths to files, and columns that stand in the names of folders.

mod error;
mod hive;
mod paths;

pub use error::FilesError;
pub(crate) use hive::{partition_value, partitions};
pub(crate) use paths::{FilePath, Format, expand};
