//! The integers behind columns of decimals and integers, and columns of decimals made of integers.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::compute::utils::combine_validities_and;
use polars_buffer::Buffer;
use polars_core::datatypes::{AnyValue, DataType};
use polars_core::frame::column::Column;
use polars_core::prelude::{Int64Chunked, Int128Chunked, IntoColumn, IntoSeries, NewChunkedArray, UInt64Chunked};
use polars_core::scalar::Scalar;
use polars_core::series::Series;
use polars_error::{PolarsResult, polars_err};
use polars_utils::pl_str::PlSmallStr;

use super::program::{Operand, Results};
use super::types::DecimalType;

/// The integers of a column: unscaled values of decimals, in either form. Without validity, none is null.
pub(super) struct Integers {
    values: Values,
    pub(super) validity: Option<Bitmap>,
}

enum Values {
    Narrow(Buffer<i64>),
    Wide(Buffer<i128>),
    Constant(i128),
}

impl Integers {
    /// Reads a column of decimals or integers.
    pub(super) fn read(column: &Column) -> PolarsResult<Self> {
        if column.is_empty() {
            return Ok(Self::empty());
        }
        if column.len() == 1 || matches!(column, Column::Scalar(_)) {
            return Ok(match integer(&column.get(0)?)? {
                Some(value) => Self { values: Values::Constant(value), validity: None },
                None => Self { values: Values::Constant(0), validity: Some(Bitmap::new_zeroed(column.len())) },
            });
        }
        let series = column.as_materialized_series();
        match series.dtype() {
            DataType::Decimal(..) => {
                let physical = series.decimal()?.physical().rechunk();
                let Some(array) = physical.downcast_iter().next() else { return Ok(Self::empty()) };
                Ok(Self { values: Values::Wide(array.values().clone()), validity: validity(array.validity()) })
            },
            DataType::UInt64 => Ok(Self::widen(series.u64()?)),
            DataType::Int64 => Ok(Self::share(series.i64()?)),
            _ => Ok(Self::share(series.cast(&DataType::Int64)?.i64()?)),
        }
    }

    fn empty() -> Self {
        Self { values: Values::Narrow(Buffer::default()), validity: None }
    }

    fn share(integers: &Int64Chunked) -> Self {
        let integers = integers.rechunk();
        let Some(array) = integers.downcast_iter().next() else { return Self::empty() };
        Self { values: Values::Narrow(array.values().clone()), validity: validity(array.validity()) }
    }

    fn widen(integers: &UInt64Chunked) -> Self {
        let integers = integers.rechunk();
        let Some(array) = integers.downcast_iter().next() else { return Self::empty() };
        let values: Vec<i128> = array.values().iter().map(|value| (*value).into()).collect();
        Self { values: Values::Wide(values.into()), validity: validity(array.validity()) }
    }

    pub(super) fn operand(&self) -> Operand<'_> {
        match &self.values {
            Values::Narrow(values) => Operand::Narrow(values),
            Values::Wide(values) => Operand::Wide(values),
            Values::Constant(value) => Operand::Constant(*value),
        }
    }

    /// The integer of `row`, which exists; it has no meaning if the row is null.
    pub(super) fn value(&self, row: usize) -> i128 {
        match &self.values {
            Values::Narrow(values) => values.get(row).copied().unwrap_or_default().into(),
            Values::Wide(values) => values.get(row).copied().unwrap_or_default(),
            Values::Constant(value) => *value,
        }
    }

    pub(super) fn is_valid(&self, row: usize) -> bool {
        self.validity.as_ref().is_none_or(|validity| validity.get(row).unwrap_or(false))
    }

    /// Whether this is one null, for all rows.
    fn is_null(&self) -> bool {
        matches!(self.values, Values::Constant(_)) && self.validity.is_some()
    }
}

/// A bitmap without nulls costs time and says nothing.
fn validity(bitmap: Option<&Bitmap>) -> Option<Bitmap> {
    bitmap.filter(|bitmap| bitmap.unset_bits() > 0).cloned()
}

fn integer(value: &AnyValue<'_>) -> PolarsResult<Option<i128>> {
    match value {
        AnyValue::Null => Ok(None),
        AnyValue::Decimal(value, ..) => Ok(Some(*value)),
        other => match other.extract() {
            Some(value) => Ok(Some(value)),
            None => Err(polars_err!(InvalidOperation: "`{other}` is not a decimal or an integer")),
        },
    }
}

/// How the columns of one call stand side by side.
pub(super) struct Rows {
    /// Rows of the result.
    pub(super) len: usize,
    /// Whether all columns are one value, so that one row is to be computed and repeated.
    pub(super) constant: bool,
}

impl Rows {
    pub(super) fn of(columns: &[Column]) -> Self {
        let len = columns.iter().map(Column::len).find(|len| *len != 1).unwrap_or(1);
        let constant = len > 0 && columns.iter().all(|column| column.len() == 1 || matches!(column, Column::Scalar(_)));
        Self { len, constant }
    }

    /// Rows that are to be computed.
    pub(super) fn computed(&self) -> usize {
        if self.constant { 1 } else { self.len }
    }

    /// `column`, which has the computed rows, for all rows.
    pub(super) fn repeat(&self, column: Column) -> Column {
        if self.constant && self.len != 1 { column.new_from_index(0, self.len) } else { column }
    }
}

/// The rows in which no input is null, if there is a null; and whether every row has one.
pub(super) fn combine(inputs: &[Integers], rows: usize) -> (Option<Bitmap>, bool) {
    if inputs.iter().any(Integers::is_null) {
        return (None, true);
    }
    let mut validity: Option<Bitmap> = None;
    for input in inputs {
        validity = combine_validities_and(validity.as_ref(), input.validity.as_ref());
    }
    let empty = rows > 0 && validity.as_ref().is_some_and(|validity| validity.set_bits() == 0);
    (validity, empty)
}

/// A decimal column.
pub(super) fn decimals(name: PlSmallStr, values: Vec<i128>, validity: Option<Bitmap>, dtype: DecimalType) -> Column {
    let array = PrimitiveArray::from_vec(values).with_validity(validity);
    Int128Chunked::with_chunk(name, array).into_decimal_unchecked(dtype.precision, dtype.scale).into_column()
}

/// A column of what a program yields, decimals of type `dtype`: 64-bit integers if the results are.
pub(super) fn results(name: PlSmallStr, results: Results, validity: Option<Bitmap>, dtype: DecimalType) -> Column {
    match results {
        Results::Narrow(values) => {
            Int64Chunked::with_chunk(name, PrimitiveArray::from_vec(values).with_validity(validity)).into_column()
        },
        Results::Wide(values) => decimals(name, values, validity, dtype),
    }
}

/// One decimal, or null.
pub(super) fn decimal(value: Option<i128>, dtype: DecimalType) -> Scalar {
    let value = value.map_or(AnyValue::Null, |value| AnyValue::Decimal(value, dtype.precision, dtype.scale));
    Scalar::new(dtype.dtype(), value)
}

/// A decimal series, for a list of constants.
pub(super) fn series(values: impl IntoIterator<Item = Option<i128>>, dtype: DecimalType) -> Series {
    Int128Chunked::from_iter_options(PlSmallStr::EMPTY, values.into_iter())
        .into_decimal_unchecked(dtype.precision, dtype.scale)
        .into_series()
}
