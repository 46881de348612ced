//! `over`.

use quokka::prelude::*;

use crate::support::{Rows, check, numbers};

#[test]
fn by_keys() {
    let exprs = [
        col("id"),
        col("value").sum().over([col("key")]).unwrap().alias("sum"),
        (col("real") - col("real").mean().over([col("key")]).unwrap()).alias("deviation"),
        col("value").max().over([col("key"), col("flag")]).unwrap().alias("max"),
        len().over([col("key")]).unwrap().alias("rows"),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.select(&exprs), |[t]| t.select(&exprs));
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs[1..3]), |[t]| t.with_columns(&exprs[1..3]));
}

#[test]
fn by_an_expression() {
    let exprs = [col("value").sum().over([col("id") % lit(7)]).unwrap().alias("sum")];
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs), |[t]| t.with_columns(&exprs));
}

#[test]
fn by_keys_without_a_common_one() {
    let exprs = [
        col("value").sum().over([col("key")]).unwrap().alias("sum"),
        col("value").max().over([col("flag")]).unwrap().alias("max"),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs), |[t]| t.with_columns(&exprs));
}

#[test]
fn in_the_order_of_the_table() {
    let exprs = [
        col("id").shift(lit(1)).over([col("key")]).unwrap().alias("before"),
        col("value").cum_sum(false).over([col("key")]).unwrap().alias("running"),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs), |[t]| t.with_columns(&exprs));
}

#[test]
fn next_to_aggregates() {
    let exprs = [
        (col("value").sum().over([col("key")]).unwrap() / col("value").sum()).alias("share"),
        col("id")
            .rank(RankOptions { method: RankMethod::Dense, descending: true }, None)
            .over([col("flag")])
            .unwrap()
            .alias("rank"),
    ];
    check([&numbers()], Rows::AnyOrder, |[t]| t.with_columns(&exprs), |[t]| t.with_columns(&exprs));
}

#[test]
fn rows_of_the_first_of_each_group() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.filter(col("id").eq(col("id").min().over([col("key")]).unwrap())).select([col("id"), col("key")]),
        |[t]| t.filter(col("id").eq(col("id").min().over([col("key")]).unwrap())).select([col("id"), col("key")]),
    );
}

#[test]
fn filters_by_what_windows_are_partitioned_by() {
    let windows = || {
        [
            col("value").sum().over([col("key"), col("flag")]).unwrap().alias("sum"),
            col("value").rank(Default::default(), None).over([col("key")]).unwrap().alias("rank"),
        ]
    };
    let predicate = || col("key").gt(lit(4)).and(col("flag")).and(col("sum").gt(lit(0)));
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.with_columns(windows()).filter(predicate()),
        |[t]| t.with_columns(windows()).filter(predicate()),
    );
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.with_columns(windows()).filter(col("key").is_null()),
        |[t]| t.with_columns(windows()).filter(col("key").is_null()),
    );
}
