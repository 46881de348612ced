//! `unnest`.

use quokka::prelude::*;

use super::message;
use crate::support::{Rows, check, chunked, context};

/// Rows with structs, some of them null.
fn structs() -> DataFrame {
    use polars_lazy::frame::IntoLazy;
    let frame = df!(
        "id" => (0..30).collect::<Vec<i32>>(),
        "x" => (0..30).map(|row| (row % 4 != 1).then_some(i64::from(row * 3))).collect::<Vec<_>>(),
        "t" => (0..30).map(|row| format!("text {}", row % 4)).collect::<Vec<_>>(),
    );
    let pair = as_struct(vec![col("x"), col("t")]);
    let money = as_struct(vec![col("id").cast(DataType::Decimal(8, 2)).alias("price")]);
    let frame = frame.unwrap().lazy().select([
        col("id"),
        when((col("id") % lit(5)).eq(lit(3))).then(lit(NULL)).otherwise(pair).alias("pair"),
        money.alias("money"),
    ]);
    chunked(&frame.collect().unwrap(), 7)
}

#[test]
fn fields_become_columns() {
    let frame = structs();
    for table in [frame.clone(), frame.clear(), frame.slice(3, 1)] {
        for separator in [None, Some(PlSmallStr::from_static("."))] {
            check(
                [&table],
                Rows::AnyOrder,
                |[t]| t.unnest(cols(["pair", "money"]), separator.clone()),
                |[t]| t.unnest(cols(["pair", "money"]), separator.clone()),
            );
            check(
                [&table],
                Rows::AnyOrder,
                |[t]| t.unnest(cols(["pair"]), separator.clone()).filter(col("id").gt(lit(4))),
                |[t]| t.unnest(cols(["pair"]), separator.clone()).filter(col("id").gt(lit(4))),
            );
        }
        check(
            [&table],
            Rows::AnyOrder,
            |[t]| t.unnest(cols(["pair"]), None).filter(col("x").gt(lit(20))).select([col("t"), col("x")]),
            |[t]| t.unnest(cols(["pair"]), None).filter(col("x").gt(lit(20))).select([col("t"), col("x")]),
        );
    }
    let explained = context().from_df(frame).unnest(cols(["pair"]), None).select([col("id")]).explain().unwrap();
    assert!(explained.contains("columns=1/3"), "{explained}");
}

#[test]
fn only_structs_are_unnested_and_names_must_differ() {
    assert_eq!(
        message(|t| t.unnest(cols(["id"]), None)),
        "expression `id` in `unnest` must be a struct, but it is i64"
    );
    assert!(message(|t| t.unnest(cols(["nope"]), None)).starts_with("unknown column `nope` in `unnest`"));
    let twice = |t: DataStream| {
        t.select([col("id"), as_struct(vec![col("id"), col("key")]).alias("s")]).unnest(cols(["s"]), None)
    };
    assert!(message(twice).starts_with("`unnest` produces two columns named `id`"));
}
