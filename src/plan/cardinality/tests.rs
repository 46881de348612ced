use std::sync::Arc;

use polars_core::df;
use polars_core::prelude::{DataFrame, SortMultipleOptions};
use polars_ops::prelude::JoinType;
use quokka_connectors::memory::MemoryScan;
use quokka_engine::expr::prelude::{Expr, col, len, lit};

use super::*;
use crate::plan::JoinSpecification;
use crate::plan::testing::{sized_table, table};

fn scan(frame: DataFrame) -> LogicalPlan {
    LogicalPlan::scan(Arc::new(MemoryScan::from(frame)))
}

/// 1000 orders of 100 customers; every tenth order is large.
fn orders() -> LogicalPlan {
    let key: Vec<i64> = (0..1000).collect();
    let customer: Vec<i64> = (0..1000).map(|i| i * 7 % 100).collect();
    let size: Vec<&str> = (0..1000).map(|i| if i % 10 == 0 { "large" } else { "small" }).collect();
    scan(df!("order" => key, "customer" => customer, "size" => size).unwrap())
}

/// 100 customers in 5 nations.
fn customers() -> LogicalPlan {
    let key: Vec<i64> = (0..100).collect();
    let nation: Vec<i64> = (0..100).map(|i| i % 5).collect();
    scan(df!("id" => key, "nation" => nation).unwrap())
}

/// Pairs of 50 × 20 values, of which 200 are there: the keys together are unique.
fn stocks() -> LogicalPlan {
    let part: Vec<i64> = (0..200).map(|i| i / 4).collect();
    let shop: Vec<i64> = (0..200).map(|i| (i / 4 + i % 4 * 5) % 20).collect();
    scan(df!("part" => part, "shop" => shop).unwrap())
}

fn rows(plan: &LogicalPlan) -> f64 {
    Estimates::default().rows(plan).unwrap()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 0.1 * expected, "about {expected} rows, not {found}");
}

/// With the filter in the scan, and above it.
fn filtered(plan: LogicalPlan, predicate: Expr) -> [LogicalPlan; 2] {
    let plan = plan.filter(&predicate, "filter").unwrap();
    [crate::plan::optimizer::optimize(plan.clone(), Default::default(), &Estimates::default()), plan]
}

fn join(left: LogicalPlan, right: LogicalPlan, on: &[(&str, &str)], how: JoinType) -> LogicalPlan {
    let (left_on, right_on) = on.iter().map(|(left, right)| (col(*left), col(*right))).unzip();
    left.join(right, &JoinSpecification { how, left_on, right_on, ..Default::default() }).unwrap()
}

#[test]
fn a_sample_sees_all_conditions_together() {
    let correlated = col("size").eq(lit("large")).and((col("order") % lit(10)).eq(lit(0)));
    let [scan, _] = filtered(orders(), correlated);
    assert_near(rows(&scan), 100.0);
    let [scan, _] = filtered(orders(), col("order").lt(lit(-1)));
    assert_eq!(rows(&scan), 0.5);
}

#[test]
fn statistics_tell_of_comparisons() {
    for (predicate, expected) in [
        (col("order").lt(lit(250)), 250.0),
        (col("order").gt_eq(lit(250)).and(col("order").lt(lit(500))), 250.0),
        (lit(750).lt(col("order")), 250.0),
        (col("customer").eq(lit(3)), 10.0),
        (col("customer").neq(lit(3)), 990.0),
        (col("customer").eq(lit(3)).or(col("customer").eq(lit(4))), 20.0),
        (col("customer").eq(lit(3)).not(), 990.0),
        (col("customer").is_null(), 0.5),
        (lit(false), 0.5),
    ] {
        for plan in filtered(orders(), predicate.clone()) {
            assert!((rows(&plan) - expected).abs() <= 0.1 * expected + 0.5, "{predicate}: {}", rows(&plan));
        }
    }
}

#[test]
fn tables_without_statistics_are_guessed() {
    let sized = || sized_table("t", "a b", Some(1200));
    let share = |predicate: Expr| rows(&sized().filter(&predicate, "filter").unwrap());
    assert_near(share(col("a").eq(lit(1))), 120.0);
    assert_near(share(col("a").lt(lit(1))), 400.0);
    assert_near(share(col("a").lt(col("b"))), 400.0);
    assert_near(share(col("a").lt(lit(5)).and(col("a").gt(lit(1)))), 300.0);
}

#[test]
fn unknown_sizes_stay_unknown() {
    let estimates = Estimates::default();
    let unknown = table("t", "a b").filter(&col("a").eq(lit(1)), "filter").unwrap();
    assert_eq!(estimates.rows(&unknown), None);
    assert_eq!(estimates.column(&unknown, &"a".into()).map(|column| column.distinct), None);
    assert_eq!(estimates.rows(&join(customers(), unknown.clone(), &[("id", "a")], JoinType::Inner)), None);
    assert_eq!(estimates.rows(&unknown.clone().slice(0, 7)), Some(7.0));
    let top = unknown.clone().top_k(5, &[col("a")], SortMultipleOptions::default(), "top_k").unwrap();
    assert_eq!(estimates.rows(&top), Some(5.0));
    assert_eq!(estimates.rows(&unknown.aggregate(&[], &[len()], "agg").unwrap()), Some(1.0));
}

#[test]
fn joins_follow_foreign_keys() {
    let on = [("customer", "id")];
    assert_near(rows(&join(orders(), customers(), &on, JoinType::Inner)), 1000.0);
    assert_near(rows(&join(orders(), customers(), &on, JoinType::Left)), 1000.0);
    for some in filtered(customers(), col("nation").eq(lit(2))) {
        assert_near(rows(&join(orders(), some.clone(), &on, JoinType::Inner)), 200.0);
        assert_near(rows(&join(orders(), some.clone(), &on, JoinType::Semi)), 200.0);
        assert_near(rows(&join(orders(), some.clone(), &on, JoinType::Anti)), 800.0);
        assert_near(rows(&join(orders(), some, &on, JoinType::Left)), 1000.0);
    }
    // Without statistics the key is taken for that of the smaller table.
    let sized = |name, rows| sized_table(name, "k v", Some(rows));
    assert_near(rows(&join(sized("l", 6000), sized("o", 1500), &[("k", "k")], JoinType::Inner)), 6000.0);
}

#[test]
fn both_sides_filtered_are_independent() {
    let [small, _] = filtered(orders(), col("order").lt(lit(100)));
    let [other, _] = filtered(orders(), col("size").eq(lit("large")));
    assert_near(rows(&join(small, other, &[("order", "order")], JoinType::Inner)), 100.0 * 100.0 / 1000.0);
}

#[test]
fn keys_of_several_columns_have_as_many_combinations_as_rows() {
    let on = [("part", "part"), ("shop", "shop")];
    assert_near(rows(&join(stocks(), stocks(), &on, JoinType::Inner)), 200.0);
}

#[test]
fn groups_are_the_different_values() {
    let grouped = |plan: LogicalPlan, keys: &[&str]| {
        let keys: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
        plan.aggregate(&keys, &[len()], "agg").unwrap()
    };
    assert_near(rows(&grouped(orders(), &["customer"])), 100.0);
    assert_near(rows(&grouped(orders(), &["size"])), 2.0);
    assert!(rows(&grouped(orders(), &["customer", "order"])) <= 1000.0);
    let nations = join(orders(), customers(), &[("customer", "id")], JoinType::Inner);
    assert_near(rows(&grouped(nations, &["nation"])), 5.0);
    // Each group of the aggregate finds its customer.
    let grouped = grouped(orders(), &["customer"]);
    assert_near(rows(&join(customers(), grouped, &[("id", "customer")], JoinType::Inner)), 100.0);
}

#[test]
fn other_operations() {
    let sorted = orders().sort(&[col("order")], SortMultipleOptions::default(), "sort").unwrap();
    assert_eq!(rows(&sorted), 1000.0);
    assert_eq!(rows(&sorted.slice(3, 10)), 10.0);
    assert_eq!(rows(&orders().slice(5, u64::MAX)), 1000.0);
    assert_eq!(rows(&LogicalPlan::union(vec![orders(), orders()]).unwrap()), 2000.0);
    assert_eq!(rows(&orders().select(&[col("order").sum()], "select").unwrap()), 1.0);
    assert_eq!(rows(&orders().select(&[col("order") + lit(1)], "select").unwrap()), 1000.0);
}

#[test]
fn explain_shows_rows() {
    let [plan, _] = filtered(orders(), col("customer").eq(lit(3)));
    let plan = join(plan, table("unknown", "id name"), &[("customer", "id")], JoinType::Inner);
    let text = crate::plan::WithRows { query: &plan.into(), estimates: &Estimates::default() }.to_string();
    let ends: Vec<bool> = text.lines().map(|line| line.ends_with(" rows≈10")).collect();
    assert_eq!(ends, [false, true, false], "{text}");
}
