//! Numbers, dates and decimals: values of a fixed number of bytes.

use std::marker::PhantomData;

use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;

use super::delta::integers;
use super::hybrid::Hybrid;
use super::look_up::{read_selected_values, read_values};
use super::page::Page;
use super::select::spread;
use super::values::Values;
use super::words::for_each_set;
use crate::parquet::error::Damage;
use crate::parquet::pages::encoding;

/// How a stored value becomes one of an array.
pub(super) trait Conversion {
    type Out: NativeType;

    /// Bytes of a stored value.
    fn width(&self) -> usize;

    /// The value of `width` bytes.
    fn convert(&self, bytes: &[u8]) -> Self::Out;

    /// Stored bytes of an integer that was stored as a difference.
    fn store(&self, _integer: i64, _bytes: &mut Vec<u8>) -> Result<(), Damage> {
        Err(Damage::Page("differences of values that are not integers"))
    }
}

/// A number of the type `From` becomes the number of the type `To` that `as` makes of it.
pub(super) struct Cast<From, To>(PhantomData<(From, To)>);

impl<From, To> Default for Cast<From, To> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

macro_rules! cast {
    ($($from:ty => $($to:ty)*;)*) => {
        $($(impl Conversion for Cast<$from, $to> {
            type Out = $to;

            #[inline(always)]
            fn width(&self) -> usize {
                size_of::<$from>()
            }

            #[inline(always)]
            fn convert(&self, bytes: &[u8]) -> $to {
                bytes.first_chunk().map_or(<$from>::default(), |bytes| <$from>::from_le_bytes(*bytes)) as $to
            }

            fn store(&self, integer: i64, bytes: &mut Vec<u8>) -> Result<(), Damage> {
                bytes.extend((integer as $from).to_le_bytes());
                Ok(())
            }
        })*)*
    };
}

cast! {
    i32 => i8 i16 i32 i64 i128 u8 u16 u32;
    i64 => i64 i128 u32 u64;
    f32 => f32;
    f64 => f64;
}

/// A signed number of at most 16 bytes, most significant first, that becomes a number of the type `To`.
pub(super) struct BigEndian<To> {
    width: usize,
    to: PhantomData<To>,
}

impl<To> BigEndian<To> {
    /// Numbers of `width` bytes, which is at least one.
    pub(super) fn new(width: usize) -> Self {
        Self { width, to: PhantomData }
    }
}

macro_rules! big_endian {
    ($($to:ty)*) => {
        $(impl Conversion for BigEndian<$to> {
            type Out = $to;

            fn width(&self) -> usize {
                self.width
            }

            fn convert(&self, bytes: &[u8]) -> $to {
                big_endian(bytes) as $to
            }
        })*
    };
}

big_endian!(i64 i128);

/// Two overlapping loads make numbers of any width that loads of one width would have to be copied for: files of many
/// writers hold decimals of 5 to 9 bytes.
#[inline(always)]
fn big_endian(bytes: &[u8]) -> i128 {
    let above = |width: usize| 8 * (bytes.len() - width) as u32;
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        i128::from(i64::from_be_bytes(*first)) << above(8) | i128::from(u64::from_be_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        i128::from(i64::from(i32::from_be_bytes(*first)) << above(4) | i64::from(u32::from_be_bytes(*last)))
    } else {
        let sign = bytes.first().map_or(0, |byte| i32::from(*byte as i8) >> 7);
        i128::from(bytes.iter().fold(sign, |number, byte| number << 8 | i32::from(*byte)))
    }
}

enum Source {
    None,
    Plain { bytes: Buffer<u8>, at: usize },
    Codes(Hybrid),
}

pub(super) struct Fixed<C: Conversion> {
    conversion: C,
    dtype: ArrowDataType,
    dictionary: Vec<C::Out>,
    source: Source,
    out: Vec<C::Out>,
}

impl<C: Conversion> Fixed<C> {
    pub(super) fn new(conversion: C, dtype: ArrowDataType) -> Self {
        Self { conversion, dtype, dictionary: Vec::new(), source: Source::None, out: Vec::new() }
    }
}

impl<C: Conversion> Values for Fixed<C> {
    fn dictionary(&mut self, bytes: Buffer<u8>, values: usize, is_part: bool) -> Result<(), Damage> {
        let width = self.conversion.width();
        let values = if is_part { values.min(bytes.len() / width) } else { values };
        let bytes = bytes.get(..values.checked_mul(width).ok_or(Damage::Ends)?).ok_or(Damage::Ends)?;
        self.dictionary = bytes.chunks_exact(width).map(|bytes| self.conversion.convert(bytes)).collect();
        Ok(())
    }

    fn start(&mut self, page: Page, values: usize) -> Result<(), Damage> {
        let width = self.conversion.width();
        let Page { bytes, start, encoding, .. } = page;
        self.source = match encoding {
            encoding::PLAIN => Source::Plain { bytes, at: start },
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY if values == 0 => Source::None,
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY => Source::Codes(Hybrid::with_width(bytes, start)?),
            encoding::BYTE_STREAM_SPLIT => {
                let streams =
                    bytes.get(start..).filter(|streams| streams.len() >= values * width).ok_or(Damage::Ends)?;
                let stream = streams.len() / width;
                let mut plain = vec![0; values * width];
                for (index, value) in plain.chunks_exact_mut(width).enumerate() {
                    for (byte, stored) in value.iter_mut().enumerate() {
                        *stored = streams[byte * stream + index];
                    }
                }
                Source::Plain { bytes: Buffer::from(plain), at: 0 }
            },
            encoding::DELTA_BINARY_PACKED => {
                let (integers, _) = integers(bytes.get(start..).unwrap_or_default(), values)?;
                let mut plain = Vec::with_capacity(integers.len() * width);
                for integer in integers {
                    self.conversion.store(integer, &mut plain)?;
                }
                Source::Plain { bytes: Buffer::from(plain), at: 0 }
            },
            other => return Err(Damage::Encoding(other)),
        };
        Ok(())
    }

    fn take_page(&mut self) -> Buffer<u8> {
        match std::mem::replace(&mut self.source, Source::None) {
            Source::None => Buffer::new(),
            Source::Plain { bytes, .. } => bytes,
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
            Source::Plain { at, .. } => {
                *at = at.saturating_add(values.saturating_mul(self.conversion.width()));
                Ok(())
            },
            Source::Codes(codes) => codes.skip(values),
        }
    }

    fn read(&mut self, values: usize) -> Result<(), Damage> {
        let Self { conversion, dictionary, source, out, .. } = self;
        match source {
            Source::None if values == 0 => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain { bytes, at } => {
                let width = conversion.width();
                let end = values.checked_mul(width).and_then(|length| at.checked_add(length)).ok_or(Damage::Ends)?;
                let stored = bytes.get(*at..end).ok_or(Damage::Ends)?;
                out.extend(stored.chunks_exact(width).map(|bytes| conversion.convert(bytes)));
                *at = end;
                Ok(())
            },
            Source::Codes(codes) => read_values(codes, values, dictionary, out),
        }
    }

    fn read_selected(&mut self, selected: &Bitmap) -> Result<(), Damage> {
        let Self { conversion, dictionary, source, out, .. } = self;
        match source {
            Source::None if selected.is_empty() => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain { bytes, at } => {
                let width = conversion.width();
                let length = selected.len().checked_mul(width).ok_or(Damage::Ends)?;
                let end = at.checked_add(length).ok_or(Damage::Ends)?;
                let stored = bytes.get(*at..end).ok_or(Damage::Ends)?;
                for_each_set(selected, |row| out.push(conversion.convert(&stored[row * width..][..width])));
                *at = end;
                Ok(())
            },
            Source::Codes(codes) => read_selected_values(codes, selected, dictionary, out),
        }
    }

    fn spread(&mut self, validity: &Bitmap, values: usize) {
        spread(&mut self.out, validity, values);
    }

    fn finish(&mut self, validity: Option<Bitmap>) -> Result<Box<dyn Array>, Damage> {
        let values = Buffer::from(std::mem::take(&mut self.out));
        Ok(PrimitiveArray::try_new(self.dtype.clone(), values, validity).map_err(Damage::Polars)?.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_endian_numbers_keep_their_sign() {
        for value in [0, 1, -1, 127, -128, 12345, -12345, i128::MAX, i128::MIN] {
            let bytes = value.to_be_bytes();
            let fits = |width: &usize| (value << (128 - 8 * width)) >> (128 - 8 * width) == value;
            let narrowest = (1..=16).find(fits).unwrap_or(16);
            for width in narrowest..=16 {
                assert_eq!(big_endian(&bytes[16 - width..]), value, "{width}");
            }
        }
    }
}
