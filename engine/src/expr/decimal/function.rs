//! The functions that take the place of Polars' operations, as Polars calls them.

use std::cmp::Ordering;

use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_core::datatypes::{DataType, Field};
use polars_core::frame::column::Column;
use polars_core::prelude::{BooleanChunked, IntoColumn};
use polars_core::schema::Schema;
use polars_error::PolarsResult;
use polars_plan::dsl::{BaseColumnUdf, Expr, Operator, new_column_udf};
use polars_plan::prelude::FunctionOptions;
use polars_utils::pl_str::PlSmallStr;

use super::super::error::ExprError;
use super::column::{Integers, Rows, combine, decimals};
use super::integer;
use super::program::{Fault, Operand, Program};
use super::types::DecimalType;
use crate::error::OperatorError;

/// An elementwise function of `input` that yields `output`.
fn elementwise(
    name: &'static str,
    input: Vec<Expr>,
    output: DataType,
    function: impl Fn(&[Column]) -> PolarsResult<Column> + Send + Sync + 'static,
) -> Expr {
    let field = move |_: &Schema, fields: &[Field]| {
        let name = fields.first().map_or(PlSmallStr::EMPTY, |field| field.name.clone());
        Ok(Field::new(name, output.clone()))
    };
    Expr::AnonymousFunction {
        input,
        function: new_column_udf(BaseColumnUdf::new(move |columns: &mut [Column]| function(columns), field)),
        options: FunctionOptions::elementwise(),
        fmt_str: Box::new(PlSmallStr::from_static(name)),
    }
}

/// `program` on `input`. Errors name `original`, the expression that it was made of.
pub(super) fn compute(input: Vec<Expr>, program: Program, output: DecimalType, original: Expr) -> Expr {
    elementwise("decimal", input, output.dtype(), move |columns| {
        let rows = Rows::of(columns);
        let inputs = columns.iter().map(Integers::read).collect::<PolarsResult<Vec<_>>>()?;
        let name = columns.first().map_or(PlSmallStr::EMPTY, |column| column.name().clone());
        let (validity, empty) = combine(&inputs, rows.computed());
        if empty {
            return Ok(Column::full_null(name, rows.len, &output.dtype()));
        }
        let operands: Vec<Operand<'_>> = inputs.iter().map(Integers::operand).collect();
        let values = program
            .run(&operands, rows.computed(), validity.as_ref())
            .map_err(|fault| fault_error(fault, &original, output.precision))?;
        Ok(rows.repeat(decimals(name, values, validity, output)))
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
    elementwise("decimal_cast", vec![input], to.dtype(), move |columns| {
        map(columns, to, |inputs, row| {
            let value = inputs.first()?.value(row);
            let value = if to.scale >= from {
                value.checked_mul(integer::power_of_ten(to.scale - from)?)?
            } else {
                integer::divide_rounded(value, integer::power_of_ten(from - to.scale)?)
            };
            Some((value.abs() < integer::power_of_ten(to.precision)?).then_some(value))
        })
    })
}

/// The sum of decimals whose [`low`](super::program::Step::Low) and high parts sum up to the two inputs.
pub(super) fn join_sum(parts: [Expr; 2], output: DecimalType, original: Expr) -> Expr {
    elementwise("decimal_sum", parts.to_vec(), output.dtype(), move |columns| {
        let overflow = || fault_error(Fault::Overflow, &original, output.precision);
        try_map(columns, output, |inputs, row| joined(inputs, row).map(Some).ok_or_else(overflow))
    })
}

/// The mean of decimals of scale `from` whose low and high parts sum up to the first two inputs, and whose number is
/// the third.
pub(super) fn join_mean(parts: [Expr; 3], from: usize, output: DecimalType, original: Expr) -> Expr {
    elementwise("decimal_mean", parts.to_vec(), output.dtype(), move |columns| {
        let overflow = || fault_error(Fault::Overflow, &original, output.precision);
        try_map(columns, output, |inputs, row| {
            let count = inputs.get(2).map_or(0, |count| count.value(row));
            if count == 0 {
                return Ok(None);
            }
            let sum = joined(inputs, row).ok_or_else(overflow)?;
            mean(sum, count, from, output.scale).map(Some).ok_or_else(overflow)
        })
    })
}

fn joined(inputs: &[Integers], row: usize) -> Option<i128> {
    let [low, high, ..] = inputs else { return None };
    integer::bounded(high.value(row).checked_mul(1 << 64)?.checked_add(low.value(row))?)
}

/// `sum / count` with `to` digits behind the point, where `sum` has `from`; rounded half away from zero.
pub(super) fn mean(sum: i128, count: i128, from: usize, to: usize) -> Option<i128> {
    integer::multiply_divide(sum, integer::power_of_ten(to.checked_sub(from)?)?, count)
}

/// The mean of a decimal column in every group, from the groups' sums and the numbers of values that are not null; null
/// where there are none. Exact, rounded half away from zero; the type is [`mean_dtype`](super::mean_dtype).
///
/// # Errors
/// `sum` is not a decimal column, `count` not an integer column, or a mean has more than 38 digits.
pub fn mean_from_sum_count(sum: &Column, count: &Column) -> Result<Column, OperatorError> {
    let Some(dtype) = DecimalType::of(sum.dtype()) else {
        return Err(polars_error::polars_err!(InvalidOperation: "`{}` is not a decimal", sum.dtype()).into());
    };
    let output = dtype.mean();
    let expression = || format!("mean({})", sum.name());
    try_map(&[sum.clone(), count.clone()], output, |inputs, row| {
        let [sum, count] = inputs else { return Ok(None) };
        if count.value(row) == 0 {
            return Ok(None);
        }
        mean(sum.value(row), count.value(row), dtype.scale, output.scale)
            .map(Some)
            .ok_or_else(|| ExprError::DecimalOverflow { expression: expression(), precision: output.precision }.into())
    })
    .map_err(Into::into)
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

/// As [`try_map`], with null for what has no value.
fn map(
    columns: &[Column],
    output: DecimalType,
    value: impl Fn(&[Integers], usize) -> Option<Option<i128>>,
) -> PolarsResult<Column> {
    try_map(columns, output, |inputs, row| Ok(value(inputs, row).flatten()))
}

/// Compares decimals or integers of different scales, exactly.
pub(super) fn compare(input: [Expr; 2], scales: [usize; 2], op: Operator) -> Expr {
    elementwise("decimal_compare", input.to_vec(), DataType::Boolean, move |columns| {
        let rows = Rows::of(columns);
        let inputs = columns.iter().map(Integers::read).collect::<PolarsResult<Vec<_>>>()?;
        let [left, right] = inputs.as_slice() else { return Ok(Column::default()) };
        let name = columns.first().map_or(PlSmallStr::EMPTY, |column| column.name().clone());
        let with_nulls = matches!(op, Operator::EqValidity | Operator::NotEqValidity);
        let mut values = BitmapBuilder::with_capacity(rows.computed());
        for row in 0..rows.computed() {
            let ordering = match (left.is_valid(row), right.is_valid(row)) {
                (false, false) => Ordering::Equal,
                (true, true) => order(left.value(row), scales[0], right.value(row), scales[1]),
                // Not equal to anything; the other operators do not look at nulls.
                _ => Ordering::Less,
            };
            values.push(holds(op, ordering));
        }
        let validity: Option<Bitmap> = if with_nulls { None } else { validity_of(&inputs, rows.computed()) };
        let values = BooleanChunked::from_bitmap(name, values.freeze());
        Ok(rows.repeat(values.with_validity(validity).into_column()))
    })
}

fn validity_of(inputs: &[Integers], rows: usize) -> Option<Bitmap> {
    match combine(inputs, rows) {
        (_, true) => Some(Bitmap::new_zeroed(rows)),
        (validity, false) => validity,
    }
}

fn holds(op: Operator, ordering: Ordering) -> bool {
    match op {
        Operator::Eq | Operator::EqValidity => ordering.is_eq(),
        Operator::NotEq | Operator::NotEqValidity => ordering.is_ne(),
        Operator::Lt => ordering.is_lt(),
        Operator::LtEq => ordering.is_le(),
        Operator::Gt => ordering.is_gt(),
        Operator::GtEq => ordering.is_ge(),
        _ => false,
    }
}

/// Compares `left / 10^left_scale` with `right / 10^right_scale`.
fn order(left: i128, left_scale: usize, right: i128, right_scale: usize) -> Ordering {
    if left_scale > right_scale {
        return order(right, right_scale, left, left_scale).reverse();
    }
    let scaled = integer::power_of_ten(right_scale - left_scale).and_then(|factor| left.checked_mul(factor));
    // What does not fit into 128 bits is beyond every decimal.
    scaled.map_or_else(|| left.cmp(&0), |left| left.cmp(&right))
}
