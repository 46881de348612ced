//! Strings and binary values, as views into the pages and dictionaries that hold them.

use polars_arrow::array::{Array, BinaryViewArray, Utf8ViewArray, View};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use super::delta::integers;
use super::fixed::{look_up, look_up_all};
use super::hybrid::{Hybrid, Run};
use super::page::Page;
use super::select::spread;
use super::values::Values;
use crate::parquet::error::Damage;
use crate::parquet::pages::encoding;

/// Values of at most this many bytes stand in their view.
const INLINE: usize = View::MAX_INLINE_SIZE as usize;

enum Source {
    None,
    Plain(Plain),
    Codes(Hybrid),
}

/// Values one behind the other, each behind its length.
struct Plain {
    bytes: Buffer<u8>,
    at: usize,
    /// The lengths, if they do not stand before the values.
    lengths: Option<(Vec<i64>, usize)>,
    /// All bytes of the page are ASCII, so every value is UTF-8.
    is_checked: bool,
    /// The page's place in the buffers of the array, once a value of it is there.
    buffer: Option<u32>,
}

impl Plain {
    fn new(bytes: Buffer<u8>, at: usize, lengths: Option<Vec<i64>>, is_text: bool) -> Result<Self, Damage> {
        let values = bytes.get(at..).ok_or(Damage::Ends)?;
        let is_checked = !is_text || values.is_ascii();
        Ok(Self { lengths: lengths.map(|lengths| (lengths, 0)), bytes, at, is_checked, buffer: None })
    }

    /// Where the next value stands. Steps behind it.
    #[inline(always)]
    fn next(&mut self) -> Result<(usize, usize), Damage> {
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

    fn check(&self, start: usize, length: usize) -> Result<(), Damage> {
        if !self.is_checked && std::str::from_utf8(&self.bytes[start..start + length]).is_err() {
            return Err(Damage::Page("text that is not UTF-8"));
        }
        Ok(())
    }
}

/// The view of `length` bytes at `start` of `bytes`, which are the buffer number `buffer` of the array.
#[inline(always)]
fn view(bytes: &[u8], start: usize, length: usize, buffer: u32) -> View {
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

/// Strings, if `is_text`, or binary values.
pub(super) struct Texts {
    dtype: ArrowDataType,
    is_text: bool,
    dictionary: Vec<View>,
    /// The values of the dictionary; the first buffer of every array, if there is a dictionary.
    dictionary_bytes: Option<Buffer<u8>>,
    source: Source,
    out: Vec<View>,
    buffers: Vec<Buffer<u8>>,
    /// Selected values that do not fit their views, and the number that their buffer has.
    copied: Option<(Vec<u8>, u32)>,
}

impl Texts {
    pub(super) fn new(dtype: ArrowDataType) -> Self {
        Self {
            is_text: dtype == ArrowDataType::Utf8View,
            dtype,
            dictionary: Vec::new(),
            dictionary_bytes: None,
            source: Source::None,
            out: Vec::new(),
            buffers: Vec::new(),
            copied: None,
        }
    }
}

/// A page whose bytes are held: views need them after the file is gone, and text must not change once it is checked.
fn held(page: Buffer<u8>) -> Result<Buffer<u8>, Damage> {
    if page.len() > u32::MAX as usize {
        return Err(Damage::PageSize { found: page.len() as u64, limit: u64::from(u32::MAX) });
    }
    Ok(page)
}

impl Values for Texts {
    fn dictionary(&mut self, bytes: Buffer<u8>, values: usize, is_part: bool) -> Result<(), Damage> {
        let mut plain = Plain::new(held(bytes)?, 0, None, self.is_text)?;
        for _ in 0..values {
            let (start, length) = match plain.next() {
                Err(_) if is_part => break,
                next => next?,
            };
            plain.check(start, length)?;
            self.dictionary.push(view(&plain.bytes, start, length, 0));
        }
        self.buffers.push(plain.bytes.clone());
        self.dictionary_bytes = Some(plain.bytes);
        Ok(())
    }

    fn start(&mut self, page: Page, values: usize) -> Result<(), Damage> {
        let Page { bytes, start, encoding, .. } = page;
        self.source = match encoding {
            encoding::PLAIN => Source::Plain(Plain::new(held(bytes)?, start, None, self.is_text)?),
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY if values == 0 => Source::None,
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY => Source::Codes(Hybrid::with_width(bytes, start)?),
            encoding::DELTA_LENGTH_BYTE_ARRAY => {
                let (lengths, end) = integers(bytes.get(start..).unwrap_or_default(), values)?;
                Source::Plain(Plain::new(held(bytes)?, start + end, Some(lengths), self.is_text)?)
            },
            other => return Err(Damage::Encoding(other)),
        };
        Ok(())
    }

    fn take_page(&mut self) -> Buffer<u8> {
        match std::mem::replace(&mut self.source, Source::None) {
            Source::None => Buffer::new(),
            Source::Plain(plain) => plain.bytes,
            Source::Codes(codes) => codes.into_bytes(),
        }
    }

    fn reserve(&mut self, rows: usize) {
        self.out.reserve_exact(rows);
    }

    fn skip(&mut self, values: usize) -> Result<(), Damage> {
        match &mut self.source {
            Source::None if values == 0 => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain(plain) => (0..values).try_for_each(|_| plain.next().map(|_| ())),
            Source::Codes(codes) => codes.skip(values),
        }
    }

    fn read(&mut self, values: usize) -> Result<(), Damage> {
        let Self { dictionary, source, out, buffers, .. } = self;
        match source {
            Source::None if values == 0 => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain(plain) => {
                let buffer = *plain.buffer.get_or_insert_with(|| {
                    buffers.push(plain.bytes.clone());
                    buffers.len() as u32 - 1
                });
                for _ in 0..values {
                    let (start, length) = plain.next()?;
                    plain.check(start, length)?;
                    out.push(view(&plain.bytes, start, length, buffer));
                }
                Ok(())
            },
            Source::Codes(codes) => codes.read(values, |run| match run {
                Run::Equal(code, count) => {
                    out.extend(std::iter::repeat_n(look_up(dictionary, code)?, count));
                    Ok(())
                },
                Run::Different(codes) => look_up_all(dictionary, codes, out),
            }),
        }
    }

    fn read_selected(&mut self, selected: &Bitmap) -> Result<(), Damage> {
        let Self { dictionary, source, out, buffers, copied, .. } = self;
        match source {
            Source::None if selected.is_empty() => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain(plain) => {
                // Few values of a page are copied, so that they do not hold all of it.
                let (copied, buffer) = copied.get_or_insert_with(|| {
                    buffers.push(Buffer::new());
                    (Vec::new(), buffers.len() as u32 - 1)
                });
                for is_selected in selected.iter() {
                    let (start, length) = plain.next()?;
                    if !is_selected {
                        continue;
                    }
                    plain.check(start, length)?;
                    let mut view = view(&plain.bytes, start, length, *buffer);
                    if length > INLINE {
                        view.offset = u32::try_from(copied.len()).map_err(|_| Damage::Page("too much text"))?;
                        copied.extend_from_slice(&plain.bytes[start..start + length]);
                    }
                    out.push(view);
                }
                Ok(())
            },
            Source::Codes(codes) => {
                let mut row = 0;
                codes.read(selected.len(), |run| match run {
                    Run::Equal(code, count) => {
                        let picked = count - selected.null_count_range(row, count);
                        out.extend(std::iter::repeat_n(look_up(dictionary, code)?, picked));
                        row += count;
                        Ok(())
                    },
                    Run::Different(codes) => {
                        let picked = selected.clone().sliced(row, codes.len());
                        for index in picked.true_idx_iter() {
                            out.push(look_up(dictionary, codes[index])?);
                        }
                        row += codes.len();
                        Ok(())
                    },
                })
            },
        }
    }

    fn spread(&mut self, validity: &Bitmap, values: usize) {
        spread(&mut self.out, validity, values);
    }

    fn finish(&mut self, validity: Option<Bitmap>) -> Result<Box<dyn Array>, Damage> {
        let mut buffers = std::mem::take(&mut self.buffers);
        if let Some((bytes, buffer)) = self.copied.take() {
            buffers[buffer as usize] = Buffer::from(bytes);
        }
        self.buffers.extend(self.dictionary_bytes.clone());
        if let Source::Plain(plain) = &mut self.source {
            plain.buffer = None;
        }
        let (dtype, views) = (self.dtype.clone(), Buffer::from(std::mem::take(&mut self.out)));
        // SAFETY: a view that is not inline comes from `view`, for bytes that `Plain::next` found inside the buffer whose
        // number it got (or that were copied to where it points), and with these buffers no number changes until the next
        // array. Values are UTF-8 if the type says so: `check` has seen each, or the whole page.
        Ok(unsafe {
            match self.is_text {
                true => Utf8ViewArray::new_unchecked_unknown_md(dtype, views, buffers.into(), validity, None).boxed(),
                false => {
                    BinaryViewArray::new_unchecked_unknown_md(dtype, views, buffers.into(), validity, None).boxed()
                },
            }
        })
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
