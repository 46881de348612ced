//! What the tests of several connectors share.

pub(crate) mod damage;
mod folder;
pub(crate) mod text;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, Field, Schema, SchemaRef};
use polars_plan::dsl::Expr;
use quokka_engine::dynamic_filter::{DynamicFilter, FilterBuild, ScanFilter};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Predicate;
use quokka_engine::operator::testing::single_worker;
use quokka_engine::physical::{to_logical, to_physical};
use quokka_engine::source::{Scan, ScanRequest, Source};

pub(crate) use self::folder::Folder;

/// Writes a file, and the folders above it.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_owned()
}

pub(crate) fn schema<'a>(columns: impl IntoIterator<Item = (&'a str, DataType)>) -> SchemaRef {
    columns.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect::<Schema>().into()
}

/// An estimate that is off by a tenth at most.
#[track_caller]
pub(crate) fn assert_near(found: Option<u64>, expected: u64) {
    let found = found.unwrap();
    assert!(found.abs_diff(expected) <= expected / 10, "{found} where about {expected} was expected");
}

/// Asks for some columns, or all, of the rows that pass.
pub(crate) fn request(projection: Option<&[&str]>, predicate: Option<Expr>) -> ScanRequest {
    let projection = projection.map(|names| names.iter().map(|name| (*name).into()).collect());
    ScanRequest { projection, predicate, ..ScanRequest::default() }
}

/// All rows that a scan delivers, in batches of at most `batch_rows` rows.
pub(crate) fn read_scan(scan: &dyn Scan, request: &ScanRequest, batch_rows: usize) -> Result<DataFrame, OperatorError> {
    read_source(&*scan.source(request)?, batch_rows)
}

pub(crate) fn read_source(source: &dyn Source, batch_rows: usize) -> Result<DataFrame, OperatorError> {
    let schema = source.schema();
    let mut all: Option<DataFrame> = None;
    for (index, split) in source.splits()?.iter().enumerate() {
        let mut reader = source.open(index, &single_worker(batch_rows))?;
        let mut rows = 0;
        while let Some(batch) = reader.next()? {
            let batch = to_logical(to_physical(batch)?, &schema)?;
            assert_eq!(*batch.schema(), schema);
            assert!(batch.height() <= batch_rows);
            rows += batch.height() as u64;
            all = Some(match all {
                None => batch,
                Some(all) if schema.is_empty() => DataFrame::empty_with_height(all.height() + batch.height()),
                Some(mut all) => {
                    all.vstack_mut_owned(batch).unwrap();
                    all
                },
            });
        }
        assert!(split.rows.is_none_or(|most| rows <= most));
    }
    let mut all = all.unwrap_or_else(|| DataFrame::empty_with_schema(&schema));
    all.rechunk_mut();
    Ok(all)
}

#[track_caller]
pub(crate) fn assert_same(found: &DataFrame, expected: &DataFrame) {
    assert_eq!(found.schema(), expected.schema());
    assert!(found.equals_missing(expected), "found {found:?}\nexpected {expected:?}");
}

/// Bytes as a gzip file (1), a zstd file (2) or as they are.
pub(crate) fn compress(text: &[u8], compression: usize) -> Vec<u8> {
    match compression {
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        },
        2 => zstd::encode_all(text, 1).unwrap(),
        _ => text.to_vec(),
    }
}

/// What a scan of a table that holds `all` has to deliver.
pub(crate) fn expected(all: &DataFrame, request: &ScanRequest) -> DataFrame {
    let rows = match &request.predicate {
        Some(predicate) => Predicate::compile(predicate, all.schema()).unwrap().filter(all).unwrap(),
        None => all.clone(),
    };
    match &request.projection {
        Some(names) => rows.select(names.iter().cloned()).unwrap(),
        None => rows,
    }
}

/// A complete dynamic filter of these keys over `columns`.
pub(crate) fn filter(keys: &DataFrame, columns: &[&str]) -> ScanFilter {
    let dtypes = keys.columns().iter().map(|column| column.dtype().clone()).collect();
    let filter = Arc::new(DynamicFilter::new(1, (0..keys.width()).collect(), dtypes, false));
    let build = FilterBuild::new(filter.clone(), 1, 1);
    let names = keys.get_column_names_owned();
    let mut summary = build.summary();
    summary.add(keys, &names).unwrap();
    build.summarise(&summary);
    build.insert(keys, &names, true).unwrap();
    build.complete();
    ScanFilter { filter, columns: columns.iter().map(|name| (*name).into()).collect() }
}
