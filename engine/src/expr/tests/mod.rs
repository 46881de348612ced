#![expect(clippy::unwrap_used, reason = "tests")]

mod comparison;
mod errors;
mod expand;
mod generated;
mod groups;
mod predicate;
mod projection;
mod requirement;
mod udf;

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::*;
use polars_lazy::frame::{IntoLazy, LazyFrame};
use polars_plan::dsl::Expr;

use super::Projection;
use crate::error::OperatorError;

/// Rows of many types, with nulls.
fn mixed(rows: usize) -> DataFrame {
    let frame = df!(
        "i" => (0..rows).map(|row| (row % 5 != 3).then_some(row as i64 * 7 % 11 - 4)).collect::<Vec<_>>(),
        "small" => (0..rows).map(|row| row as i32 % 4).collect::<Vec<_>>(),
        "f" => (0..rows).map(|row| (row % 7 != 2).then_some(row as f64 / 4.0 - 3.0)).collect::<Vec<_>>(),
        "s" => (0..rows).map(|row| (row % 6 != 1).then(|| format!("text {}", row % 9))).collect::<Vec<_>>(),
        "b" => (0..rows).map(|row| (row % 8 != 5).then_some(row % 3 == 0)).collect::<Vec<_>>(),
        "k" => (0..rows).map(|row| ["x", "y", "z"][row % 3]).collect::<Vec<_>>(),
        "day" => (0..rows).map(|row| 9000 + row as i32).collect::<Vec<_>>(),
    )
    .unwrap();
    let frame = frame.lazy().with_columns([col("day").cast(DataType::Date), pair().alias("pair")]);
    frame.with_row_index("row", None).collect().unwrap()
}

fn pair() -> Expr {
    polars_plan::dsl::functions::as_struct(vec![col("i"), col("f")])
}

fn col(name: &str) -> Expr {
    polars_plan::dsl::functions::col(name)
}

fn lazy(frame: &DataFrame) -> LazyFrame {
    frame.clone().lazy()
}

fn select(frame: &DataFrame, exprs: &[Expr]) -> Result<DataFrame, OperatorError> {
    Projection::compile(exprs, frame.schema())?.select(frame)
}
