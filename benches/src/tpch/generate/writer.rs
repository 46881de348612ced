//! Writes rows to a Parquet file that appears when it is complete.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, PolarsResult};
use polars_io::parquet::write::{ParquetCompression, ParquetWriter};

use super::error::GenerateError;

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Writes `rows` to the file `path`, a row group at a time, under another name until it is complete.
pub(super) fn write_table<R>(
    path: &Path,
    rows: impl Iterator<Item = R>,
    columns: impl Fn(&[R]) -> Vec<Column>,
) -> Result<(), GenerateError> {
    let unfinished = path.with_extension(format!("unfinished-{}", std::process::id()));
    let written = write(&unfinished, rows, columns).and_then(|()| Ok(fs::rename(&unfinished, path)?));
    written.map_err(|source| {
        // The first error is the one to report.
        let _ = fs::remove_file(&unfinished);
        GenerateError::new(path, source)
    })
}

fn write<R>(path: &Path, mut rows: impl Iterator<Item = R>, columns: impl Fn(&[R]) -> Vec<Column>) -> PolarsResult<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let schema = frame(columns(&[]))?.schema().clone();
    let mut writer = ParquetWriter::new(&mut file).with_compression(ParquetCompression::Snappy).batched(&schema)?;
    let mut group = Vec::with_capacity(ROW_GROUP_ROWS);
    loop {
        group.clear();
        group.extend(rows.by_ref().take(ROW_GROUP_ROWS));
        if group.is_empty() {
            break;
        }
        writer.write_batch(&frame(columns(&group))?)?;
    }
    writer.finish()?;
    drop(writer);
    file.flush()?;
    file.get_ref().sync_all()?;
    Ok(())
}

fn frame(columns: Vec<Column>) -> PolarsResult<DataFrame> {
    DataFrame::new_infer_height(columns)
}
