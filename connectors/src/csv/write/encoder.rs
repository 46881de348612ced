//! CSV, as a format of files that a query writes.

use std::io::Write;
use std::path::Path;

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;

use super::CsvSerializer;
use super::options::CsvWriteOptions;
use crate::csv::error::CsvError;
use crate::sink::{FileEncoder, FileFormat};
use crate::text::{Extensions, TextCompression, TextEncoder, WriteRows};

const EXTENSIONS: &[Extensions] = &[["csv", "csv.gz", "csv.zst"]];

/// CSV, as a format of files that a query writes.
pub struct CsvFormat {
    options: CsvWriteOptions,
    compression: TextCompression,
    extension: &'static str,
}

impl CsvFormat {
    /// Files with these options at `path`.
    ///
    /// # Errors
    /// Options that contradict each other or the name of a single file.
    pub fn new(options: CsvWriteOptions, path: &Path) -> Result<Self, CsvError> {
        options.check()?;
        let chosen = TextCompression::choose(options.compression, path, EXTENSIONS);
        let (compression, extension) = chosen.map_err(|reason| CsvError::Options { reason })?;
        Ok(Self { options, compression, extension })
    }
}

impl FileFormat for CsvFormat {
    fn describe(&self) -> Description {
        let description = Description::blocks("csv").with("compression", format!("{:?}", self.compression));
        description.with("separator", char::from(self.options.separator).escape_default())
    }

    fn extension(&self) -> &'static str {
        self.extension
    }

    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError> {
        let serializer = CsvSerializer::new(schema.clone(), self.options.clone())?;
        let mut header = Vec::new();
        serializer.write_header(&mut header);
        Ok(Box::new(TextEncoder::start(serializer, header, self.compression, file)?))
    }
}

impl WriteRows for CsvSerializer {
    fn write_rows(&self, rows: &DataFrame, text: &mut Vec<u8>) -> Result<(), OperatorError> {
        self.write_rows(rows, text)
    }
}
