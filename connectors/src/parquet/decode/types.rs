//! Which columns are decoded here, and how.

use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::read::{ParquetTimeUnit, PrimitiveLogicalType};
use quokka_engine::physical::NARROW_DIGITS;

use super::booleans::Booleans;
use super::fixed::{BigEndian, Cast, Fixed};
use super::texts::Texts;
use super::values::Values;
use crate::parquet::pages::encoding;

/// A decoder from what is stored to arrays of `dtype`, or of 64-bit integers if these are decimals of few digits that are
/// stored in as few bytes; `None` if that is left to Polars.
pub(super) fn values(
    stored: PhysicalType,
    logical: Option<PrimitiveLogicalType>,
    dtype: &ArrowDataType,
) -> Option<Box<dyn Values>> {
    use ArrowDataType as A;
    use PhysicalType as P;
    macro_rules! cast {
        ($from:ty => $to:ty, $dtype:expr) => {
            Box::new(Fixed::new(Cast::<$from, $to>::default(), $dtype))
        };
    }
    // Polars knows decimals of one width.
    let dtype = match dtype {
        A::Decimal32(precision, scale) | A::Decimal64(precision, scale) => A::Decimal(*precision, *scale),
        other => other.clone(),
    };
    Some(match (stored, &dtype) {
        (P::Boolean, A::Boolean) => Box::new(Booleans::new()),
        (P::Int32, A::Int8) => cast!(i32 => i8, dtype),
        (P::Int32, A::Int16) => cast!(i32 => i16, dtype),
        (P::Int32, A::Int32 | A::Date32 | A::Time32(_)) => cast!(i32 => i32, dtype),
        (P::Int32, A::UInt8) => cast!(i32 => u8, dtype),
        (P::Int32, A::UInt16) => cast!(i32 => u16, dtype),
        (P::Int32, A::UInt32) => cast!(i32 => u32, dtype),
        // As they lie in batches.
        (P::Int32, A::Decimal(digits, _)) if *digits <= NARROW_DIGITS => cast!(i32 => i64, A::Int64),
        (P::Int64, A::Decimal(digits, _)) if *digits <= NARROW_DIGITS => cast!(i64 => i64, A::Int64),
        (P::Int32, A::Decimal(..)) => cast!(i32 => i128, dtype),
        (P::Int64, A::Int64 | A::Time64(_) | A::Duration(_)) => cast!(i64 => i64, dtype),
        (P::Int64, A::Timestamp(unit, _)) if is_stored_in(logical, *unit) => cast!(i64 => i64, dtype),
        (P::Int64, A::UInt32) => cast!(i64 => u32, dtype),
        (P::Int64, A::UInt64) => cast!(i64 => u64, dtype),
        (P::Int64, A::Decimal(..)) => cast!(i64 => i128, dtype),
        (P::Float, A::Float32) => cast!(f32 => f32, dtype),
        (P::Double, A::Float64) => cast!(f64 => f64, dtype),
        (P::FixedLenByteArray(width @ 1..=8), A::Decimal(digits, _)) if *digits <= NARROW_DIGITS => {
            Box::new(Fixed::new(BigEndian::<i64>::new(width), A::Int64))
        },
        (P::FixedLenByteArray(width @ 1..=16), A::Decimal(..)) => {
            Box::new(Fixed::new(BigEndian::<i128>::new(width), dtype))
        },
        (P::ByteArray, A::Utf8View | A::BinaryView) => Box::new(Texts::new(dtype)),
        _ => return None,
    })
}

/// Whether timestamps are delivered as they are stored.
fn is_stored_in(logical: Option<PrimitiveLogicalType>, unit: TimeUnit) -> bool {
    let Some(PrimitiveLogicalType::Timestamp { unit: stored, .. }) = logical else { return true };
    matches!(
        (stored, unit),
        (ParquetTimeUnit::Milliseconds, TimeUnit::Millisecond)
            | (ParquetTimeUnit::Microseconds, TimeUnit::Microsecond)
            | (ParquetTimeUnit::Nanoseconds, TimeUnit::Nanosecond)
    )
}

/// Whether values of a type are decoded here if they are stored so.
pub(super) fn is_decoded(stored: PhysicalType, code: i64) -> bool {
    use PhysicalType as P;
    use encoding::*;
    match code {
        PLAIN => true,
        PLAIN_DICTIONARY | RLE_DICTIONARY => stored != P::Boolean,
        RLE => stored == P::Boolean,
        DELTA_BINARY_PACKED => matches!(stored, P::Int32 | P::Int64),
        DELTA_LENGTH_BYTE_ARRAY => stored == P::ByteArray,
        BYTE_STREAM_SPLIT => !matches!(stored, P::Boolean | P::ByteArray | P::Int96),
        _ => false,
    }
}
