//! What the formats share: from paths and addresses to files and their bytes, and columns that stand in the names of
//! folders.

mod ahead;
mod columns;
mod constants;
mod error;
mod hive;
mod input;
mod input_file;
mod mapped;
mod names;
mod options;
mod paths;
mod side_by_side;

pub(crate) use ahead::{AHEAD_BYTES, Ahead, Fetched, Fetching, PATIENCE};
pub(crate) use columns::check_columns;
pub(crate) use constants::{constant, constant_statistics, constants, passing};
pub use error::FilesError;
pub(crate) use hive::NULL_FOLDER;
pub(crate) use input::{Compression, Input};
pub(crate) use input_file::InputFile;
pub(crate) use mapped::{KEPT_MAPPED, Kept, map, map_again};
pub(crate) use names::names;
pub(crate) use options::with_scan_options;
pub(crate) use paths::{Format, expand};
pub(crate) use side_by_side::{side_by_side, threads};
