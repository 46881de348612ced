//! Strings of one column: views, and one buffer of the bytes that do not fit in them.

use polars_arrow::array::{Utf8ViewArray, View};
use polars_arrow::bitmap::{Bitmap, MutableBitmap};
use polars_arrow::datatypes::ArrowDataType;

use super::number::Field;

/// Strings of at most this many bytes stand in their view.
const INLINE: usize = View::MAX_INLINE_SIZE as usize;

#[derive(Default)]
pub(crate) struct Texts {
    pub(crate) views: Vec<View>,
    pub(crate) buffer: Vec<u8>,
    /// Indices of nulls.
    pub(crate) nulls: Vec<u32>,
}

impl Texts {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { views: Vec::with_capacity(rows), ..Self::default() }
    }

    pub(crate) fn reserve(&mut self, rows: usize) {
        self.views.reserve(rows);
    }

    /// Adds the bytes of a field.
    #[inline(always)]
    pub(crate) fn push_field(&mut self, field: Field<'_>) {
        let length = field.len();
        match field.word::<16>() {
            // To copy a fixed number of bytes and forget the surplus is a few instructions.
            Some(first) if length <= INLINE => self.views.push(inline(u128::from_le_bytes(*first), length)),
            Some(first) => {
                let start = self.buffer.len();
                match field.word::<64>() {
                    Some(bytes) if length <= 64 => self.buffer.extend_from_slice(bytes),
                    _ => self.buffer.extend_from_slice(field.bytes()),
                }
                self.buffer.truncate(start + length);
                let prefix = u128::from_le_bytes(*first) as u32;
                self.views.push(View { length: length as u32, prefix, buffer_idx: 0, offset: start as u32 });
            },
            None => self.push_bytes(field.bytes()),
        }
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        let start = self.buffer.len() as u32;
        if bytes.len() > INLINE {
            self.buffer.extend_from_slice(bytes);
        }
        self.views.push(View::new_from_bytes(bytes, 0, start));
    }

    pub(crate) fn push_null(&mut self) {
        self.nulls.push(self.views.len() as u32);
        self.views.push(View::default());
    }

    /// Forgets all but the first `length` strings.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.views.truncate(length);
        forget(&mut self.nulls, length);
    }

    /// The strings.
    ///
    /// # Safety
    /// All bytes that were added are UTF-8.
    pub(crate) unsafe fn finish(self) -> Utf8ViewArray {
        let validity = validity(self.views.len(), &self.nulls);
        let buffers = if self.buffer.is_empty() { Vec::new() } else { vec![self.buffer.into()] };
        // SAFETY: each view is inline or points into the one buffer, and the caller says that what was put there is UTF-8.
        unsafe {
            Utf8ViewArray::new_unchecked_unknown_md(
                ArrowDataType::Utf8View,
                self.views.into(),
                buffers.into(),
                validity,
                None,
            )
        }
    }
}

/// The view of the first `length` bytes of `word`, 12 at most.
#[inline(always)]
fn inline(word: u128, length: usize) -> View {
    let word = word & !(u128::MAX << (8 * length as u32));
    View { length: length as u32, prefix: word as u32, buffer_idx: (word >> 32) as u32, offset: (word >> 64) as u32 }
}

/// Which of `length` values are no nulls; `None` if all are.
pub(crate) fn validity(length: usize, nulls: &[u32]) -> Option<Bitmap> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = MutableBitmap::from_len_set(length);
    for null in nulls.iter().filter(|null| (**null as usize) < length) {
        bits.set(*null as usize, false);
    }
    Some(bits.freeze())
}

/// Forgets the nulls behind the first `length` values.
pub(crate) fn forget(nulls: &mut Vec<u32>, length: usize) {
    nulls.truncate(nulls.partition_point(|null| (*null as usize) < length));
}
