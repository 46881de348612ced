use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::SortMultipleOptions;
use polars_ops::prelude::JoinType;
use quokka_connectors::memory::MemoryScan;
use quokka_engine::expr::prelude::{Expr, col, len, lit};

use super::*;
use crate::placement::Placement as UserPlacement;
use crate::plan::JoinSpecification;
use crate::plan::optimizer::{Rules, optimize_query};

fn frame(rows: usize) -> DataFrame {
    let values: Vec<i64> = (0..rows as i64).collect();
    df!("k" => &values, "v" => &values).unwrap()
}

/// A table of four splits.
fn table(rows: usize) -> LogicalPlan {
    let frame = frame(rows);
    let part = rows.div_ceil(4);
    let parts = (0..4).map(|split| frame.slice((split * part) as i64, part)).collect();
    LogicalPlan::scan(Arc::new(MemoryScan::new(parts).unwrap()))
}

/// A table of one split.
fn small_table(rows: usize) -> LogicalPlan {
    LogicalPlan::scan(Arc::new(MemoryScan::from(frame(rows))))
}

const ONE: Workers = Workers { workers: 1, processes: 1, batch_rows: 7, dynamic_filters: true };
const FOUR: Workers = Workers { workers: 4, processes: 1, batch_rows: 7, dynamic_filters: true };
const LARGE_BATCHES: Workers = Workers { batch_rows: 65_536, ..FOUR };
const CLUSTER: Workers = Workers { workers: 4, processes: 2, batch_rows: 7, dynamic_filters: true };

/// The nodes of the physical plan, without parameters and without the sink.
fn nodes(plan: &LogicalPlan, on: Workers) -> Vec<String> {
    let physical = lower(
        &optimize_query(plan.clone(), Rules::default(), &Estimates::default()),
        on,
        &Estimates::default(),
        Ending::Collect(&Collected::default()),
    )
    .unwrap()
    .plan;
    let nodes = physical.nodes.iter().enumerate().map(|(index, node)| {
        let mut text = format!("{index}: {}", node.name());
        for input in &node.inputs {
            text.push_str(&format!(" ← {} {}", input.from, input.partitioning));
        }
        if node.channels != Channels::All {
            text.push_str(&format!(" on {}", node.channels));
        }
        text
    });
    let mut nodes: Vec<String> = nodes.collect();
    assert!(nodes.pop().unwrap().contains("collect"));
    nodes
}

fn join(left: LogicalPlan, right: LogicalPlan, how: JoinType) -> LogicalPlan {
    let on = vec![col("k")];
    left.join(right, &JoinSpecification { how, left_on: on.clone(), right_on: on, ..Default::default() }).unwrap()
}

#[test]
fn rows_are_handled_where_they_are_read() {
    let plan =
        table(4).filter(&col("v").strict_cast(polars_core::prelude::DataType::Int8).gt(lit(1)), "filter").unwrap();
    let plan = plan.select(&[col("v"), (col("k") + lit(1)).alias("n")], "select").unwrap();
    assert_eq!(nodes(&plan, FOUR), ["0: memory-scan → filter → project"]);
}

#[test]
fn aggregates_meet_by_key() {
    let plan = table(4).aggregate(&[col("k")], &[col("v").sum()], "group_by").unwrap();
    assert_eq!(nodes(&plan, ONE), ["0: memory-scan → partial-aggregate", "1: final-aggregate ← 0 pass-through"]);
    assert_eq!(nodes(&plan, FOUR), ["0: memory-scan → partial-aggregate", "1: final-aggregate ← 0 hash(k)"]);
    let plan = table(4).select(&[col("v").sum(), len()], "select").unwrap();
    assert_eq!(nodes(&plan, FOUR), ["0: memory-scan → partial-aggregate", "1: final-aggregate ← 0 gather on 0"]);
}

#[test]
fn first_needs_the_order_of_the_table() {
    let plan = table(4).aggregate(&[col("k")], &[col("v").first()], "group_by").unwrap();
    assert_eq!(nodes(&plan, FOUR), ["0: memory-scan → partial-aggregate on 0", "1: final-aggregate ← 0 hash(k)"]);
}

#[test]
fn joins_hold_the_smaller_side() {
    let (small, large) = (|| table(4), || table(100));
    let build_first = |how| nodes(&join(small(), large(), how), FOUR)[0].clone();
    // The build side is the first source.
    for how in [JoinType::Inner, JoinType::Left, JoinType::Semi, JoinType::Right] {
        let optimized = optimize_query(join(small(), large(), how.clone()), Rules::default(), &Estimates::default());
        let physical =
            lower(&optimized, FOUR, &Estimates::default(), Ending::Collect(&Collected::default())).unwrap().plan;
        assert!(physical.to_string().starts_with("0: memory-scan rows=[4]"), "{how}\n{physical}");
    }
    assert_eq!(build_first(JoinType::Inner), "0: memory-scan");
    assert_eq!(
        nodes(&join(large(), small(), JoinType::Inner), FOUR),
        ["0: memory-scan", "1: memory-scan → hash-join", "2: hash-join-build ← 0 hash(k)"]
    );
}

#[test]
fn processes_exchange_probe_rows_or_small_build_sides() {
    assert_eq!(
        nodes(&join(table(100), table(50), JoinType::Inner), CLUSTER),
        [
            "0: memory-scan",
            "1: memory-scan",
            "2: hash-join-build ← 0 hash(k)",
            "3: collect-filters ← 2 broadcast-to-processes",
            "4: hash-join ← 1 hash-to-process(k)"
        ]
    );
    assert_eq!(
        nodes(&join(table(100), table(4), JoinType::Inner), CLUSTER),
        ["0: memory-scan", "1: memory-scan → hash-join", "2: hash-join-build ← 0 broadcast-to-processes"]
    );
    // Which of its rows have no match, a broadcast build side cannot know.
    assert_eq!(nodes(&join(table(100), table(4), JoinType::Full), CLUSTER)[2], "2: hash-join-build ← 0 hash(k)");
}

#[test]
fn probe_sources_wait_for_the_build_side() {
    let plan = join(join(table(100), table(10), JoinType::Inner), table(20), JoinType::Semi);
    let physical =
        lower(&plan.clone().into(), FOUR, &Estimates::default(), Ending::Collect(&Collected::default())).unwrap().plan;
    let gates: Vec<usize> = physical.nodes.iter().map(|node| node.gates.len()).collect();
    // 0: outer build source, 1: inner build source, 2: probe source.
    assert_eq!(gates, [0, 1, 2, 0, 0, 0]);
}

#[test]
fn small_sorts_stay_on_one_worker() {
    let sort = |rows| table(rows).sort(&[col("v")], SortMultipleOptions::default(), "sort").unwrap();
    assert_eq!(nodes(&sort(30), LARGE_BATCHES), ["0: memory-scan", "1: sort ← 0 gather on 0"]);
    assert_eq!(nodes(&sort(30_000), ONE), ["0: memory-scan", "1: sort ← 0 pass-through"]);
    assert_eq!(
        nodes(&sort(30_000), FOUR),
        [
            "0: memory-scan",
            "1: sort-sample ← 0 pass-through",
            "2: sort-splitters ← 1 gather on 0",
            "3: sort-partition ← 0 pass-through ← 2 broadcast",
            "4: sort ← 3 range(v)",
        ]
    );
}

#[test]
fn limits_are_applied_before_and_behind_the_exchange() {
    let filtered = table(4).filter(&col("v").gt(lit(1)), "filter").unwrap();
    assert_eq!(nodes(&filtered.slice(2, 5), FOUR), ["0: memory-scan → limit", "1: limit ← 0 gather on 0"]);
    // The first rows of a table are read by one worker.
    assert_eq!(nodes(&table(4).slice(2, 5), FOUR), ["0: memory-scan → limit on 0"]);
    let top = table(4).top_k(2, &[col("v") % lit(2)], SortMultipleOptions::default(), "top_k").unwrap();
    assert_eq!(nodes(&top, FOUR), ["0: memory-scan → project → top-k", "1: top-k → select ← 0 gather on 0"]);
}

#[test]
fn windows_are_exchanged_by_key_and_frames_gathered() {
    let with = |expr: Expr| table(4).with_columns(&[expr.alias("n")], "with_columns").unwrap();
    assert_eq!(
        nodes(&with(col("v").sum().over([col("k")]).unwrap()), FOUR),
        ["0: memory-scan", "1: whole-frame ← 0 hash(k)"]
    );
    assert_eq!(
        nodes(&with(col("v").shift(lit(1)).over([col("k") % lit(2)]).unwrap()), FOUR),
        ["0: memory-scan → project on 0", "1: whole-frame ← 0 hash(window_key(0))"]
    );
    assert_eq!(nodes(&with(col("v") - col("v").mean()), FOUR), ["0: memory-scan", "1: whole-frame ← 0 gather on 0"]);
    assert_eq!(
        nodes(&with(col("v").shift(lit(1))), FOUR),
        ["0: memory-scan on 0", "1: whole-frame ← 0 pass-through on 0"]
    );
}

#[test]
fn few_rows_stay_on_few_workers() {
    let totals = |table: LogicalPlan| table.aggregate(&[col("k")], &[col("v").sum()], "group_by").unwrap();
    // What one worker reads need not move, be it few or many rows.
    assert_eq!(
        nodes(&totals(small_table(100)), LARGE_BATCHES),
        ["0: memory-scan → partial-aggregate on 0", "1: final-aggregate ← 0 pass-through on 0"]
    );
    assert_eq!(
        nodes(&totals(small_table(100)), FOUR),
        ["0: memory-scan → partial-aggregate on 0", "1: final-aggregate ← 0 hash(k)"]
    );
    // Few groups meet on one worker.
    assert_eq!(
        nodes(&totals(table(100)), LARGE_BATCHES),
        ["0: memory-scan → partial-aggregate", "1: final-aggregate ← 0 gather on 0"]
    );
    let joined = join(table(100), small_table(10), JoinType::Inner);
    assert_eq!(
        nodes(&joined, LARGE_BATCHES),
        ["0: memory-scan on 0", "1: memory-scan → hash-join", "2: hash-join-build ← 0 pass-through on 0"]
    );
    let in_processes = Workers { batch_rows: 65_536, ..CLUSTER };
    let both_small = join(small_table(10), small_table(9), JoinType::Inner);
    assert_eq!(
        nodes(&both_small, in_processes),
        [
            "0: memory-scan on 0",
            "1: memory-scan → hash-join on 0",
            "2: hash-join-build ← 0 pass-through on 0",
            "3: collect-filters ← 2 broadcast-to-processes"
        ]
    );
}

#[test]
fn a_wrong_estimate_costs_little() {
    // One row in a million, says the sample. If not, one worker must not be left with a million rows.
    let few = |rows| small_table(rows).filter(&col("v").eq(lit(-1)), "filter").unwrap();
    let totals = |rows| few(rows).aggregate(&[col("k")], &[col("v").sum()], "group_by").unwrap();
    let batches_of_7_000 = Workers { batch_rows: 7_000, ..FOUR };
    assert!(nodes(&totals(100_000), batches_of_7_000)[1].contains("gather on 0"));
    assert!(nodes(&totals(120_000), batches_of_7_000)[1].contains("hash(k)"));
}

#[test]
fn users_place_what_gets_rows() {
    let two = |plan: LogicalPlan| plan.placed(UserPlacement::Channels(2), Channels::new([0, 1], 4));
    // Behind operations that look at one row at a time.
    let filtered = two(table(100).filter(&col("v").gt(lit(1)), "filter").unwrap());
    assert_eq!(nodes(&filtered, FOUR), ["0: memory-scan on 0-1"]);
    let totals = two(filtered).aggregate(&[col("k")], &[col("v").sum()], "group_by").unwrap();
    let placed = two(totals).select(&[(col("v") + lit(1)).alias("v")], "select").unwrap();
    assert_eq!(
        nodes(&placed, FOUR),
        ["0: memory-scan → partial-aggregate on 0-1", "1: final-aggregate → project ← 0 hash(k) on 0-1"]
    );
    let joined = two(join(table(100), table(90), JoinType::Inner));
    assert_eq!(
        nodes(&joined, FOUR),
        [
            "0: memory-scan",
            "1: memory-scan",
            "2: hash-join-build ← 0 hash(k) on 0-1",
            "3: hash-join ← 1 hash-to-process(k) on 0-1"
        ]
    );
    let sorted = two(table(100).sort(&[col("v")], SortMultipleOptions::default(), "sort").unwrap());
    assert_eq!(nodes(&sorted, FOUR)[4], "4: sort ← 3 range(v) on 0-1");
    let total = table(100).select(&[col("v").sum()], "select").unwrap();
    let third = total.placed(UserPlacement::tag("x"), Channels::new([2, 3], 4));
    assert_eq!(nodes(&third, FOUR)[1], "1: final-aggregate ← 0 gather on 2");
    let both = two(LogicalPlan::union(vec![table(12), table(8)]).unwrap());
    assert_eq!(nodes(&both, FOUR)[2], "2: union ← 0 function(in turn) ← 1 function(in turn) on 0-1");
}

#[test]
fn plans_are_the_same_every_time() {
    let plan = join(table(100), table(10), JoinType::Left).aggregate(&[col("v")], &[len()], "group_by").unwrap();
    let fingerprint = || {
        lower(&plan.clone().into(), CLUSTER, &Estimates::default(), Ending::Collect(&Collected::default()))
            .unwrap()
            .plan
            .fingerprint()
    };
    assert_eq!(fingerprint(), fingerprint());
}

#[test]
fn rows_that_wait_in_memory_are_known() {
    let sums = table(9).aggregate(&[col("k")], &[col("v").sum().alias("sum")], "agg").unwrap();
    let most = sums.clone().select(&[col("sum").max().alias("sum")], "select").unwrap();
    let on = vec![col("sum")];
    let specification =
        JoinSpecification { how: JoinType::Inner, left_on: on.clone(), right_on: on, ..Default::default() };
    let plan = sums.join(most, &specification).unwrap();
    let physical = lower(
        &optimize_query(plan, Rules::default(), &Estimates::default()),
        FOUR,
        &Estimates::default(),
        Ending::Collect(&Collected::default()),
    )
    .unwrap();
    let ends = physical.handovers.iter().map(|handover| {
        let name = |node: usize, level: usize| physical.plan.nodes[node].operators().nth(level).unwrap().name;
        let from = &physical.plan.nodes[handover.from];
        format!(
            "{}: {} to {}",
            handover.what,
            name(handover.from, from.fused.len()),
            name(handover.to.node, handover.to.level)
        )
    });
    let mut ends: Vec<String> = ends.collect();
    ends.sort();
    let expected = [
        "build side: hash-join-build to hash-join",
        "shared plan: materialize to materialized",
        "shared plan: materialize to materialized",
    ];
    assert_eq!(ends, expected);
}
