//! Columns of every type while they are read.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_core::datatypes::{DataType, TimeUnit, TimeZone};
use polars_core::error::PolarsResult;
use polars_core::prelude::*;
use quokka_engine::physical::is_narrow;

use super::rows::ColumnFields;
use super::values::{BadField, Fixed, Reading, Values};
use crate::survivors::Chosen;
use crate::text::number::{Field, decimal64, decimal128, float32, float64, integer, integer128};
use crate::text::temporal::{date, datetime, time};
use crate::text::texts::{Texts, validity};

/// A column of any type while it is read.
pub(super) trait ColumnBuilder: Values {
    /// The column.
    fn finish(self: Box<Self>, name: PlSmallStr) -> PolarsResult<Series>;

    /// Whether it holds text, which must be UTF-8.
    fn is_text(&self) -> bool;
}

/// Values, and how a series is made of them.
struct Builder<V, F> {
    values: V,
    finish: F,
    is_text: bool,
}

impl<V: Values, F> Values for Builder<V, F> {
    fn read(
        &mut self,
        fields: ColumnFields<'_>,
        rows: Chosen<'_>,
        reading: &Reading<'_>,
        skipped: &mut Vec<u32>,
    ) -> Result<(), BadField> {
        self.values.read(fields, rows, reading, skipped)
    }
}

impl<V: Values, F: FnOnce(PlSmallStr, V) -> PolarsResult<Series>> ColumnBuilder for Builder<V, F> {
    fn finish(self: Box<Self>, name: PlSmallStr) -> PolarsResult<Series> {
        (self.finish)(name, self.values)
    }

    fn is_text(&self) -> bool {
        self.is_text
    }
}

/// A column of type `dtype` for `rows` rows, `None` if there is no such type in CSV files. Decimals of few digits lie as in
/// batches.
pub(super) fn builder(dtype: &DataType, rows: usize) -> Option<Box<dyn ColumnBuilder>> {
    Some(match dtype {
        DataType::Int8 => numbers::<Int8Type, _>(rows, integer),
        DataType::Int16 => numbers::<Int16Type, _>(rows, integer),
        DataType::Int32 => numbers::<Int32Type, _>(rows, integer),
        DataType::Int64 => numbers::<Int64Type, _>(rows, integer),
        DataType::UInt8 => numbers::<UInt8Type, _>(rows, integer),
        DataType::UInt16 => numbers::<UInt16Type, _>(rows, integer),
        DataType::UInt32 => numbers::<UInt32Type, _>(rows, integer),
        DataType::UInt64 => numbers::<UInt64Type, _>(rows, integer),
        DataType::UInt128 => numbers::<UInt128Type, _>(rows, integer128),
        DataType::Float32 => numbers::<Float32Type, _>(rows, float32),
        DataType::Float64 => numbers::<Float64Type, _>(rows, float64),
        DataType::Boolean => boxed(Fixed::new(rows, boolean), |name, column| {
            let validity = validity(column.values.len(), &column.nulls);
            let array = polars_arrow::array::BooleanArray::new(
                ArrowDataType::Boolean,
                column.values.into_iter().collect::<Bitmap>(),
                validity,
            );
            Ok(BooleanChunked::with_chunk(name, array).into_series())
        }),
        DataType::Date => boxed(Fixed::new(rows, |field: Field<'_>| date(field)), |name, column| {
            Ok(chunked::<Int32Type, _>(name, column).into_date().into_series())
        }),
        DataType::Datetime(unit, zone) => datetimes(rows, *unit, zone.clone())?,
        DataType::Time => boxed(Fixed::new(rows, time), |name, column| {
            Ok(chunked::<Int64Type, _>(name, column).into_time().into_series())
        }),
        DataType::Decimal(precision, scale) => decimals(rows, dtype, *precision, *scale)?,
        DataType::String => texts(rows, None),
        DataType::Categorical(..) | DataType::Enum(..) => texts(rows, Some(dtype.clone())),
        _ => return None,
    })
}

fn boxed<V, F>(values: V, finish: F) -> Box<dyn ColumnBuilder>
where
    V: Values + 'static,
    F: FnOnce(PlSmallStr, V) -> PolarsResult<Series> + 'static,
{
    Box::new(Builder { values, finish, is_text: false })
}

fn numbers<T, P>(rows: usize, parse: P) -> Box<dyn ColumnBuilder>
where
    T: PolarsNumericType,
    T::Native: Default,
    P: Fn(Field<'_>) -> Option<T::Native> + 'static,
    ChunkedArray<T>: IntoSeries,
{
    boxed(Fixed::new(rows, parse), |name, column| Ok(chunked::<T, _>(name, column).into_series()))
}

fn datetimes(rows: usize, unit: TimeUnit, zone: Option<TimeZone>) -> Option<Box<dyn ColumnBuilder>> {
    // Fields without an offset would be the time of a clock in the zone, of which UTC alone never goes back.
    let has_zone = match &zone {
        None => false,
        Some(zone) if *zone == TimeZone::UTC => true,
        Some(_) => return None,
    };
    let per_second = match unit {
        TimeUnit::Nanoseconds => 1_000_000_000,
        TimeUnit::Microseconds => 1_000_000,
        TimeUnit::Milliseconds => 1000,
    };
    let parse = move |field: Field<'_>| datetime(field, per_second, has_zone);
    Some(boxed(Fixed::new(rows, parse), move |name, column| {
        Ok(chunked::<Int64Type, _>(name, column).into_datetime(unit, zone).into_series())
    }))
}

fn decimals(rows: usize, dtype: &DataType, precision: usize, scale: usize) -> Option<Box<dyn ColumnBuilder>> {
    let digits = u32::try_from(precision).ok()?;
    if is_narrow(dtype) {
        let limit = 10i64.checked_pow(digits)?;
        return Some(numbers::<Int64Type, _>(rows, move |field| decimal64(field, scale, limit)));
    }
    let limit = 10i128.checked_pow(digits)?;
    let parse = move |field: Field<'_>| decimal128(field, scale, limit);
    Some(boxed(Fixed::new(rows, parse), move |name, column| {
        Ok(chunked::<Int128Type, _>(name, column).into_decimal_unchecked(precision, scale).into_series())
    }))
}

fn texts(rows: usize, dtype: Option<DataType>) -> Box<dyn ColumnBuilder> {
    let finish = move |name, texts: Texts| {
        // SAFETY: a field is added to a column of text only if it is UTF-8.
        let array = unsafe { texts.finish() };
        let series = StringChunked::with_chunk(name, array).into_series();
        match &dtype {
            Some(dtype) => series.strict_cast(dtype),
            None => Ok(series),
        }
    };
    Box::new(Builder { values: Texts::with_capacity(rows), finish, is_text: true })
}

fn boolean(field: Field<'_>) -> Option<bool> {
    let text = field.bytes();
    if text.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if text.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

fn chunked<T: PolarsNumericType, P>(name: PlSmallStr, column: Fixed<T::Native, P>) -> ChunkedArray<T> {
    let validity = validity(column.values.len(), &column.nulls);
    ChunkedArray::with_chunk(name, PrimitiveArray::from_vec(column.values).with_validity(validity))
}
