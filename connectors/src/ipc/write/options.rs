//! How Arrow IPC files are written.

use std::path::Path;
use std::sync::Arc;

use polars_arrow::io::ipc::write::{self, Compression};
use polars_core::error::PolarsResult;
use polars_utils::compression::ZstdLevel;
use quokka_engine::error::OperatorError;

use super::encoder::IpcFormat;
use crate::sink::{FileFormat, FileOptions, WriteOptions, with_file_options};

/// Options of an Arrow IPC sink.
///
/// ```
/// use quokka_connectors::ipc::{IpcCompression, IpcWriteOptions};
///
/// let options = IpcWriteOptions::default().with_compression(IpcCompression::Zstd(3)).with_partition_by(["year"]);
/// assert_eq!(options.record_batch_rows, 65_536);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpcWriteOptions {
    /// Files with a footer, or streams. By default files.
    pub layout: IpcLayout,
    /// How buffers are compressed. By default not at all, as in Polars, so that they can be used where they lie.
    pub compression: IpcCompression,
    /// Rows of a record batch, at least 1; 65,536 by default. One of more than 256 MB ends sooner.
    pub record_batch_rows: usize,
    /// Whether texts are written as views, as Polars has them in memory. The default; some readers know only the older form,
    /// with offsets.
    pub string_views: bool,
    /// What happens if the target exists, sizes of files and partitions. A file of a directory ends with the record batch with
    /// which it reaches its size in bytes.
    pub files: FileOptions,
}

impl Default for IpcWriteOptions {
    fn default() -> Self {
        Self {
            layout: IpcLayout::default(),
            compression: IpcCompression::default(),
            record_batch_rows: 1 << 16,
            string_views: true,
            files: FileOptions::default(),
        }
    }
}

/// The two formats of Arrow IPC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpcLayout {
    /// A footer tells where the record batches are, so that they can be read in any order, side by side.
    #[default]
    File,
    /// Messages one behind the other, which can be read while they are written, from front to back.
    Stream,
}

/// How the buffers of an Arrow IPC file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpcCompression {
    /// Not at all: readers use them where they lie in the file.
    #[default]
    Uncompressed,
    /// LZ4, in frames.
    Lz4,
    /// ZSTD of a level from 1 (fast) to 22 (small).
    Zstd(i32),
}

impl IpcWriteOptions {
    /// Files with a footer, or streams.
    pub fn with_layout(mut self, layout: IpcLayout) -> Self {
        self.layout = layout;
        self
    }

    /// How buffers are compressed.
    pub fn with_compression(mut self, compression: IpcCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Rows of a record batch, at least 1.
    pub fn with_record_batch_rows(mut self, rows: usize) -> Self {
        self.record_batch_rows = rows.max(1);
        self
    }

    /// Whether texts are written as views.
    pub fn with_string_views(mut self, string_views: bool) -> Self {
        self.string_views = string_views;
        self
    }

    with_file_options!();
}

impl WriteOptions for IpcWriteOptions {
    fn file_options(&self) -> &FileOptions {
        &self.files
    }

    fn into_format(self, path: &Path) -> Result<Arc<dyn FileFormat>, OperatorError> {
        Ok(Arc::new(IpcFormat::new(self, path)))
    }
}

impl IpcCompression {
    pub(super) fn options(self) -> PolarsResult<write::WriteOptions> {
        let compression = match self {
            Self::Uncompressed => None,
            Self::Lz4 => Some(Compression::LZ4),
            Self::Zstd(level) => Some(Compression::ZSTD(ZstdLevel::try_new(level)?)),
        };
        Ok(write::WriteOptions { compression })
    }
}
