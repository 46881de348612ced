use std::cmp::Ordering;

use polars_arrow::bitmap::Bitmap;
use polars_core::datatypes::DataType;
use polars_core::frame::column::Column;
use polars_core::prelude::{BooleanChunked, IntoColumn};
use polars_error::PolarsResult;
use polars_plan::dsl::{Expr, Operator};
use polars_utils::pl_str::PlSmallStr;

use super::super::column::{Integers, Rows, combine};
use super::super::integer;
use super::super::program::{Program, Results, Step, Width};
use super::elementwise;

/// Compares decimals or integers of different scales, exactly.
pub(in super::super) fn compare(input: [Expr; 2], scales: [usize; 2], op: Operator) -> Expr {
    let difference = difference(scales);
    elementwise("decimal_compare", input.to_vec(), DataType::Boolean, move |columns| {
        let rows = Rows::of(columns);
        let inputs = columns.iter().map(Integers::read).collect::<PolarsResult<Vec<_>>>()?;
        let [left, right] = inputs.as_slice() else { return Ok(Column::default()) };
        let name = columns.first().map_or(PlSmallStr::EMPTY, |column| column.name().clone());
        let (validity, empty) = combine(&inputs, rows.computed());
        let with_nulls = matches!(op, Operator::EqValidity | Operator::NotEqValidity);
        if empty && !with_nulls {
            return Ok(Column::full_null(name, rows.len, &DataType::Boolean));
        }
        let operands = [left.operand(), right.operand()];
        let values = match difference.run(&operands, rows.computed(), validity.as_ref(), Width::Adaptive) {
            Ok(differences) if !with_nulls || validity.is_none() && !empty => match differences {
                Results::Narrow(differences) => differences.iter().map(|d| holds(op, d.cmp(&0))).collect(),
                Results::Wide(differences) => differences.iter().map(|d| holds(op, d.cmp(&0))).collect(),
            },
            _ => one_by_one(op, [left, right], scales, rows.computed()),
        };
        let values = BooleanChunked::from_bitmap(name, values).with_validity(validity.filter(|_| !with_nulls));
        Ok(rows.repeat(values.into_column()))
    })
}

/// The difference of two operands, brought to one scale. It overflows for operands that are far apart.
fn difference([left, right]: [usize; 2]) -> Program {
    let scale = left.max(right);
    let widen = |from: usize| integer::power_of_ten(scale - from).filter(|factor| *factor != 1).map(Step::Scale);
    let mut steps = vec![Step::Leaf(0)];
    steps.extend(widen(left));
    steps.push(Step::Leaf(1));
    steps.extend(widen(right));
    steps.push(Step::Subtract);
    Program::new(steps)
}

/// Compares row by row: for operands whose difference overflows, and for operators that look at nulls.
fn one_by_one(op: Operator, [left, right]: [&Integers; 2], scales: [usize; 2], rows: usize) -> Bitmap {
    let results = (0..rows).map(|row| {
        let ordering = match (left.is_valid(row), right.is_valid(row)) {
            (false, false) => Ordering::Equal,
            (true, true) => order(left.value(row), scales[0], right.value(row), scales[1]),
            // Not equal to anything; the other operators do not look at nulls.
            _ => Ordering::Less,
        };
        holds(op, ordering)
    });
    results.collect()
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
