use std::cmp::Ordering;

use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_core::datatypes::DataType;
use polars_core::frame::column::Column;
use polars_core::prelude::{BooleanChunked, IntoColumn};
use polars_error::PolarsResult;
use polars_plan::dsl::{Expr, Operator};
use polars_utils::pl_str::PlSmallStr;

use super::super::column::{Integers, Rows, combine};
use super::super::integer;
use super::elementwise;

/// Compares decimals or integers of different scales, exactly.
pub(in super::super) fn compare(input: [Expr; 2], scales: [usize; 2], op: Operator) -> Expr {
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
