//! Writing a frame.

mod categories;
mod columns;
mod views;

use std::io::{self, Write};
use std::sync::Arc;

use bytemuck::Pod;
use polars_buffer::Buffer;
use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, PlSmallStr};

use self::views::ViewChunk;
use super::error::FrameError;
use super::header::{Header, padded};

/// A batch laid out as a frame: its exact length is known before the first byte is written.
///
/// Laying out reads no values, except views of strings (to add up their lengths) and codes of categoricals. It holds on to
/// the memory of the batch; numbers are copied only by [`write_to`](FrameEncoder::write_to).
///
/// ```
/// use polars_buffer::Buffer;
/// use polars_core::df;
/// use quokka_engine::frame::{FrameEncoder, decode};
///
/// let batch = df!("key" => [1i64, 2, 3], "name" => ["a", "b", "a string of more than twelve bytes"])?;
/// let frame = FrameEncoder::new(&batch)?.to_vec();
/// assert_eq!(decode(Buffer::from(frame), batch.schema())?, batch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FrameEncoder {
    head: Vec<u8>,
    pieces: Vec<Piece>,
    bytes: usize,
}

impl FrameEncoder {
    /// Lays out `frame`. Sliced columns send their rows only, columns of many chunks become one.
    ///
    /// # Errors
    /// [`FrameError::Unsupported`] names the column and the type that cannot travel; [`FrameError::TooLarge`] if a string
    /// column holds more than 4 GiB, or a column of nulls more than 2²⁶ rows (see [`split`](super::split)).
    pub fn new(frame: &DataFrame) -> Result<Self, FrameError> {
        let mut layout = Layout::default();
        for column in frame.columns() {
            let series = column.as_materialized_series();
            layout.column = series.name().clone();
            columns::lay_out(&mut layout, series.dtype(), series.chunks())?;
        }
        let table = Header::SIZE + layout.lengths.len() * size_of::<u64>();
        let start = padded(table).unwrap_or(table);
        let bytes = start + layout.bytes;
        let header = Header {
            columns: frame.width() as u32,
            buffers: layout.lengths.len() as u32,
            rows: frame.height() as u64,
            bytes: bytes as u64,
        };
        let mut head = Vec::with_capacity(start);
        header.write(&mut head);
        head.extend_from_slice(bytemuck::cast_slice(&layout.lengths));
        head.resize(start, 0);
        Ok(Self { head, pieces: layout.pieces, bytes })
    }

    /// The exact length of the frame in bytes, a multiple of 8 (indeed of 16).
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty: it has a header")]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Writes [`len`](FrameEncoder::len) bytes to `out`.
    ///
    /// # Errors
    /// Those of `out`, and [`io::ErrorKind::InvalidData`] if a string column breaks Polars' invariants.
    pub fn write_to<W: Write>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(&self.head)?;
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => out.write_all(bytes)?,
                Piece::Views(chunk) => chunk.write_views(out)?,
                Piece::Text(chunk) => chunk.write_text(out)?,
                Piece::Zeros(count) => out.write_all(&[0; 16][..*count])?,
            }
        }
        Ok(())
    }

    /// The frame in memory of its own.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(self.bytes);
        // A vector takes every byte, and text that breaks its invariants leaves a frame that is too short to be decoded.
        let _ = self.write_to(&mut frame);
        frame
    }
}

/// Part of a buffer.
enum Piece {
    /// Memory that goes out as it is.
    Bytes(Buffer<u8>),
    /// The views of a chunk, rewritten for the text of the frame.
    Views(Arc<ViewChunk>),
    /// The text of a chunk that its views refer to.
    Text(Arc<ViewChunk>),
    /// The filling behind a buffer.
    Zeros(usize),
}

impl Piece {
    fn of<T: Pod>(values: Buffer<T>) -> Self {
        Piece::Bytes(values.try_transmute().unwrap_or_else(|values| bytemuck::cast_slice(&values).to_vec().into()))
    }

    fn len(&self) -> usize {
        match self {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Views(chunk) => chunk.views_len(),
            Piece::Text(chunk) => chunk.text_len(),
            Piece::Zeros(count) => *count,
        }
    }
}

/// The buffers of the frame as far as they are known.
#[derive(Default)]
struct Layout {
    /// The column that is being laid out.
    column: PlSmallStr,
    lengths: Vec<u64>,
    pieces: Vec<Piece>,
    bytes: usize,
}

impl Layout {
    fn buffer(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        let mut length = 0;
        for piece in pieces {
            length += piece.len();
            self.pieces.push(piece);
        }
        let filled = padded(length).unwrap_or(length);
        if filled > length {
            self.pieces.push(Piece::Zeros(filled - length));
        }
        self.lengths.push(length as u64);
        self.bytes += filled;
    }

    fn unsupported(&self, dtype: &DataType) -> FrameError {
        FrameError::Unsupported { column: self.column.clone(), dtype: dtype.to_string() }
    }

    fn too_large(&self) -> FrameError {
        FrameError::TooLarge { column: self.column.clone() }
    }
}
