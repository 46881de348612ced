//! The aggregate functions that decompose into partial and final aggregates.

use std::fmt;

use polars_arrow::array::BooleanArray;
use polars_arrow::datatypes::ArrowDataType;
use polars_core::prelude::{Column, DataType, FillNullStrategy, IntoColumn, Scalar, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::physical::physical_dtype;

use crate::aggregate::accumulator::{
    Accumulator, BytesExtremum, Count, Counted, DecimalSum, DistinctSketches, EndValue, Extremum, Moments,
    QuantileSketches, Sum, Truth, cast, has_hash, single_ranks, single_values,
};
use crate::sketch::{has_order, is_wide};

/// A function whose partial results merge into its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Function {
    /// Sum in the given type.
    Sum(DataType),
    Count(Counted),
    /// Smallest or largest value.
    Extremum {
        largest: bool,
        propagate_nans: bool,
    },
    /// `any` or `all`.
    Truth {
        any: bool,
        ignore_nulls: bool,
    },
    /// First or last value.
    EndValue {
        last: bool,
    },
    /// What variance and standard deviation are made of.
    Moments,
    /// What quantiles are estimated from, of the given size.
    QuantileSketch(u16),
    /// What the number of distinct values is estimated from. `filtered`: of structs of a boolean and a value, those values
    /// whose boolean is true.
    DistinctSketch {
        filtered: bool,
    },
}

impl Function {
    /// Types of the columns that hold the state of this function over a column of type `input`.
    pub fn state(&self, input: &DataType) -> Vec<DataType> {
        match self {
            Function::Sum(dtype) => vec![dtype.clone()],
            Function::Count(_) => vec![DataType::UInt64],
            Function::Extremum { .. } => vec![input.clone()],
            Function::EndValue { .. } => vec![input.clone(), DataType::UInt32],
            Function::Truth { .. } => vec![DataType::Boolean],
            Function::Moments => vec![DataType::UInt64, DataType::Float64, DataType::Float64],
            Function::QuantileSketch(_) | Function::DistinctSketch { .. } => vec![DataType::Binary],
        }
    }

    /// Whether the function is computed here for a column of type `input`.
    pub fn takes(&self, input: &DataType) -> bool {
        match self {
            Function::Sum(dtype) => matches!(
                dtype,
                DataType::Int32
                    | DataType::Int64
                    | DataType::UInt32
                    | DataType::UInt64
                    | DataType::Float64
                    | DataType::Decimal(..)
                    | DataType::Duration(_)
            ),
            Function::Count(Counted::True) | Function::Truth { .. } => input.is_bool(),
            // Categories compare by their strings, which no accumulator does.
            Function::Extremum { .. } => {
                let number = input.is_primitive_numeric() || input.is_temporal() || input.is_decimal();
                number || input.is_bool() || input.is_string() || input.is_binary() || input.is_enum()
            },
            Function::Moments => input.is_primitive_numeric() || input.is_bool() || input.is_decimal(),
            Function::QuantileSketch(_) => has_order(input),
            Function::DistinctSketch { .. } => has_hash(input),
            Function::Count(_) | Function::EndValue { .. } => !input.is_null() && !input.is_object(),
        }
    }

    /// An accumulator over a column of type `input`.
    pub fn accumulator(&self, input: &DataType) -> Result<Box<dyn Accumulator>, OperatorError> {
        let input = &physical_dtype(input);
        Ok(match self {
            Function::Sum(dtype) => match dtype {
                DataType::Int32 => Box::new(Sum::<i32>::new(dtype.clone())),
                DataType::Int64 | DataType::Duration(_) => Box::new(Sum::<i64>::new(dtype.clone())),
                DataType::UInt32 => Box::new(Sum::<u32>::new(dtype.clone())),
                DataType::UInt64 => Box::new(Sum::<u64>::new(dtype.clone())),
                DataType::Float64 => Box::new(Sum::<f64>::new(dtype.clone())),
                DataType::Decimal(..) => Box::new(DecimalSum::new(dtype.clone())),
                _ => return Err(self.refuses(input)),
            },
            Function::Count(counted) => Box::new(Count::new(*counted)),
            &Function::Extremum { largest, propagate_nans } => {
                macro_rules! extremum {
                    ($native:ty) => {
                        Box::new(Extremum::<$native>::new(largest, propagate_nans, input.clone(), input.clone()))
                    };
                }
                match input.to_physical() {
                    DataType::Boolean => {
                        Box::new(Extremum::<u8>::new(largest, propagate_nans, input.clone(), DataType::UInt8))
                    },
                    DataType::Int8 => extremum!(i8),
                    DataType::Int16 => extremum!(i16),
                    DataType::Int32 => extremum!(i32),
                    DataType::Int64 => extremum!(i64),
                    DataType::Int128 => extremum!(i128),
                    DataType::UInt8 => extremum!(u8),
                    DataType::UInt16 => extremum!(u16),
                    DataType::UInt32 => extremum!(u32),
                    DataType::UInt64 => extremum!(u64),
                    DataType::UInt128 => extremum!(u128),
                    DataType::Float32 => extremum!(f32),
                    DataType::Float64 => extremum!(f64),
                    DataType::String | DataType::Binary => Box::new(BytesExtremum::new(largest, input.clone())),
                    _ => return Err(self.refuses(input)),
                }
            },
            &Function::Truth { any, ignore_nulls } => Box::new(Truth::new(any, ignore_nulls)),
            &Function::EndValue { last } => Box::new(EndValue::new(last, input.clone())),
            Function::Moments => Box::new(Moments::default()),
            &Function::QuantileSketch(k) if is_wide(input) => Box::new(QuantileSketches::<i128>::new(k)),
            &Function::QuantileSketch(k) => Box::new(QuantileSketches::<i64>::new(k)),
            &Function::DistinctSketch { filtered } => Box::new(DistinctSketches::new(filtered)?),
        })
    }

    /// The state that each row of `input`, which is as accumulators take it, would leave alone: what an accumulator
    /// exports if every row is a group.
    /// `origin`: the worker that sent the rows.
    pub fn single_rows(
        &self,
        input: Option<&Column>,
        rows: usize,
        origin: usize,
    ) -> Result<Vec<Column>, OperatorError> {
        let constant = |scalar: Scalar| Column::new_scalar(PlSmallStr::EMPTY, scalar, rows);
        let Some(input) = input else { return Ok(vec![constant(Scalar::from(1u64))]) };
        Ok(match self {
            Function::Sum(dtype) => vec![without_nulls(cast(input, dtype)?)?],
            Function::Count(counted) => vec![single_counts(*counted, input)?],
            Function::Extremum { .. } => vec![input.clone()],
            Function::EndValue { .. } => vec![input.clone(), constant(Scalar::from(origin as u32))],
            Function::Truth { any, ignore_nulls: true } if input.null_count() > 0 => {
                let neutral = if *any { FillNullStrategy::Zero } else { FillNullStrategy::One };
                vec![input.as_materialized_series().fill_null(neutral)?.into_column()]
            },
            Function::Truth { .. } => vec![input.clone()],
            Function::Moments => vec![
                single_counts(Counted::Values, input)?,
                without_nulls(cast(input, &DataType::Float64)?)?,
                constant(Scalar::from(0f64)),
            ],
            &Function::QuantileSketch(k) if is_wide(input.dtype()) => {
                vec![single_ranks::<i128>(k, input)?.into_column()]
            },
            &Function::QuantileSketch(k) => vec![single_ranks::<i64>(k, input)?.into_column()],
            &Function::DistinctSketch { filtered } => vec![single_values(input, filtered)?.into_column()],
        })
    }

    fn refuses(&self, input: &DataType) -> OperatorError {
        OperatorError::message(ErrorKind::Internal, format!("no accumulator for `{self}` over `{input}`"))
    }
}

/// 1 for each row that counts, 0 for the others.
fn single_counts(counted: Counted, input: &Column) -> Result<Column, OperatorError> {
    let Some(selected) = counted.select(input)? else {
        return Ok(Column::new_scalar(PlSmallStr::EMPTY, Scalar::from(1u64), input.len()));
    };
    let selected = BooleanArray::new(ArrowDataType::Boolean, selected, None).boxed();
    Ok(Series::from_arrow(PlSmallStr::EMPTY, selected)?.cast(&DataType::UInt64)?.into_column())
}

/// `column` with 0 in the place of nulls.
fn without_nulls(column: Column) -> Result<Column, OperatorError> {
    if column.null_count() == 0 {
        return Ok(column);
    }
    Ok(column.as_materialized_series().fill_null(FillNullStrategy::Zero)?.into_column())
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Function::Sum(_) => "sum",
            Function::Count(Counted::Rows) => "len",
            Function::Count(Counted::Values) => "count",
            Function::Count(Counted::Nulls) => "null_count",
            Function::Count(Counted::True) => "count_true",
            Function::Extremum { largest: true, .. } => "max",
            Function::Extremum { largest: false, .. } => "min",
            Function::Truth { any: true, .. } => "any",
            Function::Truth { any: false, .. } => "all",
            Function::EndValue { last: false } => "first",
            Function::EndValue { last: true } => "last",
            Function::Moments => "moments",
            Function::QuantileSketch(k) => return write!(f, "quantile_sketch[{k}]"),
            Function::DistinctSketch { .. } => "distinct_sketch",
        })
    }
}
