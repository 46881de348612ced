//! What the formats share: from paths and addresses to files and their bytes, and columns that stand in the names of
//! folders.

mod ahead;
mod error;
mod hive;
mod input;
mod input_file;
mod names;
mod paths;
mod side_by_side;

pub(crate) use ahead::{AHEAD_BYTES, Ahead, Fetched, Fetching, PATIENCE};
pub use error::FilesError;
pub(crate) use hive::{NULL_FOLDER, partition_value, partitions};
pub(crate) use input::{Compression, Input};
pub(crate) use input_file::InputFile;
pub(crate) use names::names;
pub(crate) use paths::{Format, expand};
pub(crate) use side_by_side::{side_by_side, threads};
