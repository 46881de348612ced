//! What the footers say of the values in a column: smallest, largest, number of nulls.

use polars_arrow::datatypes::{ArrowDataType, TimeUnit as ArrowTimeUnit};
use polars_core::datatypes::{AnyValue, DataType, TimeUnit};
use polars_core::error::PolarsResult;
use polars_core::series::Series;
use polars_parquet::parquet::metadata::ColumnDescriptor;
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{ParquetTimeUnit, PrimitiveConvertedType, PrimitiveLogicalType};
use polars_utils::pl_str::PlSmallStr;

use super::file::ParquetFile;
use super::guard::guarded;

/// Bounds of the values of one column in each of some row groups; null where nothing is known.
pub(super) struct Bounds {
    /// No value is smaller.
    pub(super) min: Series,
    /// No value is larger, except that a column of floats may hold NaN besides.
    pub(super) max: Series,
    /// How many values are null.
    pub(super) nulls: Series,
}

#[derive(Default)]
struct Chunk {
    min: Option<AnyValue<'static>>,
    max: Option<AnyValue<'static>>,
    nulls: Option<u64>,
}

/// The bounds of `column` in the given row groups (a file and an index in it).
pub(super) fn bounds<'a>(
    row_groups: impl Iterator<Item = (&'a ParquetFile, usize)>,
    column: &str,
    dtype: &DataType,
) -> PolarsResult<Bounds> {
    // Statistics only help: whatever is wrong with them, the row group is read.
    let chunks: Vec<Chunk> = row_groups
        .map(|(file, row_group)| guarded(|| Ok(chunk(file, row_group, column, dtype))).ok().flatten())
        .map(Option::unwrap_or_default)
        .collect();
    let series = |value: fn(&Chunk) -> &Option<AnyValue<'static>>| {
        if chunks.iter().all(|chunk| value(chunk).is_none()) {
            return Ok(Series::full_null(PlSmallStr::EMPTY, chunks.len(), dtype));
        }
        let values: Vec<_> = chunks.iter().map(|chunk| value(chunk).clone().unwrap_or(AnyValue::Null)).collect();
        Series::from_any_values_and_dtype(PlSmallStr::EMPTY, &values, dtype, false)
    };
    Ok(Bounds {
        min: series(|chunk| &chunk.min)?,
        max: series(|chunk| &chunk.max)?,
        nulls: chunks.iter().map(|chunk| chunk.nulls).collect(),
    })
}

fn chunk(file: &ParquetFile, row_group: usize, column: &str, dtype: &DataType) -> Option<Chunk> {
    let row_group = file.row_group(row_group)?;
    let chunk = row_group.column(column)?.next().filter(|chunk| chunk.column.path_in_schema.len() == 1)?;
    let repetition = chunk.column.descriptor.primitive_type.field_info.repetition;
    if repetition == Repetition::Repeated {
        return None;
    }
    let required = (repetition == Repetition::Required).then_some(0);
    let Some(statistics) = chunk.statistics() else {
        return Some(Chunk { nulls: required, ..Chunk::default() });
    };
    let by_polars = file.is_by_polars();
    let rows = row_group.rows as u64;
    let most = if by_polars { rows.saturating_sub(1) } else { rows };
    let nulls = statistics.null_count().and_then(|nulls| u64::try_from(nulls).ok());
    let nulls = required.or(nulls.filter(|nulls| *nulls <= most));
    let (min, max) = match by_polars && are_merged_wrong(dtype, &statistics) {
        true => Range::default(),
        false => values(chunk.column, statistics, dtype, &file.field(column)?.dtype).unwrap_or_default(),
    };
    Some(Chunk { min, max, nulls })
}

/// Whether Polars gets the bounds of a column chunk wrong when it has several pages (version 0.55.2; a file does not tell
/// the version). It merges the bounds of pages in the order of how they are stored, not of the values: unsigned integers
/// as signed ones, long decimals byte by byte, and a page with NaN drops what was merged before it.
///
/// It also counts the nulls of a chunk with a dictionary once a page: its counts are right if 0, too large otherwise.
fn are_merged_wrong(dtype: &DataType, statistics: &Statistics) -> bool {
    match dtype {
        DataType::UInt32 | DataType::UInt64 | DataType::Float32 | DataType::Float64 => true,
        DataType::Decimal(..) => matches!(statistics, Statistics::FixedLen(_)),
        _ => false,
    }
}

type Range = (Option<AnyValue<'static>>, Option<AnyValue<'static>>);

/// The bounds as values of `dtype`. `None` for types whose values do not order as their bounds do, such as categories,
/// and for encodings that are too rare to be worth code.
fn values(leaf: &ColumnDescriptor, statistics: Statistics, dtype: &DataType, arrow: &ArrowDataType) -> Option<Range> {
    use Statistics as S;
    match (dtype, statistics) {
        (DataType::Boolean, S::Boolean(s)) => range(s.min_value, s.max_value, |v| Some(AnyValue::Boolean(v))),
        (DataType::Int8 | DataType::Int16 | DataType::Int32, S::Int32(s)) => {
            range(s.min_value, s.max_value, |v| Some(AnyValue::Int32(v)))
        },
        (DataType::Int64, S::Int64(s)) => range(s.min_value, s.max_value, |v| Some(AnyValue::Int64(v))),
        (DataType::UInt8 | DataType::UInt16 | DataType::UInt32, S::Int32(s)) => {
            let unsigned = |v: Option<i32>| v.map(|v| v as u32);
            range(unsigned(s.min_value), unsigned(s.max_value), |v| Some(AnyValue::UInt32(v)))
        },
        (DataType::UInt64, S::Int64(s)) => {
            let unsigned = |v: Option<i64>| v.map(|v| v as u64);
            range(unsigned(s.min_value), unsigned(s.max_value), |v| Some(AnyValue::UInt64(v)))
        },
        (DataType::Float32, S::Float(s)) => range(s.min_value, s.max_value, |v| Some(AnyValue::Float32(v))),
        (DataType::Float64, S::Double(s)) => range(s.min_value, s.max_value, |v| Some(AnyValue::Float64(v))),
        (DataType::Date, S::Int32(s)) => range(s.min_value, s.max_value, |v| Some(AnyValue::Date(v))),
        (DataType::Datetime(unit, _), S::Int64(s)) if is_stored_in(leaf, *unit, arrow) => {
            range(s.min_value, s.max_value, |v| Some(AnyValue::Datetime(v, *unit, None)))
        },
        (DataType::String, S::Binary(s)) => {
            range(s.min_value, s.max_value, |v| Some(AnyValue::StringOwned(String::from_utf8(v).ok()?.into())))
        },
        (DataType::Binary, S::Binary(s)) => range(s.min_value, s.max_value, |v| Some(AnyValue::BinaryOwned(v))),
        (DataType::Decimal(precision, scale), statistics) => {
            let decimal = |v| Some(AnyValue::Decimal(v, *precision, *scale));
            match statistics {
                S::Int32(s) => range(s.min_value.map(i128::from), s.max_value.map(i128::from), decimal),
                S::Int64(s) => range(s.min_value.map(i128::from), s.max_value.map(i128::from), decimal),
                S::FixedLen(s) => range(big_endian(s.min_value), big_endian(s.max_value), decimal),
                _ => None,
            }
        },
        _ => None,
    }
}

fn range<T: PartialOrd>(
    min: Option<T>,
    max: Option<T>,
    value: impl Fn(T) -> Option<AnyValue<'static>>,
) -> Option<Range> {
    if matches!((&min, &max), (Some(min), Some(max)) if min > max) {
        // Damaged, or written by a tool with another order in mind.
        return None;
    }
    Some((min.and_then(&value), max.and_then(&value)))
}

/// A signed number of at most 16 bytes, most significant first.
fn big_endian(bytes: Option<Vec<u8>>) -> Option<i128> {
    let bytes = bytes.filter(|bytes| (1..=16).contains(&bytes.len()))?;
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    Some(bytes.iter().fold(if negative { -1 } else { 0 }, |value, byte| (value << 8) | i128::from(*byte)))
}

/// Whether the file holds timestamps of `unit` as they are; others are converted when they are read.
fn is_stored_in(leaf: &ColumnDescriptor, unit: TimeUnit, arrow: &ArrowDataType) -> bool {
    let stored = &leaf.descriptor.primitive_type;
    let read_as_stored = match arrow {
        ArrowDataType::Timestamp(ArrowTimeUnit::Millisecond, _) => unit == TimeUnit::Milliseconds,
        ArrowDataType::Timestamp(ArrowTimeUnit::Microsecond, _) => unit == TimeUnit::Microseconds,
        ArrowDataType::Timestamp(ArrowTimeUnit::Nanosecond, _) => unit == TimeUnit::Nanoseconds,
        _ => false,
    };
    let unit_of_file = match (stored.logical_type, stored.converted_type) {
        (Some(PrimitiveLogicalType::Timestamp { unit, .. }), _) => match unit {
            ParquetTimeUnit::Milliseconds => Some(TimeUnit::Milliseconds),
            ParquetTimeUnit::Microseconds => Some(TimeUnit::Microseconds),
            ParquetTimeUnit::Nanoseconds => Some(TimeUnit::Nanoseconds),
        },
        (None, Some(PrimitiveConvertedType::TimestampMillis)) => Some(TimeUnit::Milliseconds),
        (None, Some(PrimitiveConvertedType::TimestampMicros)) => Some(TimeUnit::Microseconds),
        _ => None,
    };
    read_as_stored && unit_of_file == Some(unit)
}
