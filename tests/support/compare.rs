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
    let (mut result_rows, mut expected_rows) = (texts(result), texts(expected));
    if rows == Rows::AnyOrder {
        result_rows.sort_unstable();
        expected_rows.sort_unstable();
    }
    if let Some(at) = (0..expected_rows.len()).find(|at| result_rows[*at] != expected_rows[*at]) {
        panic!(
            "row {at} ({rows:?}) is\n  {}\nnot\n  {}\nresult {result}\nexpected {expected}\n{}",
            result_rows[at],
            expected_rows[at],
            context()
        );
    }
}

fn texts(frame: &DataFrame) -> Vec<String> {
    let text = |row: usize| {
        let values = frame.columns().iter().map(|column| value(&column.get(row).unwrap()));
        values.collect::<Vec<_>>().join(" | ")
    };
    (0..frame.height()).map(text).collect()
}

/// Sums of floats depend on the order of rows in their last digits.
fn value(value: &AnyValue) -> String {
    match value {
        AnyValue::Float64(0.0) => "0".into(),
        AnyValue::Float64(float) => format!("{float:.9e}"),
        AnyValue::Float32(float) => format!("{float:.5e}"),
        other => format!("{other:?}"),
    }
}
