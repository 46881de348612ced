//! Values of any length one behind the other, and views of them.

use polars_arrow::array::{Array, BinaryViewArray, Utf8ViewArray, View};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use crate::parquet::error::Damage;

/// Values of at most this many bytes stand in their view.
pub(super) const INLINE: usize = View::MAX_INLINE_SIZE as usize;

/// Values one behind the other, each behind its length.
pub(super) struct Plain {
    pub(super) bytes: Buffer<u8>,
    at: usize,
    /// The lengths, if they do not stand before the values.
    lengths: Option<(Vec<i64>, usize)>,
    /// All bytes of the page are ASCII, so every value is UTF-8.
    is_checked: bool,
    /// The page's place in the buffers of the array, once a value of it is there.
    pub(super) buffer: Option<u32>,
}

impl Plain {
    /// Values from the byte `at` on; they are checked to be UTF-8 if `is_text`.
    pub(super) fn new(bytes: Buffer<u8>, at: usize, lengths: Option<Vec<i64>>, is_text: bool) -> Result<Self, Damage> {
        if bytes.len() > u32::MAX as usize {
            // Views could not point at all of it.
            return Err(Damage::PageSize { found: bytes.len() as u64, limit: u64::from(u32::MAX) });
        }
        let values = bytes.get(at..).ok_or(Damage::Ends)?;
        let is_checked = !is_text || values.is_ascii();
        Ok(Self { lengths: lengths.map(|lengths| (lengths, 0)), bytes, at, is_checked, buffer: None })
    }

    /// Where the next value stands. Steps behind it.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<(usize, usize), Damage> {
        let (start, length) = match &mut self.lengths {
            None => {
                let length = self.bytes.get(self.at..).and_then(|bytes| bytes.first_chunk()).ok_or(Damage::Ends)?;
                (self.at + 4, u32::from_le_bytes(*length) as usize)
            },
            Some((lengths, next)) => {
                let length = lengths.get(*next).ok_or(Damage::Ends)?;
                *next += 1;
                (self.at, usize::try_from(*length).map_err(|_| Damage::Page("a negative length"))?)
            },
        };
        let end = start.checked_add(length).ok_or(Damage::Ends)?;
        if end > self.bytes.len() {
            return Err(Damage::Ends);
        }
        self.at = end;
        Ok((start, length))
    }

    /// Checks a value before it is used.
    pub(super) fn check(&self, start: usize, length: usize) -> Result<(), Damage> {
        if !self.is_checked && std::str::from_utf8(&self.bytes[start..start + length]).is_err() {
            return Err(Damage::Page("text that is not UTF-8"));
        }
        Ok(())
    }
}

/// The view of `length` bytes at `start` of `bytes`, which are the buffer number `buffer` of the array.
#[inline(always)]
pub(super) fn view(bytes: &[u8], start: usize, length: usize, buffer: u32) -> View {
    match bytes.get(start..).and_then(|bytes| bytes.first_chunk::<INLINE>()) {
        Some(first) => {
            // A view of few bytes is its length and the bytes, padded with zeros; one of many is its length, the first
            // four bytes and where they stand. Either is put together without a branch a byte.
            let mut word = [0; 16];
            word[..INLINE].copy_from_slice(first);
            let word = u128::from_le_bytes(word);
            if length <= INLINE {
                let word = word & !(u128::MAX << (8 * length as u32));
                View {
                    length: length as u32,
                    prefix: word as u32,
                    buffer_idx: (word >> 32) as u32,
                    offset: (word >> 64) as u32,
                }
            } else {
                View { length: length as u32, prefix: word as u32, buffer_idx: buffer, offset: start as u32 }
            }
        },
        // Near the end of the bytes.
        None => View::new_from_bytes(&bytes[start..start + length], buffer, start as u32),
    }
}

/// An array of strings or of binary values, as `dtype` says.
///
/// # Safety
/// Each view that is not inline points into the buffer of its number, and values are UTF-8 if `dtype` says so.
pub(super) unsafe fn array(
    dtype: ArrowDataType,
    views: Vec<View>,
    buffers: Vec<Buffer<u8>>,
    validity: Option<Bitmap>,
) -> Box<dyn Array> {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            ArrowDataType::Utf8View => {
                Utf8ViewArray::new_unchecked_unknown_md(dtype, views.into(), buffers.into(), validity, None).boxed()
            },
            _ => BinaryViewArray::new_unchecked_unknown_md(dtype, views.into(), buffers.into(), validity, None).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_those_of_polars() {
        let bytes: Vec<u8> = (1..60).collect();
        for start in [0, 1, 40, 47, 48, 58] {
            for length in 0..bytes.len() - start {
                let found = view(&bytes, start, length, 7);
                let expected = View::new_from_bytes(&bytes[start..start + length], 7, start as u32);
                assert_eq!(found.as_u128(), expected.as_u128(), "{start} {length}");
            }
        }
    }
}
