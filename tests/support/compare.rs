use std::cmp::Ordering;

use polars_core::prelude::AnyValue;
use quokka::prelude::*;

/// What is compared of two results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The rows, in order.
    Ordered,
    /// The rows, in any order.
    AnyOrder,
    /// The number of rows.
    Counted,
}

/// Panics with `context` unless `result` and `expected` have the same columns and rows.
#[track_caller]
pub fn assert_same(result: &DataFrame, expected: &DataFrame, rows: Rows, context: &dyn Fn() -> String) {
    assert_eq!(result.schema(), expected.schema(), "{}", context());
    assert_eq!(result.height(), expected.height(), "number of rows\n{result}\n{expected}\n{}", context());
    if rows == Rows::Counted {
        return;
    }
    let (mut result_rows, mut expected_rows) = (values(result), values(expected));
    if rows == Rows::AnyOrder {
        result_rows.sort();
        expected_rows.sort();
    }
    if let Some(at) = (0..expected_rows.len()).find(|at| !is_same(&result_rows[*at], &expected_rows[*at])) {
        panic!(
            "row {at} ({rows:?}) is\n  {:?}\nnot\n  {:?}\nresult {result}\nexpected {expected}\n{}",
            result_rows[at],
            expected_rows[at],
            context()
        );
    }
}

/// A value that can be sorted and compared; floats last, so that they hardly matter for the order of rows.
#[derive(Clone, Debug)]
enum Value {
    Text(String),
    Float(f64),
}

fn values(frame: &DataFrame) -> Vec<Vec<Value>> {
    let row = |row: usize| {
        let mut values: Vec<Value> =
            frame.columns().iter().map(|column| Value::of(&column.get(row).unwrap())).collect();
        values.sort_by_key(|value| matches!(value, Value::Float(_)));
        values
    };
    (0..frame.height()).map(row).collect()
}

/// Sums of floats depend on the order of rows in their last digits.
fn is_same(left: &[Value], right: &[Value]) -> bool {
    left.iter().zip(right).all(|(left, right)| match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => {
            left == right || left.is_nan() && right.is_nan() || (left - right).abs() <= 1e-9 * left.abs().max(1.0)
        },
        _ => false,
    })
}

impl Value {
    fn of(value: &AnyValue) -> Self {
        match value {
            AnyValue::Float64(float) => Value::Float(*float),
            AnyValue::Float32(float) => Value::Float(f64::from(*float)),
            // However it lies in memory.
            other => Value::Text(format!("{:?}", other.clone().into_static())),
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
            (Value::Text(_), Value::Float(_)) => Ordering::Less,
            (Value::Float(_), Value::Text(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}
