//! The methods of a stream that Polars has for frames.

mod columns;
mod describe;
mod distinct;
mod explode;
mod missing;
mod nested;
mod row_index;
mod sample;
mod totals;
mod union;

use polars_lazy::frame::LazyFrame;
use quokka::prelude::*;

use crate::support::{Rows, check, chunked, numbers};

/// Many rows, one row, no rows, and rows that are null.
fn tables() -> Vec<DataFrame> {
    let rows = numbers();
    let nulls = rows.columns().iter().map(|column| Column::full_null(column.name().clone(), 9, column.dtype()));
    let nulls = DataFrame::new(9, nulls.collect()).unwrap();
    vec![rows.head(Some(1)), rows.clear(), chunked(&nulls, 4), rows]
}

/// Checks that `query` does to all tables what `oracle` does.
#[track_caller]
fn check_tables(rows: Rows, query: impl Fn(DataStream) -> DataStream, oracle: impl Fn(LazyFrame) -> LazyFrame) {
    for table in tables() {
        check([&table], rows, |[t]| query(t), |[t]| oracle(t));
    }
}

/// The message of the error with which planning `query` fails.
#[track_caller]
fn message(query: impl Fn(DataStream) -> DataStream) -> String {
    let stream = query(crate::support::context().from_df(numbers()));
    stream.schema().unwrap_err().to_string()
}
