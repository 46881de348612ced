//! Newline-delimited JSON, as a format of files that a query writes.

use std::io::Write;
use std::path::Path;

use polars_core::schema::SchemaRef;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;

use super::JsonSerializer;
use super::options::JsonWriteOptions;
use crate::json::error::JsonError;
use crate::sink::{FileEncoder, FileFormat};
use crate::text::{Extensions, TextCompression, TextEncoder};

const EXTENSIONS: &[Extensions] =
    &[["ndjson", "ndjson.gz", "ndjson.zst"], ["jsonl", "jsonl.gz", "jsonl.zst"], ["json", "json.gz", "json.zst"]];

/// Newline-delimited JSON, as a format of files that a query writes.
pub struct JsonFormat {
    compression: TextCompression,
    extension: &'static str,
}

impl JsonFormat {
    /// Files with these options at `path`.
    ///
    /// # Errors
    /// Options that contradict the name of a single file; a level of compression that does not exist.
    pub fn new(options: JsonWriteOptions, path: &Path) -> Result<Self, JsonError> {
        let chosen = TextCompression::choose(options.compression, path, EXTENSIONS);
        let (compression, extension) = chosen.map_err(|reason| JsonError::Options { reason })?;
        Ok(Self { compression, extension })
    }
}

impl FileFormat for JsonFormat {
    fn describe(&self) -> Description {
        Description::blocks("ndjson").with("compression", format!("{:?}", self.compression))
    }

    fn extension(&self) -> &'static str {
        self.extension
    }

    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError> {
        let serializer = JsonSerializer::new(schema.clone())?;
        Ok(Box::new(TextEncoder::start(serializer, Vec::new(), self.compression, file)?))
    }
}
