//! `explode`.

use quokka::prelude::*;

use super::message;
use crate::support::{Rows, check, chunked, context};

const CHOICES: [(bool, bool); 4] = [(true, true), (false, true), (true, false), (false, false)];

/// 40 rows with two lists of one length, an array, and a list of decimals.
fn lists() -> DataFrame {
    use polars_lazy::frame::IntoLazy;
    let list = |row: i32| match row % 7 {
        6 => None,
        length => Some(Series::new("".into(), (0..length % 6).map(|i| row * 10 + i).collect::<Vec<_>>())),
    };
    let pair = |row: i32| Some(Series::new("".into(), [Some(row), (row % 3 > 0).then_some(-row)]));
    let frame = df!(
        "id" => (0..40).collect::<Vec<i32>>(),
        "list" => (0..40).map(list).collect::<Vec<_>>(),
        "pair" => (0..40).map(pair).collect::<Vec<_>>(),
    );
    let list = DataType::List(Box::new(DataType::String));
    let array = DataType::Array(Box::new(DataType::Int32), 2);
    let decimals = DataType::List(Box::new(DataType::Decimal(9, 2)));
    let frame = frame.unwrap().lazy().select([
        col("id"),
        col("list").cast(list).alias("texts"),
        col("list").cast(decimals).alias("money"),
        col("list"),
        col("pair").cast(array),
    ]);
    chunked(&frame.collect().unwrap(), 9)
}

#[test]
fn lists_become_rows() {
    let frame = lists();
    for table in [frame.clone(), frame.clear(), frame.head(Some(1)), frame.slice(6, 1)] {
        for (empty_as_null, keep_nulls) in CHOICES {
            let options = ExplodeOptions { empty_as_null, keep_nulls };
            for columns in [&["list"][..], &["texts", "list", "money"], &["pair"]] {
                let chosen = || cols(columns.iter().copied());
                let (t, u) = (
                    |t: DataStream| t.explode(chosen(), options),
                    |t: polars_lazy::frame::LazyFrame| t.explode(chosen(), options),
                );
                check([&table], Rows::AnyOrder, |[s]| t(s), |[s]| u(s));
            }
        }
    }
}

#[test]
fn what_is_above_moves_below_where_it_may() {
    let options = ExplodeOptions { empty_as_null: true, keep_nulls: true };
    for table in [lists(), lists().clear()] {
        check(
            [&table],
            Rows::AnyOrder,
            |[t]| t.explode(cols(["list"]), options).filter(col("id").gt(lit(5)).and(col("list").gt(lit(100)))),
            |[t]| t.explode(cols(["list"]), options).filter(col("id").gt(lit(5)).and(col("list").gt(lit(100)))),
        );
        check(
            [&table],
            Rows::AnyOrder,
            |[t]| t.explode(cols(["list"]), options).select([(col("id") * lit(2)).alias("x")]),
            |[t]| t.explode(cols(["list"]), options).select([(col("id") * lit(2)).alias("x")]),
        );
        check(
            [&table],
            Rows::Ordered,
            |[t]| t.explode(cols(["list"]), options).select([len()]),
            |[t]| t.explode(cols(["list"]), options).select([len()]),
        );
        check(
            [&table],
            Rows::Counted,
            |[t]| t.explode(cols(["list"]), options).limit(30),
            |[t]| t.explode(cols(["list"]), options).limit(30),
        );
        // The order goes through.
        let descending = || SortMultipleOptions::default().with_order_descending(true);
        check(
            [&table],
            Rows::Ordered,
            |[t]| t.sort(["id"], descending()).explode(cols(["list", "texts"]), options).limit(50),
            |[t]| t.sort(["id"], descending()).explode(cols(["list", "texts"]), options).limit(50),
        );
        check(
            [&table],
            Rows::AnyOrder,
            |[t]| {
                let keys = t.clone().filter(col("id").lt(lit(9))).select([col("id")]);
                t.explode(cols(["list"]), options).join_builder().with(keys).on([col("id")]).finish()
            },
            |[t]| t.filter(col("id").lt(lit(9))).explode(cols(["list"]), options),
        );
    }
    let stream = context().from_df(lists()).explode(cols(["list"]), options);
    let explained = stream.clone().filter(col("id").gt(lit(5))).explain().unwrap();
    assert!(explained.contains("where [(col(\"id\")) > (dyn int: 5)]"), "{explained}");
    let explained = stream.select([col("id")]).explain().unwrap();
    assert!(explained.contains("explode columns=[list]") && explained.contains("columns=2/5"), "{explained}");
}

#[test]
fn only_lists_are_exploded() {
    let options = ExplodeOptions { empty_as_null: true, keep_nulls: true };
    assert_eq!(
        message(|t| t.explode(cols(["id"]), options)),
        "expression `id` in `explode` must be a list or an array, but it is i64"
    );
    assert_eq!(message(|t| t.explode(Selector::Empty, options)), "`explode`: there is no column to take apart");
    let lengths = context().from_df(lists()).explode(cols(["list", "pair"]), options).collect().unwrap_err();
    assert!(lengths.report().contains("matching element counts"), "{}", lengths.report());
}
