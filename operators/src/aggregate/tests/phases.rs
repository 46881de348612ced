//! When partial aggregates leave their worker.

use std::hash::BuildHasher;

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, len, lit};
use quokka_engine::operator::testing::{batches, single_worker};
use quokka_engine::operator::{Operator, Output, Progress};

use super::super::AggregatePlan;
use super::{RUNS, Run, assert_same, check_runs, execute, oracle};
use quokka_engine::operator::testing::Restore;

/// Feeds a partial aggregate and returns the rows it sent with each batch, and at the end.
fn sent(frame: &DataFrame) -> (Vec<usize>, usize) {
    let plan = AggregatePlan::new(&[col("k")], &[col("v").sum(), len()], frame.schema()).unwrap();
    let mut operator = plan.before_exchange().create(&single_worker(10_000)).unwrap();
    let mut output = Output::default();
    let drain = |operator: &mut dyn Operator, mut progress: Progress, output: &mut Output| {
        let mut rows = 0;
        loop {
            for sent in output.drain() {
                assert!(sent.height() <= 10_000);
                rows += sent.height();
            }
            if progress == Progress::Done {
                return rows;
            }
            progress = operator.resume(output).unwrap();
        }
    };
    let mut during = Vec::new();
    for batch in batches(frame, 10_000) {
        let progress = operator.on_batch(0, Batch::new(batch, 0), &mut output).unwrap();
        during.push(drain(&mut *operator, progress, &mut output));
    }
    let progress = operator.on_input_end(0, &mut output).unwrap();
    (during, drain(&mut *operator, progress, &mut output))
}

fn frame(rows: i64, key: impl Fn(i64) -> i64) -> DataFrame {
    df!("k" => (0..rows).map(key).collect::<Vec<_>>(), "v" => (0..rows).collect::<Vec<_>>()).unwrap()
}

#[test]
fn few_groups_leave_at_the_end() {
    let (during, end) = sent(&frame(250_000, |i| i % 1000));
    assert_eq!(during.iter().sum::<usize>(), 0);
    assert_eq!(end, 1000);
}

#[test]
fn rows_that_do_not_reduce_pass_through() {
    let (during, end) = sent(&frame(250_000, |i| i));
    assert_eq!(during[..3], [0; 3]);
    assert_eq!(during[3], 40_000);
    assert_eq!(during[4..], [10_000; 21]);
    assert_eq!(end, 0);
}

#[test]
fn rows_that_reduce_a_little_pass_through_later() {
    // One of eight keys is that of some row before.
    let (during, end) = sent(&frame(250_000, |i| if i % 8 == 0 { i % 800 } else { i }));
    assert_eq!(during[..9], [0; 9]);
    assert!((87_000..89_000).contains(&during[9]), "{during:?}");
    assert_eq!(during[10..], [10_000; 15]);
    assert_eq!(end, 0);
}

#[test]
fn runs_of_keys_that_do_not_come_back_leave_with_their_batch() {
    let (during, end) = sent(&frame(250_000, |i| i / 5));
    assert_eq!(during[..3], [0; 3]);
    assert_eq!(during[3], 8_000);
    assert_eq!(during[4..], [2_000; 21]);
    assert_eq!(end, 0);
    // What comes later need not be runs.
    let (during, end) = sent(&frame(250_000, |i| if i < 100_000 { i / 5 } else { i % 100 }));
    assert_eq!(during[9..], [[2_000].as_slice(), &[10_000; 15]].concat());
    assert_eq!(end, 0);
}

#[test]
fn keys_that_come_back_late_are_held() {
    // All keys in runs, and then again.
    let (during, end) = sent(&frame(300_000, |i| i / 3 % 10_000));
    assert_eq!((during.iter().sum::<usize>(), end), (0, 10_000));
    let random = foldhash::fast::FixedState::with_seed(1);
    let (during, end) = sent(&frame(300_000, |i| (random.hash_one(i) % 60_000) as i64));
    assert_eq!(during.iter().sum::<usize>(), 0);
    assert!((59_000..=60_000).contains(&end), "{end}");
}

#[test]
fn a_full_table_is_sent_and_started_anew() {
    // Each batch reduces to five eighths, however many groups there are.
    let (during, end) = sent(&frame(960_000, |i| i * 5 / 8));
    let sends: Vec<usize> = during.into_iter().filter(|rows| *rows > 0).collect();
    assert_eq!(sends, [262_500, 262_500]);
    assert_eq!(end, 600_000 - 2 * 262_500);
}

#[test]
fn groups_whose_rows_are_neighbours_leave_early() {
    let (during, end) = sent(&frame(200_000, |i| i / 2));
    let sends: Vec<usize> = during.into_iter().filter(|rows| *rows > 0).collect();
    assert_eq!(sends, [35_000, 35_000]);
    assert_eq!(end, 100_000 - 2 * 35_000);
}

#[test]
fn many_groups_are_divided_and_none_is_lost() {
    let rows = 300_000i64;
    // Each key comes three times, and far apart.
    let keys: Vec<Option<i64>> = (0..rows).map(|i| Some(i % 100_000).filter(|key| key % 10 < 9)).collect();
    let frame = df!("k" => keys, "v" => (0..rows).collect::<Vec<_>>()).unwrap();
    let run = |workers, restore| Run { workers, batch_rows: 10_000, restore };
    let runs = [run(1, Restore::Never), run(1, Restore::EveryBatch), run(2, Restore::Never)];
    check_runs(&[col("k")], &[col("v").sum(), len().alias("n")], &frame, &runs);
}

#[test]
fn passed_rows_merge_with_groups() {
    let rows = 130_000;
    let numbers = (0..rows).map(|i| (i % 11 > 0).then_some(i % 1000)).collect::<Vec<Option<i64>>>();
    let frame = df!(
        "k" => (0..rows).map(|i| i % (rows - 15_000)).collect::<Vec<i64>>(),
        "v" => numbers.clone(),
        "f" => numbers.iter().map(|v| v.map(|v| v as f32 / 3.0)).collect::<Vec<_>>(),
        "b" => numbers.iter().map(|v| v.map(|v| v > 500)).collect::<Vec<_>>(),
        "s" => numbers.iter().map(|v| v.map(|v| format!("a string, {v}"))).collect::<Vec<_>>(),
    )
    .unwrap();
    let decimal = frame.column("v").unwrap().cast(&DataType::Decimal(12, 2)).unwrap().with_name("d".into());
    let frame = frame.hstack(&[decimal]).unwrap();
    let keys = [col("k")];
    let mut aggs = vec![len(), col("b").any(true), col("b").all(true).alias("all"), col("b").sum().alias("trues")];
    for name in ["v", "f", "d"] {
        aggs.extend([
            col(name).sum().alias(format!("sum {name}")),
            col(name).count().alias(format!("count {name}")),
            col(name).null_count().alias(format!("nulls {name}")),
            col(name).min().alias(format!("min {name}")),
            col(name).var(1).alias(format!("var {name}")),
        ]);
    }
    aggs.extend([col("v").mean().alias("mean"), col("s").max(), col("b").any(false).alias("kleene")]);
    aggs.extend([col("s").first().alias("first"), col("d").last().alias("last")]);
    let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
    let expected = oracle(&keys, &aggs, &frame).unwrap();
    for restore in [Restore::Never, Restore::EveryBatch] {
        let actual = execute(&plan, &frame, Run { workers: 1, batch_rows: 25_000, restore }).unwrap();
        assert_same(&actual, &expected, 1, "passed rows");
    }
}

#[test]
fn without_keys_the_first_worker_answers() {
    let frame = frame(100, |i| i);
    for aggs in [[col("v").sum(), len()], [col("v").median(), col("k").n_unique()]] {
        let plan = AggregatePlan::new(&[], &aggs, frame.schema()).unwrap();
        for run in RUNS {
            assert_eq!(execute(&plan, &frame, run).unwrap().height(), 1);
        }
    }
}

#[test]
fn plans_describe_what_they_compute() {
    let frame = frame(10, |i| i % 3);
    let describe = |factor: f64| {
        let aggs = [(col("v").sum() * lit(factor)).alias("scaled"), col("v").max()];
        let plan = AggregatePlan::new(&[col("k")], &aggs, frame.schema()).unwrap();
        [plan.before_exchange().describe().to_string(), plan.after_exchange().describe().to_string()]
    };
    let [partial, last] = describe(0.5);
    assert_eq!(partial, r#"partial-aggregate keys=[k] aggregates=[sum(col("v")), max(col("v"))]"#);
    assert!(last.starts_with("final-aggregate keys=[k] aggregates=["), "{last}");
    assert_ne!(last, describe(0.25)[1]);
}

#[test]
fn states_of_other_queries_are_refused() {
    let frame = frame(10, |i| i % 3);
    let plan = |agg| AggregatePlan::new(&[col("k")], &[agg], frame.schema()).unwrap();
    let (sums, spreads, medians) = (plan(col("v").sum()), plan(col("v").std(1)), plan(col("v").median()));
    let factories = |plan: &AggregatePlan| [plan.before_exchange(), plan.after_exchange()];
    for factory in factories(&sums) {
        let mut operator = factory.create(&single_worker(10)).unwrap();
        let state = operator.snapshot().unwrap().unwrap();
        for other in [&factories(&spreads)[..], &[medians.after_exchange()]].concat() {
            let error = other.create(&single_worker(10)).unwrap().restore(state.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
        assert!(factory.create(&single_worker(10)).unwrap().restore(state).is_ok());
    }
}

#[test]
fn state_is_reported_and_given_back() {
    let frame = frame(50_000, |i| i % 20_000);
    let whole = col("v").median();
    for agg in [col("v").sum(), whole] {
        let plan = AggregatePlan::new(&[col("k")], &[agg], frame.schema()).unwrap();
        let mut sent = Vec::new();
        let mut output = Output::default();
        for factory in [plan.before_exchange(), plan.after_exchange()] {
            let mut operator = factory.create(&single_worker(1_000_000)).unwrap();
            assert_eq!(operator.state_bytes(), 0);
            for batch in if sent.is_empty() { vec![frame.clone()] } else { std::mem::take(&mut sent) } {
                let _ = operator.on_batch(0, Batch::new(batch, 0), &mut output).unwrap();
            }
            if output.is_empty() {
                assert!(operator.state_bytes() >= 20_000 * 8);
                let _ = operator.on_input_end(0, &mut output).unwrap();
            }
            sent.extend(output.drain());
            assert!(operator.state_bytes() < 20_000);
        }
        assert_eq!(sent[0].height(), 20_000);
    }
}
