//! Sort and top-k, and what keeps their order.

use quokka::prelude::*;

use crate::support::{Rows, check, numbers, orders};

fn options(descending: bool, nulls_last: bool) -> SortMultipleOptions {
    SortMultipleOptions::default().with_order_descending(descending).with_nulls_last(nulls_last)
}

#[test]
fn sorts() {
    for descending in [false, true] {
        for nulls_last in [false, true] {
            let options = || options(descending, nulls_last);
            check(
                [&numbers()],
                Rows::Ordered,
                |[t]| t.sort(["key", "id"], options()),
                |[t]| t.sort(["key", "id"], options()),
            );
            check(
                [&numbers()],
                Rows::Ordered,
                |[t]| t.sort(["text", "id"], options()),
                |[t]| t.sort(["text", "id"], options()),
            );
        }
    }
    let mixed = || SortMultipleOptions::default().with_order_descending_multi([true, false, true]);
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| t.sort(["flag", "real", "id"], mixed()),
        |[t]| t.sort(["flag", "real", "id"], mixed()),
    );
}

#[test]
fn sorts_by_expressions() {
    let by = [col("value").abs(), col("id") * lit(-1)];
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| t.sort_by_exprs(&by, options(false, false)),
        |[t]| t.sort_by_exprs(&by, options(false, false)),
    );
}

#[test]
fn equal_keys_can_keep_their_order() {
    let stable = || SortMultipleOptions::default().with_maintain_order(true);
    check([&numbers()], Rows::Ordered, |[t]| t.sort(["real"], stable()), |[t]| t.sort(["real"], stable()));
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| t.sort(["id"], options(true, false)).sort(["flag"], stable()),
        |[t]| t.sort(["id"], options(true, false)).sort(["flag"], stable()),
    );
}

#[test]
fn first_and_last_of_an_order() {
    for k in [0, 1, 10, 500] {
        let by = [col("value"), col("id")];
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.top_k(k, &by, Default::default()),
            |[t]| t.top_k(k, &by, Default::default()),
        );
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.bottom_k(k, &by, options(true, false)),
            |[t]| t.bottom_k(k, &by, options(true, false)),
        );
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.sort(["value", "id"], options(true, true)).select([col("id"), col("text")]).limit(k),
            |[t]| t.sort(["value", "id"], options(true, true)).select([col("id"), col("text")]).limit(k),
        );
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.sort(["value", "id"], options(false, true)).slice(3, k),
            |[t]| t.sort(["value", "id"], options(false, true)).slice(3, k),
        );
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.sort(["value", "id"], options(false, true)).tail(k),
            |[t]| t.sort(["value", "id"], options(false, true)).tail(k),
        );
    }
}

#[test]
fn what_looks_at_rows_keeps_the_order() {
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| {
            t.sort(["value", "id"], options(true, false))
                .filter(col("flag"))
                .with_columns([(col("id") + lit(1)).alias("next")])
        },
        |[t]| {
            t.sort(["value", "id"], options(true, false))
                .filter(col("flag"))
                .with_columns([(col("id") + lit(1)).alias("next")])
        },
    );
}

#[test]
fn what_looks_at_many_rows_keeps_the_order() {
    let exprs = [
        col("id"),
        col("value").cum_sum(false).alias("running"),
        col("value").sum().over([col("key")]).unwrap().alias("of key"),
        (col("real") - col("real").mean()).alias("deviation"),
    ];
    for exprs in [&exprs[..], &exprs[2..3], &exprs[2..], &exprs[..2]] {
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.sort(["value", "id"], options(true, false)).with_columns(exprs),
            |[t]| t.sort(["value", "id"], options(true, false)).with_columns(exprs),
        );
    }
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| {
            t.sort(["value", "id"], options(true, false))
                .filter(col("value").gt(col("value").shift(lit(3))))
                .slice(2, 9)
        },
        |[t]| {
            t.sort(["value", "id"], options(true, false))
                .filter(col("value").gt(col("value").shift(lit(3))))
                .slice(2, 9)
        },
    );
}

#[test]
fn after_aggregates_and_joins() {
    check(
        [&numbers(), &orders()],
        Rows::Ordered,
        |[n, o]| {
            n.inner_join(o, col("key"), col("key"))
                .group_by([col("name")])
                .agg([col("value").sum(), len()])
                .sort(["value", "name"], options(true, false))
                .limit(5)
        },
        |[n, o]| {
            n.inner_join(o, col("key"), col("key"))
                .group_by([col("name")])
                .agg([col("value").sum(), len()])
                .sort(["value", "name"], options(true, false))
                .limit(5)
        },
    );
}
