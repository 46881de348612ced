//! Running aggregates of many groups at once, one column of typed state each.

mod boolean;
mod bytes;
mod count;
mod decimal_sum;
mod distinct_sketches;
mod end_value;
mod extremum;
mod few_groups;
mod moments;
mod quantile_sketches;
mod sketches;
mod sum;

use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::prelude::{Column, DataType, IntoColumn, IntoSeries, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::physical::column_to_logical;

pub(crate) use boolean::Truth;
pub(crate) use bytes::BytesExtremum;
pub(crate) use count::{Count, Counted};
pub(crate) use decimal_sum::DecimalSum;
pub(crate) use distinct_sketches::{DistinctSketches, approximate_n_unique, estimates, has_hash, single_values};
pub(crate) use end_value::EndValue;
pub(crate) use extremum::Extremum;
pub(crate) use few_groups::{FEW, count_by_group};
pub(crate) use moments::Moments;
pub(crate) use quantile_sketches::{QuantileSketches, read_ranks, single_ranks};
pub(crate) use sketches::each_image;
pub(crate) use sum::Sum;

/// The rows of a batch, by group.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Number of rows.
    pub len: usize,
    /// Group of each row; `None` if all rows belong to group 0.
    pub groups: Option<&'a [u32]>,
    /// Number of rows of each group, if groups are few.
    pub counts: Option<&'a [i64]>,
    /// First row of each group that this batch founded, in the order of the groups' numbers.
    pub founders: &'a [u32],
    /// The worker that sent the batch.
    pub origin: usize,
}

/// One aggregate function over all groups of a channel.
///
/// The state is exported as columns with one row a group, merged from such columns, and emptied by the export: partial
/// aggregates, checkpoints and spilled state are the same thing.
pub(crate) trait Accumulator {
    /// Makes room for groups up to `groups`; new ones hold what no row leaves.
    fn resize(&mut self, groups: usize);

    /// Folds the rows of a batch into their groups, which exist. `input` is the column that the function is applied to,
    /// as [`Partial::input_of`](super::plan::Partial::input_of) has it; only a count of rows has none.
    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError>;

    /// Folds state that another accumulator exported into the groups of its rows, which exist. Most functions merge
    /// their state as they take up values.
    fn merge(&mut self, rows: Rows<'_>, state: &[Column]) -> Result<(), OperatorError> {
        self.update(rows, state)
    }

    /// The state of all groups, one column for each of [`Function::state`](super::plan::Function::state); empty
    /// afterwards.
    fn take(&mut self) -> Result<Vec<Series>, OperatorError>;

    /// Bytes held.
    fn bytes(&self) -> usize;
}

/// The only chunk of a column as an array of native values, whatever the logical type.
pub(crate) fn native<T: NativeType>(column: &Column) -> Result<PrimitiveArray<T>, OperatorError> {
    let series = column.as_materialized_series().to_physical_repr().rechunk();
    match series.chunks()[0].as_any().downcast_ref::<PrimitiveArray<T>>() {
        Some(array) => Ok(array.clone()),
        None => Err(unexpected(column)),
    }
}

/// The validity of an array, if it has nulls at all.
fn nulls(array: &dyn Array) -> Option<&Bitmap> {
    array.validity().filter(|validity| validity.unset_bits() > 0)
}

/// A nameless column of the logical type `dtype` over its physical values.
pub(crate) fn series_of<T: NativeType>(values: Vec<T>, validity: Option<Bitmap>, dtype: &DataType) -> Series {
    let array = PrimitiveArray::from_vec(values).with_validity(validity);
    debug_assert_eq!(array.dtype(), &dtype.to_physical().to_arrow(polars_core::prelude::CompatLevel::newest()));
    // SAFETY: accumulators are made for `T` by the physical type of `dtype`.
    unsafe { Series::from_chunks_and_dtype_unchecked(PlSmallStr::EMPTY, vec![array.boxed()], dtype) }
}

/// A state column of another type than the plan promised.
fn unexpected(column: &Column) -> OperatorError {
    OperatorError::message(
        ErrorKind::Internal,
        format!("column `{}` of an aggregate has the unexpected type `{}`", column.name(), column.dtype()),
    )
}

/// `column` with another type; free when it has that type already.
pub(crate) fn cast(column: &Column, dtype: &DataType) -> Result<Column, OperatorError> {
    if column.dtype() == dtype {
        return Ok(column.clone());
    }
    let series = column.as_materialized_series();
    Ok(match (series.dtype(), dtype) {
        // The numbers behind dates and times are what their sums and means are made of.
        (from, DataType::Float64) if from.is_temporal() => series.to_physical_repr().cast(dtype)?,
        // Decimals as they lie in batches.
        (DataType::Int64, DataType::Decimal(..)) => return column_to_logical(column.clone(), dtype),
        // Same scale: the physical values are the same.
        (DataType::Decimal(_, from), DataType::Decimal(precision, to)) if from == to => {
            series.decimal()?.physical().clone().into_decimal_unchecked(*precision, *to).into_series()
        },
        _ => series.cast(dtype)?,
    }
    .into_column())
}
