//! Black-box tests of the scan. The oracle is Polars' own in-memory reader, and predicates evaluated on all rows.

mod damage;
mod errors;
mod filters;
mod hive;
mod knowledge;
pub(super) mod layouts;
mod many;
mod pruning;
mod random;
mod reading;
mod stores;
mod together;
mod writing;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;
use polars_core::frame::DataFrame;
use polars_core::prelude::{ArrowSchema, CompatLevel, SchemaExt};
use polars_io::SerReader;
use polars_io::prelude::ParquetReader;
use polars_parquet::write::{
    CompressionOptions, Encoding, FileWriter, RowGroupIterator, StatisticsOptions, Version, WriteOptions,
    get_dtype_encoding,
};
use polars_plan::dsl::Expr;
use quokka_engine::source::{Scan, ScanRequest};

use super::{ParquetOptions, ParquetScan};
use crate::testing::{assert_same, expected, read_scan as read, request};

/// How a file is written.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) row_group: usize,
    pub(super) page_bytes: Option<usize>,
    pub(super) compression: CompressionOptions,
    pub(super) version: Version,
    pub(super) statistics: StatisticsOptions,
    /// For columns of one leaf that can have it; the writer's own choice otherwise.
    pub(super) encoding: Option<Encoding>,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            row_group: 100,
            page_bytes: None,
            compression: CompressionOptions::Snappy,
            version: Version::V1,
            statistics: StatisticsOptions::full(),
            encoding: None,
        }
    }
}

/// The bytes of a Parquet file.
pub(super) fn encode(df: &DataFrame, layout: &Layout) -> Vec<u8> {
    let schema: ArrowSchema = df.schema().to_arrow(CompatLevel::newest());
    let options = WriteOptions {
        statistics: layout.statistics,
        version: layout.version,
        compression: layout.compression,
        data_page_size: layout.page_bytes,
    };
    let encodings: Buffer<Vec<Encoding>> = schema
        .iter_values()
        .map(|field| match (get_dtype_encoding(&field.dtype), layout.encoding) {
            (encodings, Some(encoding)) if encodings == [Encoding::RleDictionary] && suits(encoding, &field.dtype) => {
                vec![encoding]
            },
            (encodings, _) => encodings,
        })
        .collect();
    let row_groups = (0..df.height()).step_by(layout.row_group).map(|start| {
        let mut rows = df.slice(start as i64, layout.row_group);
        rows.rechunk_mut();
        rows
    });
    let mut writer = FileWriter::try_new(Vec::new(), schema.clone(), options).unwrap();
    for rows in row_groups {
        let batches = rows.iter_chunks(CompatLevel::newest(), false).map(Ok).collect::<Vec<_>>();
        for group in RowGroupIterator::try_new(batches.into_iter(), &schema, options, encodings.clone()).unwrap() {
            writer.write(rows.height() as u64, group.unwrap()).unwrap();
        }
    }
    writer.end(None).unwrap();
    writer.into_inner()
}

fn suits(encoding: Encoding, dtype: &ArrowDataType) -> bool {
    let is_text = matches!(dtype, ArrowDataType::Utf8View | ArrowDataType::BinaryView);
    match encoding {
        _ if matches!(dtype, ArrowDataType::Dictionary(..)) => false,
        Encoding::DeltaBinaryPacked => !is_text,
        Encoding::DeltaLengthByteArray => is_text,
        _ => true,
    }
}

pub(super) fn write(path: &Path, df: &DataFrame, layout: &Layout) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, encode(df, layout)).unwrap();
    path.to_owned()
}

/// What Polars reads.
pub(super) fn oracle(path: &Path) -> DataFrame {
    ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
}

pub(super) fn open(path: impl AsRef<Path>) -> ParquetScan {
    ParquetScan::open([path], ParquetOptions::default()).unwrap()
}
