//! The parts of a page: which rows are null, and the values of the others.

use polars_arrow::array::{Array, BinaryViewArray, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::datatypes::{DataType, PolarsNumericType};
use polars_core::error::{PolarsError, PolarsResult};
use polars_core::prelude::ChunkedArray;
use polars_core::series::Series;

use super::hybrid::{write_bits, write_run};

/// Appends which of `rows` rows have a value (levels of 1), behind the number of bytes that this takes.
pub(super) fn write_levels(validity: Option<&Bitmap>, rows: usize, page: &mut Vec<u8>) {
    let start = page.len();
    page.extend_from_slice(&[0; 4]);
    match validity.filter(|validity| validity.unset_bits() > 0) {
        Some(validity) => write_bits(&packed(validity), page),
        None => write_run(1, rows, 1, page),
    }
    let length = (page.len() - start - 4) as u32;
    page[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Bits from the first bit of a byte on, with zeros behind them.
pub(super) fn packed(bits: &Bitmap) -> Vec<u8> {
    let (bytes, offset, length) = bits.as_slice();
    let mut packed: Vec<u8> = match offset {
        0 => bytes[..length.div_ceil(8)].to_vec(),
        _ => {
            let next = bytes.iter().skip(1).chain(&[0]);
            let shifted = bytes.iter().zip(next).map(|(byte, next)| (byte >> offset) | (next << (8 - offset)));
            shifted.take(length.div_ceil(8)).collect()
        },
    };
    if let Some(last) = packed.last_mut().filter(|_| length % 8 > 0) {
        *last &= (1 << (length % 8)) - 1;
    }
    packed
}

/// Appends the values of `series` that are not null, as words of `width` bytes in the lower bytes of those of 64 bits.
///
/// # Errors
/// A decimal with more digits than its type has.
pub(super) fn collect_words(series: &Series, width: usize, words: &mut Vec<u64>) -> PolarsResult<()> {
    let physical = series.to_physical_repr();
    match physical.dtype() {
        DataType::Int8 => extend(physical.i8()?, words, |value| value as i32 as u32 as u64),
        DataType::Int16 => extend(physical.i16()?, words, |value| value as i32 as u32 as u64),
        DataType::Int32 => extend(physical.i32()?, words, |value| value as u32 as u64),
        DataType::UInt8 => extend(physical.u8()?, words, u64::from),
        DataType::UInt16 => extend(physical.u16()?, words, u64::from),
        DataType::UInt32 => extend(physical.u32()?, words, u64::from),
        DataType::UInt64 => extend(physical.u64()?, words, |value| value),
        DataType::Float32 => extend(physical.f32()?, words, |value| u64::from(value.to_bits())),
        DataType::Float64 => extend(physical.f64()?, words, f64::to_bits),
        DataType::Int64 if width == 8 => extend(physical.i64()?, words, |value| value as u64),
        DataType::Int64 => {
            let mut fits = true;
            extend(physical.i64()?, words, |value| {
                fits &= i64::from(value as i32) == value;
                value as u32 as u64
            });
            return if fits { Ok(()) } else { Err(too_many_digits(series)) };
        },
        DataType::Int128 => {
            let mut fits = true;
            extend(physical.i128()?, words, |value| {
                let word = if width == 8 { value as i64 } else { i64::from(value as i32) };
                fits &= i128::from(word) == value;
                if width == 8 { word as u64 } else { u64::from(word as u32) }
            });
            return if fits { Ok(()) } else { Err(too_many_digits(series)) };
        },
        other => {
            let reason = format!("column `{}` of type `{other}` is not made of words", series.name());
            return Err(PolarsError::SchemaMismatch(reason.into()));
        },
    }
    Ok(())
}

fn too_many_digits(series: &Series) -> PolarsError {
    let reason = format!("column `{}` has a decimal with more digits than its type", series.name());
    PolarsError::ComputeError(reason.into())
}

fn extend<T>(values: &ChunkedArray<T>, words: &mut Vec<u64>, mut word: impl FnMut(T::Native) -> u64)
where
    T: PolarsNumericType,
    T::Native: NativeType,
{
    for array in values.downcast_iter() {
        let array: &PrimitiveArray<T::Native> = array;
        match array.null_count() {
            0 => words.extend(array.values().iter().map(|value| word(*value))),
            _ => words.extend(array.non_null_values_iter().map(&mut word)),
        }
    }
}

/// Appends words as they stand in a page.
pub(super) fn write_words(words: &[u64], width: usize, page: &mut Vec<u8>) {
    match width {
        4 => page.extend(words.iter().flat_map(|word| (*word as u32).to_le_bytes())),
        _ => page.extend(words.iter().flat_map(|word| word.to_le_bytes())),
    }
}

/// Appends the values that are not null, each behind its length.
pub(super) fn write_bytes(array: &BinaryViewArray, page: &mut Vec<u8>) {
    for value in array.non_null_values_iter() {
        page.extend_from_slice(&(value.len() as u32).to_le_bytes());
        page.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_start_with_a_byte() {
        let bits: Vec<bool> = (0..70).map(|bit| bit % 3 == 0 || bit % 7 == 0).collect();
        let whole = Bitmap::from_iter(bits.iter().copied());
        for start in 0..20 {
            for length in 0..50 {
                let packed = packed(&whole.clone().sliced(start, length));
                assert_eq!(packed.len(), length.div_ceil(8));
                for bit in 0..packed.len() * 8 {
                    let expected = bit < length && bits[start + bit];
                    assert_eq!(packed[bit / 8] >> (bit % 8) & 1 == 1, expected, "{start} {length} {bit}");
                }
            }
        }
    }
}
