//! `select`, `with_columns` and their relatives.

use polars_lazy::frame::LazyFrame;
use quokka::prelude::*;

use crate::support::{Rows, check, check_against, numbers};

#[test]
fn row_by_row() {
    let exprs = [
        col("id"),
        (col("value") * lit(2)).alias("double"),
        when(col("flag")).then(col("real")).otherwise(lit(-1.0)).alias("chosen"),
        col("text").str().starts_with(lit("text 1")).alias("ones"),
        lit("constant").alias("constant"),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs), |[t]| t.with_columns(&exprs));
}

#[test]
fn selectors() {
    let exprs = [
        all().as_expr().name().suffix("_x"),
        col("^.*e.*$"),
        dtype_col(&DataType::Int64).as_selector().as_expr().name().to_uppercase(),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
}

#[test]
fn names() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.rename(["id", "key", "missing"], ["key", "id", "x"], false).drop(cols(["text", "flag"])),
        |[t]| t.rename(["id", "key", "missing"], ["key", "id", "x"], false).drop(cols(["text", "flag"])),
    );
    check_against([&numbers()], Rows::Counted, |[t]| t.drop(all()), &DataFrame::empty_with_height(200));
}

#[test]
fn casts_and_fills() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.cast([("value", DataType::Float64), ("id", DataType::String)], true).fill_null(lit(0)),
        |[t]| {
            t.with_columns([col("value").cast(DataType::Float64), col("id").cast(DataType::String)]).fill_null(lit(0))
        },
    );
    let nan = df!("a" => [Some(f64::NAN), Some(1.0), None], "b" => [1i64, 2, 3]).unwrap();
    check([&nan], Rows::AnyOrder, |[t]| t.fill_nan(lit(7.0)), |[t]| t.fill_nan(lit(7.0)));
}

#[test]
fn aggregates_make_one_row() {
    let exprs = [
        col("value").sum(),
        col("real").mean().alias("mean"),
        (col("id").max() - col("id").min()).alias("range"),
        len().alias("rows"),
        col("key").n_unique().alias("keys"),
        lit(5).alias("five"),
    ];
    check([&numbers()], Rows::Ordered, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    let nothing = numbers().clear();
    check([&nothing], Rows::Ordered, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    let constants = [lit(5).alias("five"), lit("x").alias("x")];
    check([&numbers()], Rows::Ordered, |[t]| t.select(&constants), |[t]| t.select(&constants));
}

#[test]
fn totals() {
    type Totals = (fn(DataStream) -> DataStream, fn(LazyFrame) -> LazyFrame);
    let totals: [Totals; 9] = [
        (DataStream::count, LazyFrame::count),
        (DataStream::null_count, LazyFrame::null_count),
        (DataStream::sum, LazyFrame::sum),
        (DataStream::min, LazyFrame::min),
        (DataStream::max, LazyFrame::max),
        (DataStream::mean, LazyFrame::mean),
        (DataStream::median, LazyFrame::median),
        (|t| t.std(1), |t| t.std(1)),
        (|t| t.var(0), |t| t.var(0)),
    ];
    let frame = numbers().select(["id", "value", "real"]).unwrap();
    for (query, oracle) in totals {
        check([&frame], Rows::Ordered, |[t]| query(t), |[t]| oracle(t));
    }
}

#[test]
fn aggregates_next_to_rows() {
    let exprs = [
        col("id"),
        (col("value") - col("value").mean()).alias("deviation"),
        col("real").rank(RankOptions { method: RankMethod::Min, descending: false }, None).alias("rank"),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs[1..]), |[t]| t.with_columns(&exprs[1..]));
}

#[test]
fn order_of_the_table() {
    let exprs = [col("id"), col("value").cum_sum(false).alias("sum"), col("id").shift(lit(1)).alias("before")];
    check([&numbers()], Rows::Ordered, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    let ends = [col("id").first(), col("value").last(), col("text").head(Some(1))];
    check([&numbers()], Rows::Ordered, |[t]| t.select(&ends), |[t]| t.select(&ends));
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| t.filter(col("flag")).with_columns([col("id").diff(lit(1), NullBehavior::Ignore).alias("gap")]),
        |[t]| t.filter(col("flag")).with_columns([col("id").diff(lit(1), NullBehavior::Ignore).alias("gap")]),
    );
}

#[test]
fn other_numbers_of_rows() {
    let exprs = [col("key").unique()];
    check([&numbers()], Rows::AnyOrder, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    let exprs = [col("value").filter(col("flag")).alias("value"), lit(1).alias("one")];
    check([&numbers()], Rows::AnyOrder, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    let exprs = [lit(Series::new("s".into(), [3i64, 1, 2]))];
    check([&numbers()], Rows::Ordered, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
}
