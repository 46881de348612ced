//! The bytes of a record batch, handed out in the order of its columns.

use std::ops::Range;
use std::slice::Iter;

use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use super::codec::Codec;
use super::dictionary::Dictionaries;
use super::error::Damage;
use super::message::{BatchHeader, Node};
use super::schema::children;

/// The bytes of a batch, or of the columns that are wanted of it.
pub(super) struct Body {
    /// Bytes, by where they start in the body, in order.
    pieces: Vec<(u64, Buffer<u8>)>,
    pub(super) codec: Option<Codec>,
}

impl Body {
    /// All bytes of a body.
    pub(super) fn whole(bytes: Buffer<u8>, codec: Option<Codec>) -> Self {
        Self { pieces: vec![(0, bytes)], codec }
    }

    /// Some bytes of a body, by where they start in it, in order.
    pub(super) fn pieces(pieces: Vec<(u64, Buffer<u8>)>, codec: Option<Codec>) -> Self {
        Self { pieces, codec }
    }

    fn get(&self, range: &Range<u64>) -> Result<Buffer<u8>, Damage> {
        if range.is_empty() {
            return Ok(Buffer::new());
        }
        let outside = || Damage::Outside { what: "a buffer" };
        let after = self.pieces.partition_point(|(start, _)| *start <= range.start);
        let (start, piece) = after.checked_sub(1).and_then(|index| self.pieces.get(index)).ok_or_else(outside)?;
        let at = |place: u64| usize::try_from(place - start).ok().filter(|place| *place <= piece.len());
        let (first, last) = (at(range.start).ok_or_else(outside)?, at(range.end).ok_or_else(outside)?);
        Ok(piece.clone().sliced(first..last))
    }
}

/// Which arrays and buffers of a batch are those of a column.
#[derive(Clone, Debug)]
pub(super) struct ColumnParts {
    nodes: Range<usize>,
    buffers: Range<usize>,
    views: Range<usize>,
}

/// Finds the parts of the columns of these types.
pub(super) fn lay_out<'a>(
    dtypes: impl Iterator<Item = &'a ArrowDataType>,
    header: &BatchHeader,
) -> Result<Vec<ColumnParts>, Damage> {
    let mut next = ColumnParts { nodes: 0..0, buffers: 0..0, views: 0..0 };
    let parts = dtypes.map(|dtype| {
        let start = next.clone();
        next.count(dtype, header)?;
        Ok(ColumnParts {
            nodes: start.nodes.end..next.nodes.end,
            buffers: start.buffers.end..next.buffers.end,
            views: start.views.end..next.views.end,
        })
    });
    let parts = parts.collect::<Result<Vec<_>, Damage>>()?;
    if next.nodes.end > header.nodes.len() {
        return Err(Damage::Missing("arrays"));
    }
    if next.buffers.end > header.buffers.len() {
        return Err(Damage::Missing("buffers"));
    }
    Ok(parts)
}

impl ColumnParts {
    /// The bytes from the start of the body that hold all buffers.
    pub(super) fn bytes(&self, header: &BatchHeader) -> Option<Range<u64>> {
        let buffers = header.buffers.get(self.buffers.clone())?.iter().filter(|buffer| !buffer.is_empty());
        let start = buffers.clone().map(|buffer| buffer.start).min()?;
        Some(start..buffers.map(|buffer| buffer.end).max()?)
    }

    /// Moves the ends behind the parts of an array.
    fn count(&mut self, dtype: &ArrowDataType, header: &BatchHeader) -> Result<(), Damage> {
        use ArrowDataType::*;
        self.nodes.end += 1;
        self.buffers.end += match dtype {
            Null => 0,
            FixedSizeList(..) | Struct(_) => 1,
            Utf8 | LargeUtf8 | Binary | LargeBinary => 3,
            Utf8View | BinaryView => {
                let count = header.views.get(self.views.end).ok_or(Damage::Missing("counts of buffers"))?;
                self.views.end += 1;
                // Counts that are too large are found when all parts are known.
                2 + (*count).min(header.buffers.len())
            },
            _ => 2,
        };
        children(dtype).iter().try_for_each(|child| self.count(&child.dtype, header))
    }
}

/// What is left of a column while it is decoded.
pub(super) struct Parts<'a> {
    nodes: Iter<'a, Node>,
    buffers: Iter<'a, Range<u64>>,
    views: Iter<'a, usize>,
    body: &'a Body,
    pub(super) dictionaries: &'a Dictionaries,
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        header: &'a BatchHeader,
        parts: &ColumnParts,
        body: &'a Body,
        dictionaries: &'a Dictionaries,
    ) -> Self {
        Self {
            nodes: header.nodes.get(parts.nodes.clone()).unwrap_or_default().iter(),
            buffers: header.buffers.get(parts.buffers.clone()).unwrap_or_default().iter(),
            views: header.views.get(parts.views.clone()).unwrap_or_default().iter(),
            body,
            dictionaries,
        }
    }

    /// The next array, which must have the rows before `end`.
    pub(super) fn node(&mut self, end: usize) -> Result<Node, Damage> {
        let node = *self.nodes.next().ok_or(Damage::Missing("arrays"))?;
        match node.rows < end {
            true => Err(Damage::Rows { expected: end, found: node.rows }),
            false => Ok(node),
        }
    }

    /// The next buffer, decompressed.
    pub(super) fn buffer(&mut self) -> Result<Buffer<u8>, Damage> {
        let range = self.buffers.next().ok_or(Damage::Missing("buffers"))?;
        let bytes = self.body.get(range)?;
        match self.body.codec {
            Some(codec) => codec.decompress(&bytes),
            None => Ok(bytes),
        }
    }

    /// The next bits, one a row.
    pub(super) fn bits(&mut self, rows: &Range<usize>) -> Result<Bitmap, Damage> {
        let bytes = self.buffer()?;
        if rows.is_empty() {
            return Ok(Bitmap::new());
        }
        let range = rows.start / 8..rows.end.div_ceil(8);
        let short = || Damage::Buffer { expected: range.end, found: bytes.len() };
        let first = 8 * range.start;
        let bits = bytes.get(range.clone()).ok_or_else(short)?.to_vec();
        Ok(Bitmap::try_new(bits, rows.end - first)?.sliced(rows.start - first, rows.len()))
    }

    /// Which rows of the next array are not null; `None` if none is.
    pub(super) fn validity(&mut self, node: &Node, rows: &Range<usize>) -> Result<Option<Bitmap>, Damage> {
        if node.nulls == 0 {
            // The buffer may be there.
            self.buffers.next().ok_or(Damage::Missing("buffers"))?;
            return Ok(None);
        }
        let validity = self.bits(rows)?;
        Ok((validity.unset_bits() > 0).then_some(validity))
    }

    /// The buffers of text of the next array of views.
    pub(super) fn texts(&mut self) -> Result<Vec<Buffer<u8>>, Damage> {
        let count = *self.views.next().ok_or(Damage::Missing("counts of buffers"))?;
        if count > self.buffers.len() {
            return Err(Damage::Missing("buffers"));
        }
        (0..count).map(|_| self.buffer()).collect()
    }
}
