//! Black-box tests of the scan. The oracle is a reader of one byte after the other, and predicates evaluated on all rows.

mod errors;
mod files;
mod filters;
mod inference;
mod naive;
mod random;
mod reading;
mod stores;
mod writing;

use std::path::PathBuf;

use polars_core::frame::DataFrame;
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;
use quokka_engine::source::{Scan, ScanRequest};

use super::{BadRows, CsvError, CsvOptions, CsvScan};
use crate::testing::{Folder, assert_same, read_scan, schema, write};

/// A file in a folder of its own.
pub(super) struct Csv {
    pub(super) folder: Folder,
    pub(super) path: PathBuf,
}

pub(super) fn csv(text: impl AsRef<[u8]>) -> Csv {
    let folder = Folder::new();
    let path = write(&folder.path().join("f.csv"), text);
    Csv { folder, path }
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
    let csv = csv(text);
    let open = |range| CsvScan::open_in_ranges([&csv.path], options.clone(), range);
    let whole = open(None)?;
    let expected = read_scan(&whole, &ScanRequest::default(), 65_536)?;
    for (range, batch_rows) in [(1, 7), (5, 1), (16, 1000), (64, 2)] {
        let scan = open(Some(range))?;
        // Types are inferred from the start of a file, whatever the ranges are.
        assert_eq!(scan.schema(), whole.schema());
        assert_same(&read_scan(&scan, &ScanRequest::default(), batch_rows)?, &expected);
    }
    Ok(expected)
}

/// The one cause that an error has.
#[track_caller]
pub(super) fn cause(error: &OperatorError) -> &CsvError {
    error.get_ref().downcast_ref().unwrap()
}
