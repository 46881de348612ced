//! How Parquet files are written.

use polars_core::error::PolarsResult;
use polars_parquet::write::{CompressionOptions, ZstdLevel};
use polars_utils::pl_str::PlSmallStr;

use crate::sink::{FileOptions, WriteMode};

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
/// assert_eq!(options.partition_by.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParquetWriteOptions {
    /// How pages are compressed. By default ZSTD, as Polars does, at level 1; DuckDB's default is Snappy.
    pub compression: ParquetCompression,
    /// Rows of a row group, at least 1; 262,144 by default, as Polars has it. A group with more than 256 MB ends sooner.
    pub row_group_rows: usize,
    /// Rows of a file of a directory; no bound by default.
    pub rows_per_file: Option<usize>,
    /// A file of a directory ends with the row group with which it reaches so many bytes; no bound by default.
    pub bytes_per_file: Option<u64>,
    /// Rows with different values in these columns go to different folders, `key=value` each, the first column outermost.
    /// The columns stay in the files, too, as with Polars, so that they keep their types.
    pub partition_by: Vec<PlSmallStr>,
    /// What happens if the target exists; by default, the query is refused.
    pub mode: WriteMode,
}

impl Default for ParquetWriteOptions {
    fn default() -> Self {
        Self {
            compression: ParquetCompression::default(),
            row_group_rows: 512 * 512,
            rows_per_file: None,
            bytes_per_file: None,
            partition_by: Vec::new(),
            mode: WriteMode::default(),
        }
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

    /// Rows of a file of a directory.
    pub fn with_rows_per_file(mut self, rows: usize) -> Self {
        self.rows_per_file = Some(rows);
        self
    }

    /// A file of a directory ends with the row group with which it reaches so many bytes.
    pub fn with_bytes_per_file(mut self, bytes: u64) -> Self {
        self.bytes_per_file = Some(bytes);
        self
    }

    /// The columns whose values name folders.
    pub fn with_partition_by(mut self, columns: impl IntoIterator<Item = impl Into<PlSmallStr>>) -> Self {
        self.partition_by = columns.into_iter().map(Into::into).collect();
        self
    }

    /// What happens if the target exists.
    pub fn with_mode(mut self, mode: WriteMode) -> Self {
        self.mode = mode;
        self
    }

    /// What does not concern the format.
    pub fn file_options(&self) -> FileOptions {
        FileOptions {
            mode: self.mode,
            rows_per_file: self.rows_per_file,
            bytes_per_file: self.bytes_per_file,
            partition_by: self.partition_by.clone(),
        }
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
