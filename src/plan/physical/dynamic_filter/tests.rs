use polars_core::df;
use polars_core::prelude::SortMultipleOptions;
use polars_ops::prelude::{JoinCoalesce, JoinType};
use quokka_connectors::memory::MemoryScan;
use quokka_engine::expr::prelude::{col, len, lit};

use super::*;
use crate::plan::JoinSpecification;
use crate::plan::cardinality::Estimates;
use crate::plan::physical::{Collected, Ending, Workers, lower};
use crate::plan::query::Query;

/// A table that is known by its number of rows.
fn table(rows: i64) -> LogicalPlan {
    let values: Vec<i64> = (0..rows).collect();
    let small: Vec<i32> = (0..rows as i32).collect();
    LogicalPlan::scan(Arc::new(MemoryScan::from(df!("k" => &values, "v" => &values, "small" => &small).unwrap())))
}

fn join_on(left: LogicalPlan, right: LogicalPlan, how: JoinType, on: &[(&str, &str)]) -> LogicalPlan {
    let (left_on, right_on) = on.iter().map(|(left, right)| (col(*left), col(*right))).unzip();
    let suffix = if left.schema().iter_names().any(|name| name.ends_with("_2")) { "_3".into() } else { "_2".into() };
    left.join(right, &JoinSpecification { how, left_on, right_on, suffix, ..Default::default() }).unwrap()
}

fn join(left: LogicalPlan, right: LogicalPlan, how: JoinType) -> LogicalPlan {
    join_on(left, right, how, &[("k", "k")])
}

fn query(root: LogicalPlan) -> Query {
    Query { root, shared: Vec::new() }
}

fn with(workers: Workers, plan: &LogicalPlan) -> Vec<String> {
    let physical = lower(&query(plan.clone()), workers, &Estimates::default(), Ending::Collect(&Collected::default()))
        .unwrap()
        .plan;
    let node = |node: &quokka_engine::plan::Node| {
        let description = match &node.head {
            quokka_engine::plan::Head::Source(source) => source.describe(),
            quokka_engine::plan::Head::Operator(operator) => operator.describe(),
            quokka_engine::plan::Head::Sink(sink) => sink.describe(),
        };
        let field = |name: &str| description.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let filters = field("filters")?;
        Some(match field("rows") {
            Some(rows) => format!("{rows} reads {filters}"),
            None => format!("build fills {filters}"),
        })
    };
    physical.nodes.iter().filter_map(node).collect()
}

const ONE: Workers = Workers { workers: 1, processes: 1, batch_rows: 7, dynamic_filters: true };

/// Who fills and reads which filters.
fn filters(plan: &LogicalPlan) -> Vec<String> {
    with(ONE, plan)
}

#[test]
fn scans_of_the_probe_side_read_what_the_build_side_fills() {
    let plan = join(table(100), table(3), JoinType::Inner);
    assert_eq!(filters(&plan), ["100 reads #1 k", "build fills #1 k"]);
    assert_eq!(with(Workers { dynamic_filters: false, ..ONE }, &plan), [""; 0]);
    let on = [("k", "v"), ("v", "k")];
    let plan = join_on(table(100), table(3), JoinType::Inner, &on);
    assert_eq!(filters(&plan), ["100 reads #1 k v", "build fills #1 v k"]);
}

#[test]
fn rows_without_a_match_must_vanish() {
    let both = |how: JoinType| {
        // The smaller side is built.
        (filters(&join(table(100), table(3), how.clone())).len(), filters(&join(table(3), table(100), how)).len())
    };
    assert_eq!(both(JoinType::Inner), (2, 2));
    assert_eq!(both(JoinType::Left), (0, 2));
    assert_eq!(both(JoinType::Right), (2, 0));
    assert_eq!(both(JoinType::Full), (0, 0));
    assert_eq!(both(JoinType::Semi), (2, 2));
    assert_eq!(both(JoinType::Anti), (0, 2));
    assert_eq!(
        filters(&table(3).join(table(100), &JoinSpecification { how: JoinType::Cross, ..Default::default() }).unwrap()),
        [""; 0]
    );
}

#[test]
fn keys_are_followed_to_plain_columns() {
    let renamed = table(100).select(&[col("v").alias("k"), (col("k") + lit(1)).alias("v")], "select").unwrap();
    let renamed = renamed.filter(&col("v").gt(lit(3)), "filter").unwrap();
    let renamed = renamed.with_columns(&[(col("v") * lit(2)).alias("w")], "with_columns").unwrap();
    assert_eq!(filters(&join(renamed.clone(), table(3), JoinType::Inner)), ["100 reads #1 v", "build fills #1 k"]);
    // A computed key, a computed column.
    assert_eq!(filters(&join_on(renamed.clone(), table(3), JoinType::Inner, &[("v", "k")])), [""; 0]);
    let text = col("small").cast(DataType::String).alias("small");
    let texts = table(3).with_columns(&[text], "with_columns").unwrap();
    let on_text = [("text", "small")];
    let with_text =
        table(100).with_columns(&[(col("v").cast(DataType::String)).alias("text")], "with_columns").unwrap();
    assert_eq!(filters(&join_on(with_text, texts, JoinType::Inner, &on_text)), [""; 0]);
    let some = join_on(renamed, table(3), JoinType::Inner, &[("v", "k"), ("k", "v")]);
    assert_eq!(filters(&some), ["100 reads #1 v", "build fills #1 v"]);
}

#[test]
fn a_column_that_is_compared_twice_is_read_once() {
    let plan = join_on(table(100), table(3), JoinType::Inner, &[("k", "k"), ("k", "v")]);
    assert_eq!(filters(&plan), ["100 reads #1 k", "build fills #1 k"]);
}

#[test]
fn numbers_of_two_types_are_compared_in_a_larger_one() {
    let by = |on| filters(&join_on(table(100), table(3), JoinType::Inner, on));
    assert_eq!(by(&[("small", "k")]), ["100 reads #1 small", "build fills #1 k"]);
    assert_eq!(by(&[("k", "small")]), ["100 reads #1 k", "build fills #1 right_key(0)"]);
}

#[test]
fn groups_are_dropped_as_a_whole() {
    let groups = |keys: &[&str]| {
        let keys: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
        table(100).aggregate(&keys, &[len()], "group_by").unwrap()
    };
    assert_eq!(filters(&join(groups(&["v", "k"]), table(3), JoinType::Inner)), ["100 reads #1 k", "build fills #1 k"]);
    let sums = table(100).aggregate(&[col("v")], &[col("k").sum()], "group_by").unwrap();
    assert_eq!(filters(&join(sums, table(3), JoinType::Inner)), [""; 0]);
    let total = table(100).select(&[col("k").sum()], "select").unwrap();
    assert_eq!(filters(&join(total, table(3), JoinType::Inner)), ["3 reads #1 k", "build fills #1 k"]);
}

#[test]
fn what_looks_at_other_rows_is_a_barrier() {
    let joined = |plan: LogicalPlan| filters(&join(plan, table(3), JoinType::Inner));
    let options = SortMultipleOptions::default;
    let sorted = || table(100).sort(&[col("v")], options(), "sort").unwrap();
    assert_eq!(joined(sorted()), ["100 reads #1 k", "build fills #1 k"]);
    assert_eq!(joined(sorted().slice(0, 50)), [""; 0]);
    assert_eq!(joined(table(100).top_k(50, &[col("v")], options(), "top_k").unwrap()), [""; 0]);
    let window = col("v").sum().over([col("v")]).unwrap().alias("w");
    assert_eq!(joined(table(100).with_columns(&[window], "with_columns").unwrap()), [""; 0]);
    assert_eq!(joined(table(100).filter(&col("v").gt(col("v").mean()), "filter").unwrap()), [""; 0]);
}

#[test]
fn every_input_of_a_union_reads() {
    let both = LogicalPlan::union(vec![table(100), table(200)]).unwrap();
    assert_eq!(
        filters(&join(both, table(3), JoinType::Inner)),
        ["100 reads #1 k", "200 reads #1 k", "build fills #1 k"]
    );
}

#[test]
fn a_join_below_passes_a_filter_to_both_sides() {
    // The outer join knows k; the inner one says that k of 100 equals v of 20.
    let below = |how| join_on(table(100), table(20), how, &[("k", "v")]);
    let expected = |how: JoinType| filters(&join(below(how), table(3), JoinType::Inner));
    assert_eq!(
        expected(JoinType::Inner),
        ["20 reads #1 v", "100 reads #2 k, #1 k", "build fills #2 v", "build fills #1 k"]
    );
    assert_eq!(expected(JoinType::Left), ["20 reads #1 v", "100 reads #1 k", "build fills #1 k"]);
    assert_eq!(expected(JoinType::Semi), expected(JoinType::Inner));
    assert_eq!(expected(JoinType::Anti), expected(JoinType::Left));
    // The column k of a right join is that of the right side.
    assert_eq!(expected(JoinType::Right), ["20 reads #1 k", "100 reads #2 k", "build fills #2 v", "build fills #1 k"]);
    // A row of 20 that loses its match would turn up with nulls for v.
    let by_left = join_on(below(JoinType::Right), table(3), JoinType::Inner, &[("v", "k")]);
    assert_eq!(filters(&by_left), ["100 reads #1 k", "build fills #1 v"]);
    assert_eq!(expected(JoinType::Full), [""; 0]);
}

#[test]
fn a_coalesced_key_is_the_key_of_both_sides() {
    let specification = JoinSpecification {
        how: JoinType::Full,
        coalesce: JoinCoalesce::CoalesceColumns,
        left_on: vec![col("k")],
        right_on: vec![col("v")],
        ..Default::default()
    };
    let below = table(100).join(table(20), &specification).unwrap();
    assert_eq!(
        filters(&join(below, table(3), JoinType::Inner)),
        ["20 reads #1 v", "100 reads #1 k", "build fills #1 k"]
    );
}

#[test]
fn keys_of_two_tables_part() {
    let below = join_on(table(100), table(20), JoinType::Inner, &[("small", "small")]);
    let plan = join_on(below, table(3), JoinType::Inner, &[("k", "k"), ("v_2", "v")]);
    assert_eq!(
        filters(&plan),
        ["20 reads #1 v", "100 reads #2 small, #3 k", "build fills #2 small", "build fills #1 v, #3 k"]
    );
}

#[test]
fn what_one_side_learns_the_other_does_not() {
    // The build side of the inner join has a column k of its own, which no filter speaks of.
    let below = join_on(table(100), table(20), JoinType::Inner, &[("v", "v")]);
    assert_eq!(
        filters(&join(below, table(3), JoinType::Inner)),
        ["100 reads #1 v, #2 k", "build fills #1 v", "build fills #2 k"]
    );
}

#[test]
fn processes_exchange_what_they_know() {
    let cluster = Workers { workers: 4, processes: 2, batch_rows: 7, dynamic_filters: true };
    let lowered = |small| {
        let query = query(join(table(100), table(small), JoinType::Inner));
        lower(&query, cluster, &Estimates::default(), Ending::Collect(&Collected::default())).unwrap().plan
    };
    let text = lowered(50).to_string();
    assert!(text.contains("collect-filters Blocks ← 2 broadcast-to-processes"), "{text}");
    // The probe source waits for the table and for the filters.
    let gates: Vec<usize> = lowered(50).nodes.iter().map(|node| node.gates.len()).collect();
    assert_eq!(gates, [0, 2, 0, 0, 2, 0], "{text}");
    let text = lowered(3).to_string();
    assert!(!text.contains("collect-filters"), "every process has the whole build side\n{text}");
}
