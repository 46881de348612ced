//! Black-box tests of the scan. The oracle is `serde_json`, one line after the other, and predicates evaluated on all rows.

mod errors;
mod files;
mod filters;
mod inference;
mod naive;
mod random;
mod reading;
mod writing;

use std::path::PathBuf;

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;
use quokka_engine::source::{Scan, ScanRequest};

use super::{BadRows, JsonError, JsonFault, JsonOptions, JsonScan};
use crate::testing::{Folder, assert_same, read_scan, schema, write};

/// A file in a folder of its own.
struct Json {
    folder: Folder,
    path: PathBuf,
}

fn json(text: impl AsRef<[u8]>) -> Json {
    let folder = Folder::new();
    let path = write(&folder.path().join("f.ndjson"), text);
    Json { folder, path }
}

/// All rows of a text, read in ranges and batches of several sizes, which makes no difference.
#[track_caller]
fn read(text: impl AsRef<[u8]>, options: JsonOptions) -> DataFrame {
    try_read(text, options).unwrap()
}

#[track_caller]
fn try_read(text: impl AsRef<[u8]>, options: JsonOptions) -> Result<DataFrame, OperatorError> {
    let json = json(text);
    let open = |range| JsonScan::open_in_ranges([&json.path], options.clone(), range);
    let whole = open(None)?;
    let expected = read_scan(&whole, &ScanRequest::default(), 65_536)?;
    for (range, batch_rows) in [(1, 7), (5, 1), (16, 1000), (64, 2)] {
        let scan = open(Some(range))?;
        assert_eq!(scan.schema(), whole.schema());
        assert_same(&read_scan(&scan, &ScanRequest::default(), batch_rows)?, &expected);
    }
    Ok(expected)
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
