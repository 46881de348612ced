//! How the values of a column lie in batches.
//!
//! Plans and users see Polars' types. In the batches between operators a decimal of up to [`NARROW_DIGITS`] digits is a
//! 64-bit integer, its unscaled value: half the memory of Polars' 128 bits in every buffer, gather, exchange and key, and
//! integers that processors compute with. All other types, decimals inside of lists and structs among them, lie as Polars
//! has them. The mapping depends on the type alone, so that every operator of every process agrees on it.
//!
//! Sources may deliver either form; what they deliver is converted right behind them. Sinks convert back.

use std::borrow::Cow;
use std::sync::Arc;

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_core::datatypes::{AnyValue, DataType};
use polars_core::frame::DataFrame;
use polars_core::frame::column::Column;
use polars_core::prelude::{ChunkedArray, Int64Chunked, Int128Chunked, IntoColumn, PolarsNumericType};
use polars_core::scalar::Scalar;
use polars_core::schema::{Schema, SchemaRef};

use crate::error::{ErrorKind, OperatorError};

/// Every decimal of so many digits fits 64 bits.
pub const NARROW_DIGITS: usize = 18;

/// A decimal with more digits than its type.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` holds a decimal that does not fit its type `{dtype}`: cast it to a type with more digits")]
struct TooManyDigits {
    column: String,
    dtype: DataType,
}

/// Whether columns of this type are decimals that lie in batches as 64-bit integers.
pub fn is_narrow(dtype: &DataType) -> bool {
    matches!(dtype, DataType::Decimal(precision, _) if *precision <= NARROW_DIGITS)
}

/// The type that columns of type `dtype` have in batches.
///
/// ```
/// use polars_core::prelude::DataType;
/// use quokka_engine::physical::physical_dtype;
///
/// assert_eq!(physical_dtype(&DataType::Decimal(15, 2)), DataType::Int64);
/// assert_eq!(physical_dtype(&DataType::Decimal(38, 2)), DataType::Decimal(38, 2));
/// ```
pub fn physical_dtype(dtype: &DataType) -> DataType {
    if is_narrow(dtype) { DataType::Int64 } else { dtype.clone() }
}

/// The types that columns of `schema` have in batches.
pub fn physical_schema(schema: &SchemaRef) -> SchemaRef {
    match to_physical_schema(schema) {
        Cow::Borrowed(_) => schema.clone(),
        Cow::Owned(physical) => Arc::new(physical),
    }
}

/// As [`physical_schema`], for a schema that is not shared.
pub(crate) fn to_physical_schema(schema: &Schema) -> Cow<'_, Schema> {
    if !schema.iter_values().any(is_narrow) {
        return Cow::Borrowed(schema);
    }
    Cow::Owned(schema.iter().map(|(name, dtype)| (name.clone(), physical_dtype(dtype))).collect())
}

/// `frame`, whose columns have Polars' types or lie as in batches, as a batch.
///
/// ```
/// use polars_core::prelude::*;
/// use quokka_engine::physical::{to_logical, to_physical};
///
/// let price = Series::new("price".into(), ["1.25", "3.00"]).cast(&DataType::Decimal(15, 2))?;
/// let frame = DataFrame::new(2, vec![price.into_column()])?;
/// let batch = to_physical(frame.clone())?;
/// assert_eq!(batch, df!("price" => [125i64, 300])?);
/// assert_eq!(to_logical(batch, frame.schema())?, frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A decimal that needs more than 64 bits although its type has few digits, of kind [`ErrorKind::Overflow`].
pub fn to_physical(frame: DataFrame) -> Result<DataFrame, OperatorError> {
    if !frame.columns().iter().any(|column| is_narrow(column.dtype())) {
        return Ok(frame);
    }
    convert(frame, |column, _| column_to_physical(column))
}

/// A batch with the columns of `schema`, with Polars' types.
///
/// # Errors
/// Another number of columns.
pub fn to_logical(batch: DataFrame, schema: &Schema) -> Result<DataFrame, OperatorError> {
    if batch.width() != schema.len() {
        let message = format!("a batch has {} columns instead of {}", batch.width(), schema.len());
        return Err(OperatorError::message(ErrorKind::Internal, message));
    }
    if !schema.iter_values().any(is_narrow) {
        return Ok(batch);
    }
    convert(batch, |column, index| match schema.get_at_index(index) {
        Some((_, dtype)) if is_narrow(dtype) => column_to_logical(column, dtype),
        _ => Ok(column),
    })
}

fn convert(
    frame: DataFrame,
    mut column: impl FnMut(Column, usize) -> Result<Column, OperatorError>,
) -> Result<DataFrame, OperatorError> {
    let height = frame.height();
    let columns = frame.into_columns().into_iter().enumerate().map(|(index, old)| column(old, index));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(DataFrame::new(height, columns)?)
}

/// A column as it lies in batches.
///
/// # Errors
/// As [`to_physical`].
pub fn column_to_physical(column: Column) -> Result<Column, OperatorError> {
    if !is_narrow(column.dtype()) {
        return Ok(column);
    }
    let too_many = || {
        let (name, dtype) = (column.name().to_string(), column.dtype().clone());
        OperatorError::new(ErrorKind::Overflow, TooManyDigits { column: name, dtype })
    };
    if let Column::Scalar(scalar) = &column {
        let value = match scalar.scalar().value() {
            AnyValue::Decimal(value, ..) => AnyValue::Int64(i64::try_from(*value).map_err(|_| too_many())?),
            _ => AnyValue::Null,
        };
        return Ok(Column::new_scalar(column.name().clone(), Scalar::new(DataType::Int64, value), column.len()));
    }
    let decimals = column.as_materialized_series().decimal()?;
    let chunks = decimals.physical().downcast_iter().map(|array| {
        let values = narrow(array.values(), array.validity()).ok_or_else(too_many)?;
        Ok(PrimitiveArray::from_vec(values).with_validity(array.validity().cloned()))
    });
    let chunks = chunks.collect::<Result<Vec<_>, OperatorError>>()?;
    Ok(Int64Chunked::from_chunk_iter(column.name().clone(), chunks).into_column())
}

/// A column that holds decimals of type `dtype` in either form, with Polars' type.
///
/// # Errors
/// A column that is neither.
pub fn column_to_logical(column: Column, dtype: &DataType) -> Result<Column, OperatorError> {
    let (DataType::Decimal(precision, scale), true) = (dtype, column.dtype() != dtype) else { return Ok(column) };
    if let Column::Scalar(scalar) = &column {
        let value = match scalar.scalar().value() {
            AnyValue::Int64(value) if fits(*value, *precision) => {
                Some(AnyValue::Decimal(i128::from(*value), *precision, *scale))
            },
            // Polars panics when it makes a column of such a value.
            AnyValue::Int64(_) => None,
            _ => Some(AnyValue::Null),
        };
        if let Some(value) = value {
            return Ok(Column::new_scalar(column.name().clone(), Scalar::new(dtype.clone(), value), column.len()));
        }
    }
    let integers = widen(column.as_materialized_series().i64()?);
    Ok(integers.into_decimal_unchecked(*precision, *scale).into_column())
}

/// Whether `value` has at most so many digits.
fn fits(value: i64, digits: usize) -> bool {
    u32::try_from(digits).ok().and_then(|digits| 10u64.checked_pow(digits)).is_none_or(|end| value.unsigned_abs() < end)
}

/// The same integers, 128 bits wide.
fn widen<T: PolarsNumericType<Native: Into<i128>>>(integers: &ChunkedArray<T>) -> Int128Chunked {
    let chunks = integers.downcast_iter().map(|array| {
        let values: Vec<i128> = array.values().iter().map(|value| (*value).into()).collect();
        PrimitiveArray::from_vec(values).with_validity(array.validity().cloned())
    });
    Int128Chunked::from_chunk_iter(integers.name().clone(), chunks)
}

/// A number for which no magnitude among `values` is greater than 2^number; at most one more than the smallest.
///
/// ```
/// use quokka_engine::physical::magnitude_bits;
///
/// assert_eq!(magnitude_bits(&[5, -8, 0]), 3);
/// ```
pub fn magnitude_bits(values: &[i64]) -> u32 {
    // A bit that differs from the one below it ends the run of equal bits that the sign begins. Unlike the sign itself, the
    // shift is an instruction of every processor's vectors.
    magnitude_bits_of(values.iter().fold(0, |spread, value| spread | (value ^ (value << 1))))
}

/// What [`magnitude_bits`] is for values whose `value ^ (value << 1)` add up, by "or", to `spread`.
pub(crate) fn magnitude_bits_of(spread: i64) -> u32 {
    (i64::BITS - 1).saturating_sub(spread.leading_zeros())
}

/// The same integers, 64 bits wide; `None` unless all that are valid fit.
pub fn narrow(values: &[i128], validity: Option<&Bitmap>) -> Option<Vec<i64>> {
    let narrow: Vec<i64> = values.iter().map(|value| *value as i64).collect();
    let lost = values.iter().zip(&narrow).fold(false, |lost, (value, narrow)| lost | (*value != i128::from(*narrow)));
    if lost {
        let fits = |row: usize| values.get(row).zip(narrow.get(row)).is_none_or(|(v, n)| *v == i128::from(*n));
        let valid = |row: usize| validity.is_none_or(|validity| validity.get(row).unwrap_or(false));
        if (0..values.len()).any(|row| valid(row) && !fits(row)) {
            return None;
        }
    }
    Some(narrow)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::{IntoSeries, NamedFrom, NewChunkedArray, Series};
    use polars_utils::pl_str::PlSmallStr;

    use super::*;

    fn decimals(values: &[Option<i128>], precision: usize) -> Column {
        let integers = Int128Chunked::from_iter_options(PlSmallStr::from_static("v"), values.iter().copied());
        integers.into_decimal_unchecked(precision, 2).into_column()
    }

    fn frame(column: Column) -> DataFrame {
        DataFrame::new(column.len(), vec![column]).unwrap()
    }

    #[test]
    fn decimals_come_back_as_they_were() {
        let most = 10i128.pow(18) - 1;
        let values = [Some(0), None, Some(most), Some(-most), Some(-1), Some(i64::MAX.into())];
        let mut chunked = decimals(&values, 18).take_materialized_series();
        chunked.append(&chunked.slice(1, 3)).unwrap();
        let scalar =
            |value: AnyValue<'static>| Column::new_scalar("v".into(), Scalar::new(DataType::Decimal(4, 2), value), 3);
        for column in [
            decimals(&values, 18),
            decimals(&[], 3),
            chunked.into_column(),
            scalar(AnyValue::Decimal(-125, 4, 2)),
            decimals(&[Some(123_456)], 4),
            scalar(AnyValue::Null),
        ] {
            let frame = frame(column);
            let batch = to_physical(frame.clone()).unwrap();
            assert_eq!(batch.schema(), &physical_schema(frame.schema()));
            assert_eq!(batch.columns()[0].dtype(), &DataType::Int64);
            assert_eq!(to_physical(batch.clone()).unwrap().schema(), batch.schema());
            let back = to_logical(batch, frame.schema()).unwrap();
            assert!(back.equals_missing(&frame), "{back} {frame}");
            assert_eq!(back.schema(), frame.schema());
        }
    }

    #[test]
    fn other_columns_stay() {
        let wide = decimals(&[Some(1), None], 19);
        let list = Series::new("l".into(), [decimals(&[Some(1)], 5).take_materialized_series()]);
        for column in [wide, list.into_column(), Column::new("t".into(), ["x"])] {
            let frame = frame(column);
            let batch = to_physical(frame.clone()).unwrap();
            assert_eq!(batch.schema(), frame.schema());
            assert!(to_logical(batch, frame.schema()).unwrap().equals_missing(&frame));
        }
    }

    #[test]
    fn values_that_need_more_bits_are_refused_unless_they_are_null() {
        let wide = i128::from(i64::MAX) + 1;
        for value in [wide, -wide - 1, i128::MAX] {
            let error = to_physical(frame(decimals(&[Some(1), Some(value)], 18))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Overflow);
            assert!(error.to_string().contains("`v`"), "{error}");
            let hidden = PrimitiveArray::from_vec(vec![1, value]).with_validity(Some(Bitmap::from([true, false])));
            let hidden = Int128Chunked::with_chunk("v".into(), hidden).into_decimal_unchecked(18, 2).into_series();
            let batch = to_physical(frame(hidden.into_column())).unwrap();
            assert_eq!(batch, polars_core::df!("v" => [Some(1i64), None]).unwrap());
        }
    }

    #[test]
    fn bits_hold_every_magnitude_and_no_fewer_do() {
        for power in 0..63 {
            let value = 1i64 << power;
            for (values, bits) in
                [([value - 1, 0], power), ([value, 0], power + 1), ([-value, 0], power), ([0, -value - 1], power + 1)]
            {
                assert_eq!(magnitude_bits(&values), bits, "{values:?}");
            }
        }
        assert_eq!(magnitude_bits(&[]), 0);
        assert_eq!(magnitude_bits(&[-1, 0]), 0);
        assert_eq!(magnitude_bits(&[i64::MIN]), 63);
        assert_eq!(magnitude_bits(&[i64::MAX]), 63);
    }

    #[test]
    fn a_batch_of_other_columns_is_refused() {
        let batch = frame(Column::new("v".into(), ["x"]));
        let schema = Schema::from_iter([("v".into(), DataType::Decimal(5, 2))]);
        assert!(to_logical(batch.clone(), &schema).is_err());
        assert!(to_logical(batch, &Schema::default()).is_err());
    }
}
