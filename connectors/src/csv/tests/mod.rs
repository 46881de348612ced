//! Black-box tests of the scan. The oracle is a reader of one byte after the other, and predicates evaluated on all rows.

mod errors;
mod files;
mod filters;
mod inference;
mod knowledge;
mod naive;
mod random;
mod reading;
mod stores;
mod writing;

use polars_core::frame::DataFrame;
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;
use quokka_engine::source::{Scan, ScanRequest};

use super::{BadRows, CsvError, CsvOptions, CsvScan};
use crate::testing::text::{File, read_in_ranges};
use crate::testing::{Folder, assert_same, read_scan, schema, write};

pub(super) fn csv(text: impl AsRef<[u8]>) -> File {
    File::new("f.csv", text)
}

pub(super) fn strings(columns: &[&str]) -> SchemaRef {
    schema(columns.iter().map(|name| (*name, DataType::String)))
}

/// All rows of a text, read in ranges and batches of several sizes, which makes no difference.
#[track_caller]
pub(super) fn read(text: impl AsRef<[u8]>, options: CsvOptions) -> DataFrame {
    try_read(text, options).unwrap()
}

#[track_caller]
pub(super) fn try_read(text: impl AsRef<[u8]>, options: CsvOptions) -> Result<DataFrame, OperatorError> {
    let file = csv(text);
    read_in_ranges(|range| CsvScan::open_in_ranges([&file.path], options.clone(), range))
}

/// The one cause that an error has.
#[track_caller]
pub(super) fn cause(error: &OperatorError) -> &CsvError {
    error.get_ref().downcast_ref().unwrap()
}
