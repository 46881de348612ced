//! How files of JSON are written.

use std::path::Path;
use std::sync::Arc;

use quokka_engine::error::OperatorError;

use super::encoder::JsonFormat;
use crate::sink::{FileFormat, FileOptions, WriteOptions, with_file_options};
use crate::text::TextCompression;

/// Options of a sink of newline-delimited JSON.
///
/// ```
/// use quokka_connectors::json::{JsonWriteOptions, TextCompression};
/// use quokka_connectors::sink::WriteMode;
///
/// let options = JsonWriteOptions::default().with_compression(TextCompression::Zstd(3)).with_mode(WriteMode::Append);
/// assert_eq!(options.files.mode, WriteMode::Append);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonWriteOptions {
    /// How files are compressed. Default: what the name of a single file says (gzip at level 6 for `.ndjson.gz`, ZSTD at level 3
    /// for `.ndjson.zst`), else not at all.
    pub compression: Option<TextCompression>,
    /// What happens if the target exists, sizes of files and partitions.
    pub files: FileOptions,
}

impl JsonWriteOptions {
    /// How files are compressed.
    pub fn with_compression(mut self, compression: TextCompression) -> Self {
        self.compression = Some(compression);
        self
    }

    with_file_options!();
}

impl WriteOptions for JsonWriteOptions {
    fn file_options(&self) -> &FileOptions {
        &self.files
    }

    fn into_format(self, path: &Path) -> Result<Arc<dyn FileFormat>, OperatorError> {
        Ok(Arc::new(JsonFormat::new(self, path)?))
    }
}
