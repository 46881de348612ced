//! Strings and binary values, as views into the pages and dictionaries that hold them.

use polars_arrow::array::{Array, View};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use super::delta::integers;
use super::dictionary::Dictionary;
use super::hybrid::Hybrid;
use super::look_up::{read_selected_values, read_values};
use super::page::Page;
use super::select::spread;
use super::values::Values;
use super::views::{INLINE, Plain, array, view};
use crate::parquet::error::Damage;
use crate::parquet::pages::encoding;

enum Source {
    None,
    Plain(Plain),
    Codes(Hybrid),
}

/// Strings, if `is_text`, or binary values.
pub(super) struct Texts {
    dtype: ArrowDataType,
    is_text: bool,
    /// Its bytes are the first buffer of every array, if there is one.
    dictionary: Dictionary,
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
            dictionary: Dictionary::default(),
            source: Source::None,
            out: Vec::new(),
            buffers: Vec::new(),
            copied: None,
        }
    }
}

impl Values for Texts {
    fn dictionary(&mut self, bytes: Buffer<u8>, values: usize, is_part: bool) -> Result<(), Damage> {
        self.dictionary = Dictionary::new(bytes, values, self.is_text, is_part)?;
        self.buffers.extend(self.dictionary.bytes.clone());
        Ok(())
    }

    fn start(&mut self, page: Page, values: usize) -> Result<(), Damage> {
        let Page { bytes, start, encoding, .. } = page;
        self.source = match encoding {
            encoding::PLAIN => Source::Plain(Plain::new(bytes, start, None, self.is_text)?),
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY if values == 0 => Source::None,
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY => Source::Codes(Hybrid::with_width(bytes, start)?),
            encoding::DELTA_LENGTH_BYTE_ARRAY => {
                let (lengths, end) = integers(bytes.get(start..).unwrap_or_default(), values)?;
                Source::Plain(Plain::new(bytes, start + end, Some(lengths), self.is_text)?)
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
        let Self { dictionary: Dictionary { views: dictionary, .. }, source, out, buffers, .. } = self;
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
            Source::Codes(codes) => read_values(codes, values, dictionary, out),
        }
    }

    fn read_selected(&mut self, selected: &Bitmap) -> Result<(), Damage> {
        let Self { dictionary: Dictionary { views: dictionary, .. }, source, out, buffers, copied, .. } = self;
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
            Source::Codes(codes) => read_selected_values(codes, selected, dictionary, out),
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
        self.buffers.extend(self.dictionary.bytes.clone());
        if let Source::Plain(plain) = &mut self.source {
            plain.buffer = None;
        }
        // SAFETY: a view that is not inline comes from `view`, for bytes that `Plain::next` found inside the buffer whose
        // number it got (or that were copied to where it points), and with these buffers no number changes until the next
        // array. Values are UTF-8 if the type says so: `check` has seen each, or the whole page.
        Ok(unsafe { array(self.dtype.clone(), std::mem::take(&mut self.out), buffers, validity) })
    }
}
