//! How Parquet files are written.

use std::path::Path;
use std::sync::Arc;

use polars_core::error::PolarsResult;
use polars_parquet::write::{CompressionOptions, ZstdLevel};
use quokka_engine::error::OperatorError;

use super::encoder::ParquetFormat;
use crate::sink::{FileFormat, FileOptions, WriteOptions, with_file_options};

/// Options of a Parquet sink.
///
/// ```
/// use quokka_connectors::parquet::{ParquetCompression, ParquetWriteOptions};
/// use quokka_connectors::sink::WriteMode;
///
/// let options = ParquetWriteOptions::default()
///     .with_compression(ParquetCompression::Snappy)
///     .with_partition_by(["year", "month"])
///     .with_mode(WriteMode::Overwrite);
/// assert_eq!(options.files.partition_by.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParquetWriteOptions {
    /// How pages are compressed. By default ZSTD, as Polars does, at level 1; DuckDB's default is Snappy.
    pub compression: ParquetCompression,
    /// Rows of a row group, at least 1; 262,144 by default, as Polars has it. A group with more than 256 MB ends sooner.
    pub row_group_rows: usize,
    /// What happens if the target exists, sizes of files and partitions. A file of a directory ends with the row group with
    /// which it reaches its size in bytes.
    pub files: FileOptions,
}

impl Default for ParquetWriteOptions {
    fn default() -> Self {
        Self { compression: ParquetCompression::default(), row_group_rows: 512 * 512, files: FileOptions::default() }
    }
}

impl ParquetWriteOptions {
    /// How pages are compressed.
    pub fn with_compression(mut self, compression: ParquetCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Rows of a row group, at least 1.
    pub fn with_row_group_rows(mut self, rows: usize) -> Self {
        self.row_group_rows = rows.max(1);
        self
    }

    with_file_options!();
}

impl WriteOptions for ParquetWriteOptions {
    fn file_options(&self) -> &FileOptions {
        &self.files
    }

    fn into_format(self, _path: &Path) -> Result<Arc<dyn FileFormat>, OperatorError> {
        Ok(Arc::new(ParquetFormat::new(self)))
    }
}

/// How the pages of a Parquet file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParquetCompression {
    /// Not at all.
    Uncompressed,
    /// Snappy: fast, and known to every reader.
    Snappy,
    /// LZ4, in the form `LZ4_RAW`.
    Lz4,
    /// ZSTD of a level from 1 (fast) to 22 (small).
    Zstd(i32),
}

impl Default for ParquetCompression {
    fn default() -> Self {
        Self::Zstd(1)
    }
}

impl ParquetCompression {
    pub(super) fn options(self) -> PolarsResult<CompressionOptions> {
        Ok(match self {
            Self::Uncompressed => CompressionOptions::Uncompressed,
            Self::Snappy => CompressionOptions::Snappy,
            Self::Lz4 => CompressionOptions::Lz4Raw,
            Self::Zstd(level) => CompressionOptions::Zstd(Some(ZstdLevel::try_new(level)?)),
        })
    }
}
