//! The share of rows that pass a predicate, from what is known of its columns.

use polars_core::prelude::{PlSmallStr, Schema};
use polars_plan::dsl::{BooleanFunction, Expr, FunctionExpr, Operator};
use polars_plan::plans::LiteralValue;
use quokka_engine::expr::{Comparison, Test, comparisons, split_conjunction};

use super::column::ColumnEstimate;
use super::number::number;

/// Of a column of which nothing is known, a value is met by one row in ten, half a range by one in three, a range with
/// two ends by one in four (System R), and a condition of any other kind by one in four.
const EQUAL: f64 = 0.1;
const HALF_RANGE: f64 = 1.0 / 3.0;
const RANGE: f64 = 0.25;
const OTHER: f64 = 0.25;
const NULL: f64 = 0.05;

/// What is known of the rows that are filtered.
pub(super) struct Known<'a> {
    pub(super) schema: &'a Schema,
    pub(super) column: &'a dyn Fn(&PlSmallStr) -> Option<ColumnEstimate>,
}

/// The share of rows for which `predicate` is true.
pub(super) fn selectivity(predicate: &Expr, known: &Known) -> f64 {
    let mut tests: Vec<(PlSmallStr, Vec<Test>)> = Vec::new();
    let mut share = 1.0;
    for part in split_conjunction(predicate) {
        let found = comparisons(&part, known.schema);
        if found.is_empty() || !is_comparison(&part) {
            share *= other(&part, known);
            continue;
        }
        for Comparison { column, test } in found {
            match tests.iter_mut().find(|(name, _)| *name == column) {
                Some((_, tests)) => tests.push(test),
                None => tests.push((column, vec![test])),
            }
        }
    }
    for (column, tests) in tests {
        share *= passing(&tests, (known.column)(&column).as_ref());
    }
    share.clamp(0.0, 1.0)
}

/// Whether the comparisons found in a part of a predicate say all that it does.
fn is_comparison(part: &Expr) -> bool {
    use BooleanFunction::{IsBetween, IsIn, IsNotNull, IsNull};
    match part {
        Expr::BinaryExpr { op, .. } => op.is_comparison(),
        Expr::Function { function: FunctionExpr::Boolean(function), .. } => {
            matches!(function, IsBetween { .. } | IsIn { .. } | IsNull | IsNotNull)
        },
        _ => false,
    }
}

/// A predicate that is no conjunction of comparisons of columns with constants.
fn other(predicate: &Expr, known: &Known) -> f64 {
    match predicate {
        Expr::BinaryExpr { left, op: Operator::Or | Operator::LogicalOr, right } => {
            either(selectivity(left, known), selectivity(right, known))
        },
        Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::AnyHorizontal) } => {
            input.iter().map(|part| selectivity(part, known)).fold(0.0, either)
        },
        Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::Not) } => {
            input.first().map_or(OTHER, |input| 1.0 - selectivity(input, known))
        },
        Expr::Literal(LiteralValue::Scalar(value)) => number(value).unwrap_or(0.0),
        Expr::Column(_) => 0.5,
        Expr::BinaryExpr { left, op: Operator::Eq | Operator::EqValidity, right } => {
            let distinct = |expr: &Expr| match expr {
                Expr::Column(name) => (known.column)(name).filter(|column| column.counted).map(|c| c.distinct),
                _ => None,
            };
            match (distinct(left), distinct(right)) {
                (None, None) => EQUAL,
                (left, right) => 1.0 / left.unwrap_or(1.0).max(right.unwrap_or(1.0)).max(1.0),
            }
        },
        Expr::BinaryExpr { op: Operator::NotEq | Operator::NotEqValidity, .. } => 1.0 - EQUAL,
        Expr::BinaryExpr { op: Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq, .. } => HALF_RANGE,
        Expr::Function { function: FunctionExpr::Boolean(BooleanFunction::IsBetween { .. }), .. } => RANGE,
        _ => OTHER,
    }
}

fn either(left: f64, right: f64) -> f64 {
    left + right - left * right
}

/// The share of the values of a column that pass all of `tests`.
fn passing(tests: &[Test], column: Option<&ColumnEstimate>) -> f64 {
    let range = column.and_then(|column| column.range);
    let nulls = column.map_or(0.0, |column| column.nulls);
    let equal = |value: Option<f64>| match (column, range, value) {
        (Some(column), Some((least, greatest)), Some(value)) if value < least || value > greatest => {
            0.5 / column.origin.rows.max(1.0)
        },
        (Some(column), _, _) if column.counted || range.is_some() => 1.0 / column.domain.max(1.0),
        _ => EQUAL,
    };
    let mut share = 1.0;
    let (mut low, mut high) = (None::<f64>, None::<f64>);
    let (mut has_low, mut has_high) = (false, false);
    for test in tests {
        match test {
            Test::Eq(value) => share *= equal(number(value)),
            Test::NotEq(value) => share *= 1.0 - equal(number(value)),
            Test::In(values) => share *= (values.len() as f64 * equal(None)).min(1.0),
            Test::IsNull => return column.map_or(NULL, |column| column.nulls),
            Test::IsNotNull => share *= column.map_or(1.0 - NULL, |_| 1.0),
            Test::Lt(value) | Test::LtEq(value) => {
                has_high = true;
                high = number(value).map(|value| high.map_or(value, |high| high.min(value))).or(high);
            },
            Test::Gt(value) | Test::GtEq(value) => {
                has_low = true;
                low = number(value).map(|value| low.map_or(value, |low| low.max(value))).or(low);
            },
        }
    }
    share *= match (range, has_low || has_high) {
        (_, false) => 1.0,
        (Some((least, greatest)), true) if low.is_some() || high.is_some() => {
            let (from, to) =
                (low.map_or(least, |low| low.max(least)), high.map_or(greatest, |high| high.min(greatest)));
            let smallest = column.map_or(0.0, |column| 0.5 / column.origin.rows.max(1.0));
            match greatest > least {
                true => ((to - from) / (greatest - least)).clamp(smallest, 1.0),
                false if to >= from => 1.0,
                false => smallest,
            }
        },
        _ if has_low && has_high => RANGE,
        _ => HALF_RANGE,
    };
    share * (1.0 - nulls)
}
