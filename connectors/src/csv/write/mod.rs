//! DataFrames as CSV.

mod cells;
mod encoder;
mod options;
mod text;

use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};

use self::cells::cells;
pub use self::encoder::CsvFormat;
pub use self::options::{CsvWriteOptions, QuoteStyle};
use self::text::write_text;
use super::error::CsvError;

/// Turns rows into the bytes of a CSV file, which [`CsvScan`](super::CsvScan) reads as the same values.
///
/// Nothing is kept between calls: rows can be written by several workers, and their bytes put one behind the other.
///
/// ```
/// use polars_core::df;
/// use quokka_connectors::csv::{CsvSerializer, CsvWriteOptions};
///
/// let frame = df!("city" => [Some("Alès, Gard"), None], "share" => [0.1, 1e300])?;
/// let serializer = CsvSerializer::new(frame.schema().clone(), CsvWriteOptions::default())?;
/// let mut bytes = Vec::new();
/// serializer.write_header(&mut bytes);
/// serializer.write_rows(&frame, &mut bytes)?;
/// assert_eq!(String::from_utf8(bytes)?, "city,share\n\"Alès, Gard\",0.1\n,1e+300\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsvSerializer {
    schema: SchemaRef,
    options: CsvWriteOptions,
}

impl CsvSerializer {
    /// For rows with the columns of `schema`.
    ///
    /// # Errors
    /// A type that has no text, such as a list; options that contradict each other.
    pub fn new(schema: SchemaRef, options: CsvWriteOptions) -> Result<Self, CsvError> {
        options.check()?;
        let empty = DataFrame::empty_with_schema(&schema);
        let serializer = Self { schema, options };
        serializer.cells_of(&empty).map(|_| ())?;
        Ok(serializer)
    }

    /// Appends the names of the columns, if the options say so.
    pub fn write_header(&self, bytes: &mut Vec<u8>) {
        if self.options.include_header {
            for (index, name) in self.schema.iter_names().map(PlSmallStr::as_str).enumerate() {
                if index > 0 {
                    bytes.push(self.options.separator);
                }
                write_text(name, &self.options, bytes);
            }
            bytes.extend_from_slice(self.options.line_terminator.as_bytes());
        }
    }

    /// Appends the rows of `frame`, whose columns have the types of the schema or lie as in
    /// [batches](quokka_engine::physical).
    ///
    /// # Errors
    /// Another number of columns or other types, a date or time out of the range of its format.
    pub fn write_rows(&self, frame: &DataFrame, bytes: &mut Vec<u8>) -> Result<(), OperatorError> {
        if frame.width() != self.schema.len() {
            let message = format!("a frame has {} columns instead of {}", frame.width(), self.schema.len());
            return Err(OperatorError::message(ErrorKind::Internal, message));
        }
        let cells = self.cells_of(frame)?;
        for row in 0..frame.height() {
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    bytes.push(self.options.separator);
                }
                cell(row, bytes);
            }
            bytes.extend_from_slice(self.options.line_terminator.as_bytes());
        }
        Ok(())
    }

    fn cells_of(&self, frame: &DataFrame) -> Result<Vec<cells::Cells>, CsvError> {
        let schema: &Schema = &self.schema;
        let columns = frame.columns().iter().zip(schema.iter());
        columns.map(|(column, (name, dtype))| cells(column, name, dtype, &self.options)).collect()
    }
}
