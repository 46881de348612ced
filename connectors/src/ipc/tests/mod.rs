//! Black-box tests of scan and sink. The oracle is the frame that Polars' own writer has made a file of.

mod damage;
mod filters;
mod knowledge;
mod reading;
mod stores;
mod types;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowSchema, Field as ArrowField};
use polars_arrow::io::ipc::write::{Compression, FileWriter, StreamWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use polars_core::frame::DataFrame;
use polars_core::prelude::{CompatLevel, SchemaExt};
use polars_utils::compression::ZstdLevel;
use quokka_engine::error::OperatorError;
use quokka_engine::source::{Scan, ScanRequest};

use super::{IpcError, IpcOptions, IpcScan};
use crate::testing::{Folder, assert_same, expected, read_scan as read, request};

/// How a file is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) is_stream: bool,
    pub(super) compression: Option<Compression>,
    /// Texts with views, or with offsets.
    pub(super) views: bool,
    /// Rows of a record batch.
    pub(super) rows: usize,
}

/// All forms there are, with so many rows a record batch.
pub(super) fn forms(rows: usize) -> Vec<Form> {
    let compressions = [None, Some(Compression::LZ4), Some(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))];
    let form = |is_stream, views| compressions.map(|compression| Form { is_stream, compression, views, rows });
    [form(false, true), form(false, false), form(true, true), form(true, false)].concat()
}

/// The bytes of a file of record batches.
pub(super) fn encode_batches(schema: ArrowSchema, batches: &[Vec<Box<dyn Array>>], form: Form) -> Vec<u8> {
    let schema = Arc::new(schema);
    let options = WriteOptions { compression: form.compression };
    let batches = batches.iter().map(|columns| {
        let height = columns.first().map_or(0, |column| column.len());
        RecordBatchT::new(height, schema.clone(), columns.clone())
    });
    if form.is_stream {
        let mut writer = StreamWriter::new(Vec::new(), options);
        writer.start(&schema, None).unwrap();
        batches.for_each(|batch| writer.write(&batch, None).unwrap());
        writer.finish().unwrap();
        writer.into_inner()
    } else {
        let mut writer = FileWriter::try_new(Vec::new(), schema.clone(), None, options).unwrap();
        batches.for_each(|batch| writer.write(&batch, None).unwrap());
        writer.finish().unwrap();
        writer.into_inner()
    }
}

/// The bytes of a file.
pub(super) fn encode(frame: &DataFrame, form: Form) -> Vec<u8> {
    let compat = if form.views { CompatLevel::newest() } else { CompatLevel::oldest() };
    // As a whole, so that categories have the same numbers in all batches.
    let arrays: Vec<Box<dyn Array>> =
        frame.columns().iter().map(|column| column.as_materialized_series().rechunk().to_arrow(0, compat)).collect();
    let batches = (0..frame.height()).step_by(form.rows).map(|start| {
        let rows = form.rows.min(frame.height() - start);
        arrays.iter().map(|array| array.sliced(start, rows)).collect()
    });
    encode_batches(frame.schema().to_arrow(compat), &batches.collect::<Vec<_>>(), form)
}

/// The bytes of a file with one record batch of arrays.
pub(super) fn encode_arrays(columns: &[(&str, Box<dyn Array>)], form: Form) -> Vec<u8> {
    let field = |(name, array): &(&str, Box<dyn Array>)| ArrowField::new((*name).into(), array.dtype().clone(), true);
    let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
    encode_batches(columns.iter().map(field).collect(), &[arrays], form)
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // What was there may be mapped: it must not change.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

/// A file with these bytes, opened; the folder must live as long.
pub(super) fn open(folder: &Folder, bytes: &[u8]) -> Result<IpcScan, IpcError> {
    IpcScan::open([write(&folder.path().join("f.arrow"), bytes)], IpcOptions::default())
}

/// The reason that an error names.
pub(super) fn cause(error: &OperatorError) -> &IpcError {
    error.get_ref().downcast_ref().unwrap()
}
