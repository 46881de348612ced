use polars_core::frame::column::Column;
use polars_error::polars_err;
use polars_plan::dsl::Expr;

use super::super::super::error::ExprError;
use super::super::column::Integers;
use super::super::integer;
use super::super::program::Fault;
use super::super::types::DecimalType;
use super::{elementwise, fault_error, try_map};
use crate::error::OperatorError;

/// The sum of decimals whose [`low`](super::super::program::Step::Low) and high parts sum up to the two inputs.
pub(in super::super) fn join_sum(parts: [Expr; 2], output: DecimalType, original: Expr) -> Expr {
    elementwise("decimal_sum", parts.to_vec(), output.dtype(), move |columns| {
        let overflow = || fault_error(Fault::Overflow, &original, output.precision);
        try_map(columns, output, |inputs, row| joined(inputs, row).map(Some).ok_or_else(overflow))
    })
}

/// The mean of decimals of scale `from` whose low and high parts sum up to the first two inputs, and whose number is
/// the third.
pub(in super::super) fn join_mean(parts: [Expr; 3], from: usize, output: DecimalType, original: Expr) -> Expr {
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
pub(in super::super) fn mean(sum: i128, count: i128, from: usize, to: usize) -> Option<i128> {
    integer::multiply_divide(sum, integer::power_of_ten(to.checked_sub(from)?)?, count)
}

/// The mean of a decimal column in every group, from the groups' sums and the numbers of values that are not null; null
/// where there are none. Exact, rounded half away from zero; the type is [`mean_dtype`](super::super::mean_dtype).
///
/// # Errors
/// `sum` is not a decimal column, `count` not an integer column, or a mean has more than 38 digits.
pub fn mean_from_sum_count(sum: &Column, count: &Column) -> Result<Column, OperatorError> {
    let Some(dtype) = DecimalType::of(sum.dtype()) else {
        return Err(polars_err!(InvalidOperation: "`{}` is not a decimal", sum.dtype()).into());
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
