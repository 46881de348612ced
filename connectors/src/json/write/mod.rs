//! DataFrames as newline-delimited JSON, in the forms of Polars' `write_ndjson`.

mod cells;
mod encoder;
mod options;
mod text;

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};

use self::cells::{Cell, cell};
pub use self::encoder::JsonFormat;
pub use self::options::JsonWriteOptions;
use self::text::write_text;
use super::error::JsonError;
use crate::text::WriteRows;

/// Turns rows into lines of JSON, which [`JsonScan`](super::JsonScan) reads as the same values if it is given the types.
///
/// Nothing is kept between calls: rows can be written by several workers, and their bytes put one behind the other.
///
/// ```
/// use polars_core::df;
/// use quokka_connectors::json::JsonSerializer;
///
/// let frame = df!("city" => [Some("Alès"), None], "share" => [0.1, 1e300])?;
/// let mut bytes = Vec::new();
/// JsonSerializer::new(frame.schema().clone())?.write_rows(&frame, &mut bytes)?;
/// assert_eq!(String::from_utf8(bytes)?, "{\"city\":\"Alès\",\"share\":0.1}\n{\"city\":null,\"share\":1e+300}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct JsonSerializer {
    schema: SchemaRef,
    /// What stands before the value of each column.
    keys: Vec<Vec<u8>>,
}

impl JsonSerializer {
    /// For rows with the columns of `schema`.
    ///
    /// # Errors
    /// A type that has no form in JSON: binary values.
    pub fn new(schema: SchemaRef) -> Result<Self, JsonError> {
        let keys = keys(schema.iter_names().map(|name| name.as_str()));
        let serializer = Self { schema, keys };
        serializer.cells(&DataFrame::empty_with_schema(&serializer.schema)).map(|_| ())?;
        Ok(serializer)
    }

    /// Appends the rows of `frame`, whose columns have the types of the schema or lie as in
    /// [batches](quokka_engine::physical).
    ///
    /// # Errors
    /// Another number of columns or other types.
    pub fn write_rows(&self, frame: &DataFrame, bytes: &mut Vec<u8>) -> Result<(), OperatorError> {
        if frame.width() != self.schema.len() {
            let message = format!("a frame has {} columns instead of {}", frame.width(), self.schema.len());
            return Err(OperatorError::message(ErrorKind::Internal, message));
        }
        let cells = self.cells(frame)?;
        for row in 0..frame.height() {
            write_object(&self.keys, &cells, row, bytes);
            bytes.push(b'\n');
        }
        Ok(())
    }

    fn cells(&self, frame: &DataFrame) -> Result<Vec<Cell>, JsonError> {
        let columns = frame.columns().iter().zip(self.schema.iter());
        let cells = columns.map(|(column, (name, dtype))| {
            let unsupported = |source| JsonError::UnsupportedValues {
                column: name.to_string(),
                dtype: Box::new(dtype.clone()),
                source,
            };
            cell(column.as_materialized_series(), dtype).map_err(unsupported)
        });
        cells.collect()
    }
}

impl WriteRows for JsonSerializer {
    fn write_rows(&self, rows: &DataFrame, text: &mut Vec<u8>) -> Result<(), OperatorError> {
        self.write_rows(rows, text)
    }
}

/// Keys of an object, each with what stands before and behind it.
fn keys<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Vec<u8>> {
    let key = |(index, name)| {
        let mut key = vec![if index == 0 { b'{' } else { b',' }];
        write_text(name, &mut key);
        key.push(b':');
        key
    };
    names.enumerate().map(key).collect()
}

fn write_object(keys: &[Vec<u8>], cells: &[Cell], row: usize, bytes: &mut Vec<u8>) {
    for (key, cell) in keys.iter().zip(cells) {
        bytes.extend_from_slice(key);
        cell(row, bytes);
    }
    if keys.is_empty() {
        bytes.push(b'{');
    }
    bytes.push(b'}');
}
