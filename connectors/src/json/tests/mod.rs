//! Black-box tests of the scan. The oracle is `serde_json`, one line after the other, and predicates evaluated on all rows.

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

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;
use quokka_engine::source::{Scan, ScanRequest};

use super::{BadRows, JsonError, JsonFault, JsonOptions, JsonScan};
use crate::testing::text::{File, read_in_ranges};
use crate::testing::{Folder, assert_same, read_scan, schema, write};

fn json(text: impl AsRef<[u8]>) -> File {
    File::new("f.ndjson", text)
}

/// All rows of a text, read in ranges and batches of several sizes, which makes no difference.
#[track_caller]
fn read(text: impl AsRef<[u8]>, options: JsonOptions) -> DataFrame {
    try_read(text, options).unwrap()
}

#[track_caller]
fn try_read(text: impl AsRef<[u8]>, options: JsonOptions) -> Result<DataFrame, OperatorError> {
    let file = json(text);
    read_in_ranges(|range| JsonScan::open_in_ranges([&file.path], options.clone(), range))
}

/// The one cause that an error has.
#[track_caller]
fn cause(error: &OperatorError) -> &JsonError {
    error.get_ref().downcast_ref().unwrap()
}

fn options() -> JsonOptions {
    JsonOptions::default()
}

/// Reads one column `a` of a type.
fn read_as(lines: &[&str], dtype: DataType) -> Series {
    let text: String = lines.iter().map(|value| format!("{{\"a\":{value}}}\n")).collect();
    read(text, options().with_schema(schema([("a", dtype)]))).column("a").unwrap().as_materialized_series().clone()
}
