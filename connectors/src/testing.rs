//! What the tests of several connectors share.

pub(crate) mod damage;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, Field, Schema, SchemaRef};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Predicate;
use quokka_engine::operator::testing::single_worker;
use quokka_engine::physical::{to_logical, to_physical};
use quokka_engine::source::{Scan, ScanRequest};

/// An empty folder that is removed when the test ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("quokka-connectors-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(unique);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes a file, and the folders above it.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    path.to_owned()
}

pub(crate) fn schema<'a>(columns: impl IntoIterator<Item = (&'a str, DataType)>) -> SchemaRef {
    columns.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect::<Schema>().into()
}

/// All rows that a scan delivers, in batches of at most `batch_rows` rows.
pub(crate) fn read_scan(scan: &dyn Scan, request: &ScanRequest, batch_rows: usize) -> Result<DataFrame, OperatorError> {
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
