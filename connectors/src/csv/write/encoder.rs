//! CSV, as a format of files that a query writes.

use std::io::Write;
use std::path::Path;

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;

use super::CsvSerializer;
use super::compress::Compressor;
use super::options::{CsvCompression, CsvWriteOptions};
use crate::csv::error::CsvError;
use crate::sink::{FileEncoder, FileFormat};

/// Rows whose text is made before it is written: some hundred kilobytes, which stay in the cache.
const PIECE: usize = 4096;

/// CSV, as a format of files that a query writes.
pub struct CsvFormat {
    options: CsvWriteOptions,
    compression: CsvCompression,
}

impl CsvFormat {
    /// Files with these options at `path`.
    ///
    /// # Errors
    /// Options that contradict each other or the name of a single file.
    pub fn new(options: CsvWriteOptions, path: &Path) -> Result<Self, CsvError> {
        options.check()?;
        let compression = CsvCompression::choose(options.compression, path)?;
        Ok(Self { options, compression })
    }
}

impl FileFormat for CsvFormat {
    fn describe(&self) -> Description {
        let description = Description::blocks("csv").with("compression", format!("{:?}", self.compression));
        description.with("separator", char::from(self.options.separator).escape_default())
    }

    fn extension(&self) -> &'static str {
        self.compression.extension()
    }

    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError> {
        let serializer = CsvSerializer::new(schema.clone(), self.options.clone())?;
        let mut text = Vec::new();
        serializer.write_header(&mut text);
        let file = Compressor::new(self.compression, file).map_err(refused)?;
        let mut encoder = CsvEncoder { serializer, file, text };
        encoder.write()?;
        Ok(Box::new(encoder))
    }
}

struct CsvEncoder {
    serializer: CsvSerializer,
    file: Compressor,
    /// Empty between calls.
    text: Vec<u8>,
}

impl CsvEncoder {
    fn write(&mut self) -> Result<(), OperatorError> {
        self.file.write_all(&self.text).map_err(refused)?;
        self.text.clear();
        Ok(())
    }
}

impl FileEncoder for CsvEncoder {
    fn append(&mut self, rows: DataFrame) -> Result<(), OperatorError> {
        for start in (0..rows.height()).step_by(PIECE) {
            self.serializer.write_rows(&rows.slice(start as i64, PIECE), &mut self.text)?;
            self.write()?;
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        0
    }

    fn flush(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), OperatorError> {
        self.file.finish().map_err(refused)
    }
}

fn refused(error: std::io::Error) -> OperatorError {
    OperatorError::new(ErrorKind::Io, error)
}
