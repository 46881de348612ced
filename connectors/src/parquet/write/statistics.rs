//! What a column chunk says of its values: smallest, largest, number of nulls.

use polars_core::datatypes::{AnyValue, DataType};
use polars_core::error::PolarsResult;
use polars_core::series::Series;
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::parquet::statistics::ParquetStatistics;

/// Longer texts are cut, or left out: readers load footers whole.
const MOST_BYTES: usize = 64;

/// The statistics of a chunk with the values of `series`, whose leaf has this physical type. Without bounds for types whose
/// values do not order as their encodings do.
pub(super) fn chunk_statistics(series: &Series, physical: PhysicalType) -> PolarsResult<Option<ParquetStatistics>> {
    let has_order = match series.dtype() {
        DataType::Boolean | DataType::String | DataType::Binary | DataType::Decimal(..) => true,
        DataType::Date | DataType::Time | DataType::Datetime(..) | DataType::Duration(_) => true,
        dtype => dtype.is_primitive_numeric(),
    };
    let (mut min_value, mut max_value) = (None, None);
    if has_order && series.null_count() < series.len() {
        let (min, max) = (series.min_reduce()?, series.max_reduce()?);
        min_value = encode(min.value(), physical, Bound::Min);
        max_value = encode(max.value(), physical, Bound::Max);
    }
    Ok(Some(ParquetStatistics {
        null_count: Some(series.null_count() as i64),
        distinct_count: None,
        min_value,
        max_value,
        min: None,
        max: None,
        is_min_value_exact: None,
        is_max_value_exact: None,
    }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Min,
    Max,
}

fn encode(value: &AnyValue, physical: PhysicalType, bound: Bound) -> Option<Vec<u8>> {
    // The specification wants zeros of this sign, as -0.0 equals 0.0.
    let zero = if bound == Bound::Min { -0.0 } else { 0.0 };
    match value {
        AnyValue::Boolean(value) => Some(vec![u8::from(*value)]),
        AnyValue::Float32(value) if value.is_nan() => None,
        AnyValue::Float64(value) if value.is_nan() => None,
        AnyValue::Float32(value) => Some(if *value == 0.0 { zero as f32 } else { *value }.to_le_bytes().to_vec()),
        AnyValue::Float64(value) => Some(if *value == 0.0 { zero } else { *value }.to_le_bytes().to_vec()),
        AnyValue::String(text) => text_bound(text, bound),
        AnyValue::StringOwned(text) => text_bound(text, bound),
        AnyValue::Binary(bytes) => bytes_bound(bytes, bytes.len().min(MOST_BYTES), bound),
        AnyValue::BinaryOwned(bytes) => bytes_bound(bytes, bytes.len().min(MOST_BYTES), bound),
        AnyValue::UInt64(value) => integer(i128::from(*value), physical),
        AnyValue::Decimal(value, ..) => integer(*value, physical),
        AnyValue::Time(value) | AnyValue::Datetime(value, ..) | AnyValue::Duration(value, _) => {
            integer(i128::from(*value), physical)
        },
        AnyValue::DatetimeOwned(value, ..) => integer(i128::from(*value), physical),
        AnyValue::Date(value) => integer(i128::from(*value), physical),
        value => integer(i128::from(value.extract::<i64>()?), physical),
    }
}

/// Unsigned integers keep their bits.
fn integer(value: i128, physical: PhysicalType) -> Option<Vec<u8>> {
    match physical {
        PhysicalType::Int32 => Some((value as i32).to_le_bytes().to_vec()),
        PhysicalType::Int64 => Some((value as i64).to_le_bytes().to_vec()),
        PhysicalType::FixedLenByteArray(length) => {
            value.to_be_bytes().get(16_usize.checked_sub(length)?..).map(<[u8]>::to_vec)
        },
        _ => None,
    }
}

fn text_bound(text: &str, bound: Bound) -> Option<Vec<u8>> {
    let end = (0..=text.len().min(MOST_BYTES)).rev().find(|end| text.is_char_boundary(*end))?;
    bytes_bound(text.as_bytes(), end, bound)
}

/// The front of a value is not larger than the value, but may be smaller.
fn bytes_bound(bytes: &[u8], end: usize, bound: Bound) -> Option<Vec<u8>> {
    match bound {
        Bound::Max if end < bytes.len() => None,
        _ => bytes.get(..end).map(<[u8]>::to_vec),
    }
}
