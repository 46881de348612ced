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

use std::fs;
use std::path::{Path, PathBuf};

use polars_core::frame::DataFrame;
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::testing::single_worker;
use quokka_engine::physical::{to_logical, to_physical};
use quokka_engine::source::{Scan, ScanRequest};

use super::{BadRows, CsvError, CsvOptions, CsvScan};
use crate::testing::Folder;

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

pub(super) fn write(path: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_owned()
}

pub(super) fn strings(columns: &[&str]) -> SchemaRef {
    schema(columns.iter().map(|name| (*name, DataType::String)))
}

pub(super) fn schema<'a>(columns: impl IntoIterator<Item = (&'a str, DataType)>) -> SchemaRef {
    columns.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect::<Schema>().into()
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

/// All rows that a scan delivers, in batches of at most `batch_rows` rows.
pub(super) fn read_scan(scan: &dyn Scan, request: &ScanRequest, batch_rows: usize) -> Result<DataFrame, OperatorError> {
    let source = scan.source(request)?;
    let schema = source.schema();
    let mut all: Option<DataFrame> = None;
    for index in 0..source.splits()?.len() {
        let mut reader = source.open(index, &single_worker(batch_rows))?;
        while let Some(batch) = reader.next()? {
            let batch = to_logical(to_physical(batch)?, &schema)?;
            assert_eq!(*batch.schema(), schema);
            assert!(batch.height() <= batch_rows);
            all = Some(match all {
                None => batch,
                Some(all) if schema.is_empty() => DataFrame::empty_with_height(all.height() + batch.height()),
                Some(mut all) => {
                    all.vstack_mut_owned(batch).unwrap();
                    all
                },
            });
        }
    }
    let mut all = all.unwrap_or_else(|| DataFrame::empty_with_schema(&schema));
    all.rechunk_mut();
    Ok(all)
}

#[track_caller]
pub(super) fn assert_same(found: &DataFrame, expected: &DataFrame) {
    assert_eq!(found.schema(), expected.schema());
    assert!(found.equals_missing(expected), "found {found:?}\nexpected {expected:?}");
}

/// The one cause that an error has.
#[track_caller]
pub(super) fn cause(error: &OperatorError) -> &CsvError {
    error.get_ref().downcast_ref().unwrap()
}
