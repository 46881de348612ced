use polars_core::prelude::DataType;
use polars_ops::prelude::JoinType;
use quokka_engine::expr::prelude::{col, len, lit};

use super::*;
use crate::plan::JoinSpecification;
use crate::plan::testing::{sized_table, table};

fn join(left: LogicalPlan, right: LogicalPlan, left_on: &str, right_on: &str) -> LogicalPlan {
    let specification =
        JoinSpecification { left_on: vec![col(left_on)], right_on: vec![col(right_on)], ..Default::default() };
    left.join(right, &specification).unwrap()
}

fn totals(input: LogicalPlan, key: &str, value: &str) -> LogicalPlan {
    input.aggregate(&[col(key)], &[col(value).sum()], "agg").unwrap()
}

/// Two tables joined.
fn joined() -> LogicalPlan {
    join(table("t", "a b c d"), table("u", "k x y"), "a", "k")
}

fn optimized(plan: LogicalPlan) -> Query {
    optimize_query(plan, Rules::default(), &Estimates::default())
}

#[track_caller]
fn check(plan: &LogicalPlan, expected: &str) -> Query {
    let query = optimized(plan.clone());
    assert_eq!(query.root.schema(), plan.schema());
    let lines: Vec<&str> = expected.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let expected: String = lines.iter().map(|line| format!("{}\n", &line[indent..])).collect();
    assert_eq!(query.to_string(), expected, "\n{query}");
    query
}

#[test]
fn a_join_read_twice_delivers_what_either_reader_needs() {
    let part = joined();
    let plan =
        join(totals(part.clone(), "a", "b"), totals(part, "y", "c").select(&[col("y")], "select").unwrap(), "a", "y");
    check(
        &plan,
        r#"
        inner-join on col("a") = col("y") columns=[a, b]
          aggregate by [a] [col("b").sum() as b]
            shared plan=[1] columns=2/6 [a, b]
          aggregate by [y] []
            shared plan=[1] columns=1/6 [y]
        shared plan 1
        inner-join on col("a") = col("k") columns=[a, b, y]
          t columns=2/4 [a, b]
          u columns=2/3 [k, y]
        "#,
    );
}

#[test]
fn a_table_is_read_for_each_use() {
    let part = table("t", "a b c").filter(&col("b").gt(lit(1)), "filter").unwrap();
    let part = part.with_columns(&[(col("c") * lit(2)).alias("d")], "with_columns").unwrap();
    let plan = join(totals(part.clone(), "a", "d"), part.select(&[col("b")], "select").unwrap(), "a", "b");
    assert!(optimized(plan).shared.is_empty());
}

#[test]
fn what_every_reader_asks_for_moves_into_the_shared_plan() {
    let part = joined().select(&[col("a"), col("b"), col("x")], "select").unwrap();
    let read = |x: i64| {
        let predicate = col("b").gt(lit(1)).and(col("x").eq(lit(x)));
        part.clone().filter(&predicate, "filter").unwrap()
    };
    check(
        &LogicalPlan::union(vec![read(5), read(6)]).unwrap(),
        r#"
        union
          shared plan=[1] where [([(col("b")) > (dyn int: 1)]) & ([(col("x")) == (dyn int: 5)])]
          shared plan=[1] where [([(col("b")) > (dyn int: 1)]) & ([(col("x")) == (dyn int: 6)])]
        shared plan 1
        inner-join on col("a") = col("k") columns=[a, b, x]
          t columns=2/4 [a, b] where [(col("b")) > (dyn int: 1)]
          u columns=2/3 [k, x] where [([(col("x")) == (dyn int: 5)]) | ([(col("x")) == (dyn int: 6)])]
        "#,
    );
    // One reader wants all rows.
    let query = optimized(LogicalPlan::union(vec![read(5), part.clone()]).unwrap());
    assert!(query.to_string().ends_with("  t columns=2/4 [a, b]\n  u columns=2/3 [k, x]\n"), "{query}");
}

#[test]
fn parts_of_shared_plans_are_shared_too() {
    let inner = joined();
    let outer = totals(inner.clone(), "a", "b");
    let plan = LogicalPlan::union(vec![
        outer.clone().select(&[col("a")], "select").unwrap(),
        outer.select(&[col("b").alias("a")], "select").unwrap(),
        inner.select(&[col("y").alias("a")], "select").unwrap(),
    ])
    .unwrap();
    check(
        &plan,
        r#"
        union
          shared plan=[1] columns=1/2 [a]
          select [col("b") as a]
            shared plan=[1] columns=1/2 [b]
          select [col("y") as a]
            shared plan=[2] columns=1/6 [y]
        shared plan 1
        aggregate by [a] [col("b").sum() as b]
          shared plan=[2] columns=2/6 [a, b]
        shared plan 2
        inner-join on col("a") = col("k") columns=[a, b, y]
          t columns=2/4 [a, b]
          u columns=2/3 [k, y]
        "#,
    );
}

#[test]
fn equal_parts_are_found_where_they_were_built_twice() {
    let (t, u) = (table("t", "a b"), table("u", "k x"));
    let build = |value: i64| {
        let joined = join(t.clone(), u.clone(), "a", "k").filter(&col("b").gt(lit(value)), "filter").unwrap();
        totals(joined, "x", "b")
    };
    let shared = |one, two| optimized(LogicalPlan::union(vec![one, two]).unwrap()).shared.len();
    assert_eq!(shared(build(1), build(1)), 1);
    // The join below the filters is still the same, and one filter for both remains.
    assert_eq!(shared(build(1), build(2)), 1);
    let other = totals(join(table("t", "a b"), u.clone(), "a", "k"), "x", "b");
    assert_eq!(shared(totals(join(t.clone(), u.clone(), "a", "k"), "x", "b"), other), 0, "another table of that name");
    let left = JoinSpecification {
        how: JoinType::Left,
        left_on: vec![col("a")],
        right_on: vec![col("k")],
        ..Default::default()
    };
    let left = totals(t.clone().join(u.clone(), &left).unwrap(), "x", "b");
    assert_eq!(shared(totals(join(t.clone(), u.clone(), "a", "k"), "x", "b"), left), 0, "another kind of join");
}

#[test]
fn user_functions_are_called_once_for_one_stream_and_twice_for_two() {
    let t = table("t", "a b");
    let call = || {
        let double = col("b").map(Ok, |_, field| Ok(field.clone()));
        t.clone().with_columns(&[double.alias("c")], "with_columns").unwrap()
    };
    let one = call();
    let shared = |one, two| optimized(LogicalPlan::union(vec![one, two]).unwrap()).shared.len();
    assert_eq!(shared(one.clone(), one), 1);
    assert_eq!(shared(call(), call()), 0);
}

#[test]
fn literals_of_other_types_make_other_parts() {
    let t = table("t", "a b");
    let build = |value| totals(t.clone().filter(&col("b").gt(value), "filter").unwrap(), "a", "b");
    let shared = |one, two| optimized(LogicalPlan::union(vec![one, two]).unwrap()).shared.len();
    assert_eq!(shared(build(lit(1i64)), build(lit(1i64))), 1);
    assert_eq!(shared(build(lit(1i64)), build(lit(1i64).cast(DataType::Float64))), 0);
    assert_eq!(shared(build(lit(0.0)), build(lit(-0.0))), 0);
}

#[test]
fn only_the_number_of_rows_is_asked_for() {
    let part = joined();
    let count = |count| part.clone().aggregate(&[], &[count], "agg").unwrap();
    let plan = LogicalPlan::union(vec![count(len()), count((len() + lit(1)).alias("len"))]).unwrap();
    check(
        &plan,
        r#"
        union
          aggregate by [] [len() as len]
            shared plan=[1] columns=0/6 []
          aggregate by [] [[(len()) + (dyn int: 1)] as len]
            shared plan=[1] columns=0/6 []
        shared plan 1
        inner-join on col("a") = col("k") columns=[a]
          t columns=1/4 [a]
          u columns=1/3 [k]
        "#,
    );
}

#[test]
fn what_makes_many_more_rows_than_it_reads_is_not_kept() {
    let sized = |name: &str, columns: &str, rows| sized_table(name, columns, Some(rows));
    let inner = totals(join(sized("t", "a b", 1_000), sized("u", "k x", 100), "a", "k"), "x", "b");
    let cross = JoinSpecification { how: JoinType::Cross, ..Default::default() };
    let pairs = inner.join(sized("v", "c", 50_000), &cross).unwrap();
    let read = |column| pairs.clone().aggregate(&[col(column)], &[len()], "agg").unwrap();
    let query = optimized(
        LogicalPlan::union(vec![read("x"), read("b").rename(&["b".into()], &["x".into()], true).unwrap()]).unwrap(),
    );
    // Both uses make the pairs, of groups that were made once.
    assert_eq!(query.shared.len(), 1, "{query}");
    assert_eq!(query.to_string().matches("cross-join").count(), 2, "{query}");
    assert_eq!(query.to_string().matches("inner-join").count(), 1, "{query}");
}

#[test]
fn without_the_rule_nothing_is_shared() {
    let part = totals(joined(), "a", "b");
    let plan = LogicalPlan::union(vec![part.clone(), part]).unwrap();
    assert_eq!(optimized(plan.clone()).shared.len(), 1);
    let without = Rules::default().without(OptimizerRule::Sharing);
    assert!(optimize_query(plan, without, &Estimates::default()).shared.is_empty());
}
