//! The functions that take the place of Polars' operations, as Polars calls them.

mod aggregate;
mod compare;

use polars_arrow::bitmap::BitmapBuilder;
use polars_core::chunked_array::ops::ChunkShiftFill;
use polars_core::datatypes::{DataType, Field};
use polars_core::frame::column::Column;
use polars_core::prelude::IntoColumn;
use polars_core::schema::Schema;
use polars_error::PolarsResult;
use polars_plan::dsl::{BaseColumnUdf, Expr, new_column_udf};
use polars_plan::prelude::FunctionOptions;
use polars_utils::pl_str::PlSmallStr;

pub use self::aggregate::mean_from_sum_count;
pub(super) use self::aggregate::{join_mean, join_sum};
pub(super) use self::compare::compare;
use super::super::error::ExprError;
use super::column::{Integers, Rows, combine, decimals, results};
use super::integer;
use super::program::{Fault, Operand, Program, Width};
use super::types::DecimalType;
use crate::error::OperatorError;
use crate::physical::{column_to_logical, column_to_physical};

/// An elementwise function of `input` that yields `output`.
fn elementwise(
    name: &'static str,
    input: Vec<Expr>,
    output: DataType,
    function: impl Fn(&[Column]) -> PolarsResult<Column> + Send + Sync + 'static,
) -> Expr {
    function_of(name, input, output, FunctionOptions::elementwise(), function)
}

fn function_of(
    name: &'static str,
    input: Vec<Expr>,
    output: DataType,
    options: FunctionOptions,
    function: impl Fn(&[Column]) -> PolarsResult<Column> + Send + Sync + 'static,
) -> Expr {
    let field = move |_: &Schema, fields: &[Field]| {
        let name = fields.first().map_or(PlSmallStr::EMPTY, |field| field.name.clone());
        Ok(Field::new(name, output.clone()))
    };
    Expr::AnonymousFunction {
        input,
        function: new_column_udf(BaseColumnUdf::new(move |columns: &mut [Column]| function(columns), field)),
        options,
        fmt_str: Box::new(PlSmallStr::from_static(name)),
    }
}

/// A program with what it yields.
pub(in crate::expr) struct Computation {
    pub(super) program: Program,
    pub(super) output: DecimalType,
    /// What the program was made of, for errors.
    pub(super) original: Expr,
    pub(super) width: Width,
}

impl Computation {
    /// The results for rows of `columns`: decimals, or 64-bit integers if the results are narrow.
    pub(in crate::expr) fn evaluate(&self, columns: &[Column]) -> PolarsResult<Column> {
        let rows = Rows::of(columns);
        let inputs = columns.iter().map(Integers::read).collect::<PolarsResult<Vec<_>>>()?;
        let name = columns.first().map_or(PlSmallStr::EMPTY, |column| column.name().clone());
        let (validity, empty) = combine(&inputs, rows.computed());
        if empty {
            return Ok(Column::full_null(name, rows.len, &self.dtype()));
        }
        let operands: Vec<Operand<'_>> = inputs.iter().map(Integers::operand).collect();
        let values = self
            .program
            .run(&operands, rows.computed(), validity.as_ref(), self.width)
            .map_err(|fault| fault_error(fault, &self.original, self.output.precision))?;
        Ok(rows.repeat(results(name, values, validity, self.output)))
    }

    /// The type of the results, unless it depends on them.
    fn dtype(&self) -> DataType {
        match self.width {
            Width::Narrow => DataType::Int64,
            Width::Wide | Width::Adaptive => self.output.dtype(),
        }
    }
}

/// The computation on `input`.
pub(super) fn compute(input: Vec<Expr>, computation: Computation) -> Expr {
    let dtype = computation.dtype();
    elementwise("decimal", input, dtype, move |columns| computation.evaluate(columns))
}

/// Decimals of type `dtype` that lie as in batches, for Polars.
pub(super) fn widen(input: Expr, dtype: DecimalType) -> Expr {
    let dtype = dtype.dtype();
    elementwise("decimal_widen", vec![input], dtype.clone(), move |columns| match columns {
        [column, ..] => Ok(column_to_logical(column.clone(), &dtype)?),
        [] => Ok(Column::default()),
    })
}

/// Polars' decimals as they lie in batches.
pub(super) fn narrow(input: Expr) -> Expr {
    elementwise("decimal_narrow", vec![input], DataType::Int64, move |columns| match columns {
        [column, ..] => Ok(column_to_physical(column.clone())?),
        [] => Ok(Column::default()),
    })
}

/// The error of `expression` for a value that cannot be computed.
pub(super) fn fault_error(fault: Fault, expression: &Expr, precision: usize) -> OperatorError {
    let expression = expression.to_string();
    match fault {
        Fault::Overflow => ExprError::DecimalOverflow { expression, precision },
        Fault::DivisionByZero => ExprError::DivisionByZero { expression },
    }
    .into()
}

/// `input`, a decimal of scale `from`, as a decimal of type `to`; null where it does not fit.
pub(super) fn cast_or_null(input: Expr, from: usize, to: DecimalType) -> Expr {
    let cast = move |value: i128| {
        let value = if to.scale >= from {
            value.checked_mul(integer::power_of_ten(to.scale - from)?)?
        } else {
            integer::divide_rounded(value, integer::power_of_ten(from - to.scale)?)
        };
        (value.abs() < integer::power_of_ten(to.precision)?).then_some(value)
    };
    elementwise("decimal_cast", vec![input], to.dtype(), move |columns| {
        try_map(columns, to, |inputs, row| Ok(inputs.first().and_then(|input| cast(input.value(row)))))
    })
}

/// `shift_and_fill` of values, periods and a fill value, the first and last decimals of type `output`. Polars would put
/// the number in the place of the integer that stands for it.
pub(super) fn shift_and_fill(input: Vec<Expr>, output: DecimalType) -> Expr {
    let options = FunctionOptions::length_preserving();
    function_of("decimal_shift_and_fill", input, output.dtype(), options, move |columns| {
        let [values, periods, fill] = columns else { return Ok(Column::default()) };
        let Some(periods) = periods.cast(&DataType::Int64)?.i64()?.get(0) else {
            return Ok(Column::full_null(values.name().clone(), values.len(), &output.dtype()));
        };
        let fill = Integers::read(&fill.head(Some(1)))?;
        let fill = fill.is_valid(0).then(|| fill.value(0));
        let shifted = values.as_materialized_series().decimal()?.physical().shift_and_fill(periods, fill);
        Ok(shifted.into_decimal_unchecked(output.precision, output.scale).into_column())
    })
}

/// One decimal a row, for the rows in which no input is null.
fn try_map(
    columns: &[Column],
    output: DecimalType,
    value: impl Fn(&[Integers], usize) -> Result<Option<i128>, OperatorError>,
) -> PolarsResult<Column> {
    let rows = Rows::of(columns);
    let inputs = columns.iter().map(Integers::read).collect::<PolarsResult<Vec<_>>>()?;
    let name = columns.first().map_or(PlSmallStr::EMPTY, |column| column.name().clone());
    let mut values = Vec::with_capacity(rows.computed());
    let mut validity = BitmapBuilder::with_capacity(rows.computed());
    for row in 0..rows.computed() {
        let all = inputs.iter().all(|input| input.is_valid(row));
        let value = if all { value(&inputs, row)? } else { None };
        values.push(value.unwrap_or_default());
        validity.push(value.is_some());
    }
    Ok(rows.repeat(decimals(name, values, validity.into_opt_validity(), output)))
}
