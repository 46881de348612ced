//! The pool with sources and sinks made for the purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use polars_core::prelude::*;

use super::*;
use crate::batch::Batch;
use crate::error::{Error, ErrorKind, OperatorError};
use crate::operator::{Description, FnOperator, Operator, OperatorFactory};
use crate::partitioning::{PartitionFunction, Partitioning};
use crate::plan::{Channels, Head, Input, Node, PhysicalPlan};
use crate::sink::{Sink, SinkFactory};
use crate::source::{Source, Split, SplitReader};

/// Numbers `0 .. splits * rows`, `rows` a split.
struct Numbers {
    splits: usize,
    rows: usize,
}

struct NumbersReader {
    next: usize,
    end: usize,
    batch_rows: usize,
}

fn schema() -> SchemaRef {
    Arc::new(Schema::from_iter([Field::new("n".into(), DataType::Int64)]))
}

impl Source for Numbers {
    fn describe(&self) -> Description {
        Description::streams("numbers").with("splits", self.splits).with("rows", self.rows)
    }

    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        Ok((0..self.splits).map(|i| Split { name: format!("numbers {i}"), rows: Some(self.rows as u64) }).collect())
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let next = split * self.rows;
        Ok(Box::new(NumbersReader { next, end: next + self.rows, batch_rows: context.batch_rows }))
    }
}

impl SplitReader for NumbersReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if self.next == self.end {
            return Ok(None);
        }
        let end = self.end.min(self.next + self.batch_rows);
        let values: Vec<i64> = (self.next as i64..end as i64).collect();
        self.next = end;
        Ok(Some(df!("n" => values)?))
    }
}

/// Counts and sums what arrives on each worker.
#[derive(Clone, Default)]
struct Totals {
    rows: Arc<AtomicU64>,
    sum: Arc<AtomicU64>,
    by_worker: Arc<Mutex<Vec<(usize, i64)>>>,
    pause: Option<Duration>,
}

struct TotalsChannel(Totals, usize);

impl SinkFactory for Totals {
    fn describe(&self) -> Description {
        Description::streams("totals")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Sink>, OperatorError> {
        Ok(Box::new(TotalsChannel(self.clone(), context.worker)))
    }
}

impl Sink for TotalsChannel {
    fn on_batch(&mut self, batch: Batch) -> Result<(), OperatorError> {
        if let Some(pause) = self.0.pause {
            std::thread::sleep(pause);
        }
        self.0.rows.fetch_add(batch.height() as u64, Ordering::Relaxed);
        let column = batch.column("n")?.i64()?.clone();
        self.0.sum.fetch_add(column.sum().unwrap_or(0) as u64, Ordering::Relaxed);
        let mut by_worker = self.0.by_worker.lock();
        by_worker.extend(column.iter().flatten().map(|n| (self.1, n)).take(1000));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }
}

struct Apply(fn(DataFrame) -> Result<DataFrame, OperatorError>);

impl OperatorFactory for Apply {
    fn describe(&self) -> Description {
        Description::streams("apply")
    }

    fn create(&self, _: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(FnOperator::new(self.0)))
    }
}

fn plan(
    source: Numbers,
    fused: Vec<Arc<dyn OperatorFactory>>,
    partitioning: Partitioning,
    totals: &Totals,
) -> PhysicalPlan {
    let mut plan = PhysicalPlan::default();
    let node = |head, fused, inputs| Node {
        head,
        fused,
        inputs,
        schema: schema(),
        gates: Vec::new(),
        channels: Channels::All,
    };
    let from = plan.add(node(Head::Source(Arc::new(source)), fused, Vec::new()));
    plan.add(node(Head::Sink(Arc::new(totals.clone())), Vec::new(), vec![Input { from, partitioning }]));
    plan
}

fn pool(workers: usize) -> WorkerPool {
    WorkerPool::start(ClusterConfig::single(workers)).unwrap()
}

#[test]
fn every_partitioning_delivers_every_row() {
    for workers in [1, 2, 4] {
        let pool = pool(workers);
        for (partitioning, copies) in [
            (Partitioning::PassThrough, 1),
            (Partitioning::Hash(vec!["n".into()]), 1),
            (Partitioning::HashToProcess(vec!["n".into()]), 1),
            (Partitioning::Gather, 1),
            (Partitioning::Broadcast, workers as u64),
            (Partitioning::BroadcastToProcesses, 1),
        ] {
            for batch_rows in [1, 7, 64 * 1024] {
                let totals = Totals::default();
                let mut plan = plan(Numbers { splits: 5, rows: 101 }, Vec::new(), partitioning.clone(), &totals);
                plan.batch_rows = batch_rows;
                let report = pool.run(plan).unwrap().report().unwrap();
                let label = format!("{partitioning} workers={workers} batch_rows={batch_rows}");
                assert_eq!(totals.rows.load(Ordering::Relaxed), 505 * copies, "{label}");
                assert_eq!(totals.sum.load(Ordering::Relaxed), 505 * 504 / 2 * copies, "{label}");
                assert_eq!(report.nodes[0].rows_out(), 505, "{label}");
                assert_eq!(report.nodes[1].rows_in(), 505 * copies, "{label}");
                assert_eq!(report.nodes[0].splits, 5, "{label}");
            }
        }
    }
}

#[test]
fn a_hash_key_lives_on_one_worker() {
    let pool = pool(3);
    let totals = Totals::default();
    let twice = Apply(|df| Ok(df.vstack(&df)?));
    let plan =
        plan(Numbers { splits: 4, rows: 50 }, vec![Arc::new(twice)], Partitioning::Hash(vec!["n".into()]), &totals);
    pool.run(plan).unwrap().wait().unwrap();
    let mut seen = totals.by_worker.lock().clone();
    seen.sort_by_key(|(_, n)| *n);
    assert_eq!(seen.len(), 400);
    assert!(seen.chunks(2).all(|pair| pair[0] == pair[1]));
    assert!((0..3).all(|worker| seen.iter().any(|(w, _)| *w == worker)));
}

/// Sends all rows to one worker, or too few numbers.
#[derive(Debug)]
struct Towards {
    worker: u64,
    missing: usize,
}

impl PartitionFunction for Towards {
    fn partition(&self, batch: &DataFrame, _: usize) -> Result<Vec<u64>, OperatorError> {
        Ok(vec![self.worker; batch.height() - self.missing])
    }
}

#[test]
fn a_function_chooses_the_worker() {
    let pool = pool(3);
    let run = |worker, missing| {
        let totals = Totals::default();
        let partitioning = Partitioning::Function(Arc::new(Towards { worker, missing }));
        let outcome =
            pool.run(plan(Numbers { splits: 4, rows: 50 }, Vec::new(), partitioning, &totals)).unwrap().wait();
        let workers: Vec<usize> = totals.by_worker.lock().iter().map(|(worker, _)| *worker).collect();
        outcome.map(|_| workers)
    };
    assert_eq!(run(2, 0).unwrap(), vec![2; 200]);
    assert_eq!(run(7, 0).unwrap(), vec![1; 200]);
    let error = run(1, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    assert!(error.report().contains("49 targets for 50 rows"), "{}", error.report());
}

#[test]
fn an_error_and_a_panic_fail_their_query_and_leave_the_pool_healthy() {
    let pool = pool(2);
    for round in 0..20 {
        let totals = Totals::default();
        let failing: fn(DataFrame) -> Result<DataFrame, OperatorError> = if round % 2 == 0 {
            |df| if df.height() > 3 { Err(OperatorError::message(ErrorKind::Compute, "seven is odd")) } else { Ok(df) }
        } else {
            |df| if df.height() > 3 { panic!("kernel fell over") } else { Ok(df) }
        };
        let source = Numbers { splits: 8, rows: 100 };
        let failing_plan = plan(source, vec![Arc::new(Apply(failing))], Partitioning::Gather, &totals);
        let error = pool.run(failing_plan).unwrap().wait().unwrap_err();
        let (kind, text) =
            if round % 2 == 0 { (ErrorKind::Compute, "seven is odd") } else { (ErrorKind::Panic, "kernel fell over") };
        assert_eq!(error.kind(), kind);
        assert!(error.report().contains(text), "{}", error.report());
        assert!(error.report().contains("`numbers → apply`"), "{}", error.report());
        assert!(matches!(&error, Error::Operator { split: Some(split), .. } if split.starts_with("numbers ")));
        let totals = Totals::default();
        let good = plan(Numbers { splits: 3, rows: 10 }, Vec::new(), Partitioning::Gather, &totals);
        pool.run(good).unwrap().wait().unwrap();
        assert_eq!(totals.rows.load(Ordering::Relaxed), 30);
    }
}

#[test]
fn two_queries_run_at_once() {
    let pool = pool(2);
    let totals: Vec<Totals> = (0..8).map(|_| Totals::default()).collect();
    let handles: Vec<QueryHandle> = totals
        .iter()
        .map(|totals| {
            let source = Numbers { splits: 50, rows: 1000 };
            pool.run(plan(source, Vec::new(), Partitioning::Hash(vec!["n".into()]), totals)).unwrap()
        })
        .collect();
    for (handle, totals) in handles.iter().zip(&totals) {
        handle.wait().unwrap();
        assert_eq!(totals.rows.load(Ordering::Relaxed), 50_000);
    }
}

#[test]
fn cancel_and_time_out_end_an_endless_query() {
    let pool = pool(2);
    let endless = || Numbers { splits: 1 << 10, rows: 1 << 30 };
    let totals = Totals::default();
    let handle = pool.run(plan(endless(), Vec::new(), Partitioning::Gather, &totals)).unwrap();
    handle.cancel();
    assert_eq!(handle.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    let handle = pool.run(plan(endless(), Vec::new(), Partitioning::Gather, &totals)).unwrap();
    let error = handle.wait_timeout(Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let totals = Totals::default();
    let good = plan(Numbers { splits: 3, rows: 10 }, Vec::new(), Partitioning::Gather, &totals);
    pool.run(good).unwrap().wait().unwrap();
    assert_eq!(totals.rows.load(Ordering::Relaxed), 30);
}

#[test]
fn a_slow_consumer_holds_its_source_back() {
    let pool = pool(2);
    let totals = Totals { pause: Some(Duration::from_millis(1)), ..Totals::default() };
    let source = Numbers { splits: 64, rows: 1 << 20 };
    let handle = pool.run(plan(source, Vec::new(), Partitioning::Gather, &totals)).unwrap();
    let mut most = 0;
    while !handle.is_finished() {
        let report = handle.metrics();
        most = most.max(report[0].bytes_out - report[1].rows_in() * 8);
        std::thread::sleep(Duration::from_millis(1));
    }
    handle.wait().unwrap();
    assert_eq!(totals.rows.load(Ordering::Relaxed), 64 << 20);
    // Two senders with 8 MB of credit and 8 MB of stash each, and one batch beyond.
    assert!(most < 40 << 20, "{most} bytes were in flight");
}

#[test]
fn a_pool_that_is_dropped_stops_what_runs() {
    let pool = pool(2);
    let totals = Totals::default();
    let endless = Numbers { splits: 1 << 10, rows: 1 << 30 };
    let handle = pool.run(plan(endless, Vec::new(), Partitioning::Gather, &totals)).unwrap();
    drop(pool);
    assert_eq!(handle.wait().unwrap_err().kind(), ErrorKind::Stopped);
}
