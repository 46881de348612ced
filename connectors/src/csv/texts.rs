//! Strings of one column: views, and one buffer of the bytes that do not fit in them.

use std::borrow::Cow;

use polars_arrow::array::View;

use super::masks::{BLOCK, find};
use super::number::Field;

/// Strings of at most this many bytes stand in their view.
const INLINE: usize = View::MAX_INLINE_SIZE as usize;

#[derive(Default)]
pub(super) struct Texts {
    pub(super) views: Vec<View>,
    pub(super) buffer: Vec<u8>,
    /// Indices of nulls.
    pub(super) nulls: Vec<u32>,
}

impl Texts {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { views: Vec::with_capacity(rows), ..Self::default() }
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.views.reserve(rows);
    }

    /// Adds the bytes of a field.
    #[inline(always)]
    pub(super) fn push_field(&mut self, field: Field<'_>) {
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

    fn push_bytes(&mut self, bytes: &[u8]) {
        let start = self.buffer.len() as u32;
        if bytes.len() > INLINE {
            self.buffer.extend_from_slice(bytes);
        }
        self.views.push(View::new_from_bytes(bytes, 0, start));
    }

    /// Adds what a field in quotes says; `None` if its quotes are wrong.
    #[inline(always)]
    pub(super) fn push_quoted_field(&mut self, field: Field<'_>, quote: Option<u8>) -> Option<()> {
        let length = field.len().checked_sub(2)?;
        let within = field.skip(1);
        if let (Some(block), Some(quote)) = (within.word::<BLOCK>(), quote)
            && length < BLOCK
        {
            // The first quote behind the one that opens is the last byte: nothing has to be resolved.
            if find(block, quote).trailing_zeros() as usize == length {
                self.push_field(within.shorten(length));
                return Some(());
            }
        }
        self.push_bytes(&unquote(field.bytes(), quote)?);
        Some(())
    }

    pub(super) fn push_null(&mut self) {
        self.nulls.push(self.views.len() as u32);
        self.views.push(View::default());
    }
}

/// The view of the first `length` bytes of `word`, 12 at most.
#[inline(always)]
fn inline(word: u128, length: usize) -> View {
    let word = word & !(u128::MAX << (8 * length as u32));
    View { length: length as u32, prefix: word as u32, buffer_idx: (word >> 32) as u32, offset: (word >> 64) as u32 }
}

/// What a field in quotes says; `None` if no quote closes it or text stands behind that.
pub(super) fn unquote(field: &[u8], quote: Option<u8>) -> Option<Cow<'_, [u8]>> {
    let quote = quote?;
    let within = field.strip_prefix(&[quote])?.strip_suffix(&[quote])?;
    if !within.contains(&quote) {
        return Some(Cow::Borrowed(within));
    }
    let mut text = Vec::with_capacity(within.len());
    let mut bytes = within.iter();
    while let Some(byte) = bytes.next() {
        if *byte == quote && bytes.next() != Some(&quote) {
            return None;
        }
        text.push(*byte);
    }
    Some(Cow::Owned(text))
}
