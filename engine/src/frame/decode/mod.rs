//! Reading a frame.

mod categories;
mod columns;
mod reader;

use polars_buffer::Buffer;
use polars_core::frame::DataFrame;
use polars_core::prelude::{IdxSize, IntoColumn, PlSmallStr, Series};
use polars_core::schema::Schema;

use self::reader::{Checks, Reader};
use super::error::{Damage, FrameError};

/// Reads a frame whose columns have the names and types of `schema`.
///
/// The columns point into `bytes` and keep all of them alive: state that holds a few rows for long should copy them.
/// Copied at once are only the codes of categoricals, because they are numbered anew for this process, and values that lie at
/// an address unfit for their type, which happens to decimals alone if the frame starts at a multiple of 8.
///
/// Strings of categoricals are added to the categories of this process.
///
/// # Errors
/// Whatever the bytes are, the outcome is a batch or an error: every length, offset, view, string, category code, decimal,
/// date and time is checked. A date or datetime outside of the years that Polars can show (about ±262,000) is refused.
///
/// ```
/// use polars_buffer::Buffer;
/// use polars_core::df;
/// use quokka_engine::frame::{FrameEncoder, FrameError, decode};
///
/// let batch = df!("key" => [1i64, 2, 3])?;
/// let mut frame = FrameEncoder::new(&batch)?.to_vec();
/// frame.truncate(40);
/// assert!(matches!(decode(Buffer::from(frame), batch.schema()), Err(FrameError::Header(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(bytes: Buffer<u8>, schema: &Schema) -> Result<DataFrame, FrameError> {
    read(bytes, schema, Checks::On)
}

/// Reads a frame as [`decode`] does, in constant time a column: it checks lengths but believes values.
///
/// # Safety
/// `bytes` must be what [`FrameEncoder`](super::FrameEncoder) wrote for a batch of this schema.
///
/// # Errors
/// If lengths contradict each other.
pub unsafe fn decode_unchecked(bytes: Buffer<u8>, schema: &Schema) -> Result<DataFrame, FrameError> {
    read(bytes, schema, Checks::Off)
}

fn read(bytes: Buffer<u8>, schema: &Schema, checks: Checks) -> Result<DataFrame, FrameError> {
    let (mut reader, header) = Reader::open(bytes, checks).map_err(FrameError::Header)?;
    if header.columns as usize != schema.len() {
        let damage = Damage::Columns { expected: schema.len(), found: header.columns.into() };
        return Err(FrameError::Header(damage));
    }
    // The largest index stands for a missing row in Polars.
    let rows = usize::try_from(header.rows).ok().filter(|rows| *rows < IdxSize::MAX as usize);
    let rows = rows.ok_or(FrameError::Header(Damage::Rows(header.rows)))?;
    let mut columns = Vec::with_capacity(schema.len());
    for (name, dtype) in schema.iter() {
        reader.column = PlSmallStr::clone(name);
        let array = columns::read(&mut reader, dtype, rows)?;
        let series = Series::from_chunk_and_dtype(name.clone(), array, dtype).map_err(|error| reader.refused(error))?;
        columns.push(series.into_column());
    }
    reader.close().map_err(FrameError::Header)?;
    DataFrame::new(rows, columns).map_err(FrameError::Batch)
}
