//! Conditions on one column that imply or contradict each other.

use std::cmp::Ordering;

use polars_core::prelude::{PlSmallStr, Schema};
use polars_core::scalar::Scalar;
use polars_plan::dsl::{BooleanFunction, Expr, FunctionExpr};
use quokka_engine::expr::{Test, comparisons};

use super::boolean::truth;
use crate::plan::expression::Properties;

/// The parts of a conjunction without those that others imply; `None` if no row can fulfil them all.
pub(super) fn merge(parts: Vec<Expr>, schema: &Schema) -> Option<Vec<Expr>> {
    let parts = without_repetitions(parts, schema);
    let subjects: Vec<Option<&PlSmallStr>> = parts.iter().map(subject).collect();
    let mut implied = vec![false; parts.len()];
    for (first, column) in subjects.iter().enumerate() {
        let Some(column) = column else { continue };
        let alike = subjects.iter().enumerate().filter(|(_, subject)| **subject == Some(*column));
        let alike: Vec<usize> = alike.map(|(index, _)| index).collect();
        // Each column once. A range of its own can be empty.
        if alike.first() != Some(&first) || alike.len() == 1 && !is_range(&parts[first]) {
            continue;
        }
        let tests = alike.into_iter().flat_map(|index| {
            let found = comparisons(&parts[index], schema);
            let whole = found.len() == 1 && matches!(parts[index], Expr::BinaryExpr { .. });
            found.into_iter().filter(|found| found.column == **column).map(move |found| (index, found.test, whole))
        });
        let tests: Vec<(usize, Test, bool)> = tests.collect();
        for (at, (index, test, whole)) in tests.iter().enumerate() {
            for (other_at, (other, other_test, _)) in tests.iter().enumerate() {
                if at == other_at {
                    continue;
                }
                if contradicts(test, other_test) && can_go(&parts, schema) {
                    return None;
                }
                let first_of_equals = !implies(test, other_test) || other < index;
                if *whole && index != other && !implied[*other] && first_of_equals && implies(other_test, test) {
                    implied[*index] = true;
                }
            }
        }
    }
    Some(parts.into_iter().zip(implied).filter(|(_, implied)| !implied).map(|(part, _)| part).collect())
}

/// Each part once.
fn without_repetitions(parts: Vec<Expr>, schema: &Schema) -> Vec<Expr> {
    let mut unique: Vec<Expr> = Vec::with_capacity(parts.len());
    for part in parts {
        if !unique.contains(&part) || !Properties::of(&part, schema).deterministic {
            unique.push(part);
        }
    }
    unique
}

/// Whether nobody misses the parts if they are not evaluated.
fn can_go(parts: &[Expr], schema: &Schema) -> bool {
    parts.iter().all(|part| truth(part).is_some() || !Properties::of(part, schema).fallible)
}

/// The column that a condition with literals is about.
fn subject(part: &Expr) -> Option<&PlSmallStr> {
    match part {
        Expr::BinaryExpr { left, op, right } if op.is_comparison() => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(name), Expr::Literal(_)) => Some(name),
            _ => None,
        },
        Expr::Function { input, function: FunctionExpr::Boolean(function) } => match (function, input.first()) {
            (
                BooleanFunction::IsNull
                | BooleanFunction::IsNotNull
                | BooleanFunction::IsBetween { .. }
                | BooleanFunction::IsIn { .. },
                Some(Expr::Column(name)),
            ) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn is_range(part: &Expr) -> bool {
    matches!(part, Expr::Function { function: FunctionExpr::Boolean(BooleanFunction::IsBetween { .. }), .. })
}

/// How two values of a column compare; nothing if its type has no order here.
fn order(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    let dtype = left.dtype();
    let is_ordered = dtype.is_primitive_numeric()
        || dtype.is_temporal()
        || dtype.is_decimal()
        || dtype.is_string()
        || dtype.is_bool();
    if !is_ordered || dtype != right.dtype() {
        return None;
    }
    left.as_any_value().partial_cmp(&right.as_any_value())
}

/// Whether `value` passes `test`; nothing if that is not known.
fn passes(value: &Scalar, test: &Test) -> Option<bool> {
    Some(match test {
        Test::Eq(other) => order(value, other)?.is_eq(),
        Test::NotEq(other) => order(value, other)?.is_ne(),
        Test::Lt(other) => order(value, other)?.is_lt(),
        Test::LtEq(other) => order(value, other)?.is_le(),
        Test::Gt(other) => order(value, other)?.is_gt(),
        Test::GtEq(other) => order(value, other)?.is_ge(),
        Test::IsNull => false,
        Test::IsNotNull => true,
        Test::In(_) => return None,
    })
}

/// Whether every value that passes `test` passes `other`.
fn implies(test: &Test, other: &Test) -> bool {
    use Test::{Eq, Gt, GtEq, IsNotNull, IsNull, Lt, LtEq, NotEq};
    match (test, other) {
        (IsNull, IsNull) => true,
        (IsNull, _) => false,
        (_, IsNotNull) => true,
        (Eq(value), other) => passes(value, other) == Some(true),
        (Gt(value), Gt(bound) | GtEq(bound) | NotEq(bound)) | (GtEq(value), GtEq(bound)) => {
            order(value, bound).is_some_and(Ordering::is_ge)
        },
        (GtEq(value), Gt(bound) | NotEq(bound)) => order(value, bound).is_some_and(Ordering::is_gt),
        (Lt(value), Lt(bound) | LtEq(bound) | NotEq(bound)) | (LtEq(value), LtEq(bound)) => {
            order(value, bound).is_some_and(Ordering::is_le)
        },
        (LtEq(value), Lt(bound) | NotEq(bound)) => order(value, bound).is_some_and(Ordering::is_lt),
        (NotEq(value), NotEq(other)) => order(value, other).is_some_and(Ordering::is_eq),
        _ => false,
    }
}

/// Whether no value passes both.
fn contradicts(test: &Test, other: &Test) -> bool {
    use Test::{Eq, Gt, GtEq, IsNull, Lt, LtEq};
    match (test, other) {
        (IsNull, IsNull) => false,
        (IsNull, _) | (_, IsNull) => true,
        (Eq(value), test) | (test, Eq(value)) => passes(value, test) == Some(false),
        (GtEq(low), LtEq(high)) | (LtEq(high), GtEq(low)) => order(low, high).is_some_and(Ordering::is_gt),
        (Gt(low) | GtEq(low), Lt(high) | LtEq(high)) | (Lt(high) | LtEq(high), Gt(low) | GtEq(low)) => {
            order(low, high).is_some_and(Ordering::is_ge)
        },
        _ => false,
    }
}
