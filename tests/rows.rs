//! `filter`, limits, `unique`, `union`.

use polars_lazy::dsl::{UnionArgs, concat};
use quokka::prelude::*;

use crate::support::{Rows, check, check_against, context, numbers};

#[test]
fn filters() {
    let predicates = [
        col("value").gt(lit(10)),
        col("value").gt(lit(10)).and(col("text").eq(lit("text 1")).or(col("flag"))),
        col("flag"),
        col("value").is_null(),
        col("key").is_in(lit(Series::new("set".into(), [1i64, 5])).implode(true), false),
        col("real").is_between(lit(2.0), lit(4.0), ClosedInterval::Left),
        lit(true),
        lit(false),
        col("value").gt(col("value").mean()),
        col("value").eq(col("value").max().over([col("key")]).unwrap()),
        col("value").gt(col("value").shift(lit(1))),
        lit(1).eq(lit(1)),
    ];
    for predicate in predicates {
        let (ours, theirs) = (predicate.clone(), predicate);
        check([&numbers()], Rows::AnyOrder, |[t]| t.filter(ours.clone()), |[t]| t.filter(theirs.clone()));
    }
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.remove(col("value").gt(lit(0))).drop_nulls(Some(cols(["key", "text"]))),
        |[t]| t.remove(col("value").gt(lit(0))).drop_nulls(Some(cols(["key", "text"]))),
    );
    check([&numbers()], Rows::AnyOrder, |[t]| t.drop_nulls(None), |[t]| t.drop_nulls(None));
}

#[test]
fn filters_behind_projections() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.with_columns([(col("value") + col("id")).alias("sum"), lit(3).alias("three")])
                .select([(col("sum") * lit(2)).alias("key"), col("key").alias("old"), col("three")])
                .filter(col("key").gt(lit(50)).and(col("old").lt(col("three") * lit(3))))
        },
        |[t]| {
            t.with_columns([(col("value") + col("id")).alias("sum"), lit(3).alias("three")])
                .select([(col("sum") * lit(2)).alias("key"), col("key").alias("old"), col("three")])
                .filter(col("key").gt(lit(50)).and(col("old").lt(col("three") * lit(3))))
        },
    );
}

#[test]
fn limits_of_a_table_are_its_first_rows() {
    for (offset, length) in [(0, 0), (0, 5), (3, 40), (190, 40), (300, 2), (-5, 3), (-300, 2), (-1, 1), (-3, 10)] {
        let select = [col("id") + lit(1), col("text")];
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.select(&select).slice(offset, length),
            |[t]| t.select(&select).slice(offset, length),
        );
    }
    check([&numbers()], Rows::Ordered, |[t]| t.first(), |[t]| t.first());
    check([&numbers()], Rows::Ordered, |[t]| t.last(), |[t]| t.last());
    check([&numbers()], Rows::Ordered, |[t]| t.tail(3), |[t]| t.tail(3));
}

#[test]
fn limits_without_an_order_keep_any_rows() {
    let frame = numbers();
    for length in [0, 1, 7, 35, 1000] {
        check(
            [&frame],
            Rows::Counted,
            |[t]| t.filter(col("value").gt(lit(0))).limit(length),
            |[t]| t.filter(col("value").gt(lit(0))).limit(length),
        );
        check(
            [&frame],
            Rows::Counted,
            |[t]| t.group_by([col("key")]).agg([len()]).limit(length),
            |[t]| t.group_by([col("key")]).agg([len()]).limit(length),
        );
    }
    let kept = context().from_df(frame.clone()).filter(col("value").gt(lit(0))).limit(7).collect().unwrap();
    assert!(kept.column("value").unwrap().i32().unwrap().iter().all(|value| value.is_some_and(|value| value > 0)));
}

#[test]
fn unique_rows() {
    let frame = numbers().select(["key", "flag"]).unwrap();
    check([&frame], Rows::AnyOrder, |[t]| t.distinct(), |[t]| t.unique(None, UniqueKeepStrategy::Any));
    let subset = || Some(cols(["key", "flag"]));
    for keep in [UniqueKeepStrategy::First, UniqueKeepStrategy::Last] {
        check([&numbers()], Rows::AnyOrder, |[t]| t.unique(subset(), keep), |[t]| t.unique_stable(subset(), keep));
    }
    let keep = UniqueKeepStrategy::None;
    let subset = || Some(cols(["real", "flag"]));
    check([&numbers()], Rows::AnyOrder, |[t]| t.unique(subset(), keep), |[t]| t.unique(subset(), keep));
}

#[test]
fn unique_by_a_subset_keeps_whole_rows() {
    let frame = numbers();
    let kept = context().from_df(frame.clone()).unique(Some(cols(["key"])), UniqueKeepStrategy::Any).collect().unwrap();
    assert_eq!(kept.schema(), frame.schema());
    assert_eq!(kept.height(), 14);
    let ids: Vec<Option<i64>> = kept.column("id").unwrap().i64().unwrap().iter().collect();
    for (row, id) in ids.into_iter().enumerate() {
        let original = frame.slice(id.unwrap(), 1);
        assert!(kept.slice(row as i64, 1).equals_missing(&original));
    }
}

#[test]
fn unions() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            let large = t.clone().filter(col("value").gt(lit(20)));
            t.clone().filter(col("value").lt(lit(-20))).union(large).union(t).filter(col("key").gt(lit(3)))
        },
        |[t]| {
            let parts = [t.clone().filter(col("value").lt(lit(-20))), t.clone().filter(col("value").gt(lit(20))), t];
            concat(parts, UnionArgs::default()).unwrap().filter(col("key").gt(lit(3)))
        },
    );
}

#[test]
fn unions_have_an_order_for_what_needs_one() {
    check(
        [&numbers()],
        Rows::Ordered,
        |[t]| {
            let sorted = t.clone().sort(["value", "id"], Default::default()).filter(col("flag"));
            sorted
                .union(t.clone().filter(col("id").gt(lit(150))))
                .union(t)
                .select([col("id").shift(lit(1)), col("key")])
        },
        |[t]| {
            let sorted = t.clone().sort(["value", "id"], Default::default()).filter(col("flag"));
            let parts = [sorted, t.clone().filter(col("id").gt(lit(150))), t];
            concat(parts, UnionArgs::default()).unwrap().select([col("id").shift(lit(1)), col("key")])
        },
    );
}

#[test]
fn nothing_stays_nothing() {
    let nothing = numbers().clear();
    check_against([&nothing], Rows::Ordered, |[t]| t, &nothing);
    check_against([&nothing], Rows::Ordered, |[t]| t.filter(col("flag")).distinct().limit(3), &nothing);
    check_against([&nothing], Rows::Ordered, |[t]| t.sort(["id"], Default::default()), &nothing);
    check_against([&nothing], Rows::Ordered, |[t]| t.clone().union(t), &nothing);
    let columns = DataFrame::empty();
    check_against([&columns], Rows::Ordered, |[t]| t, &columns);
}
