//! Joins against Polars' in-memory joins, with several workers simulated: build rows are split by the rule of the exchange.

#![expect(clippy::unwrap_used, reason = "tests")]

mod channels;
mod conditions;
mod filters;
mod keys;
mod random;
mod schemas;
mod state;
mod steps;

use polars_core::prelude::*;
use polars_lazy::prelude::IntoLazy;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::hash::{hash_rows, part_of};
use quokka_engine::operator::testing::batches;
use quokka_engine::operator::{Operator, Output, Progress, WorkerContext};
use quokka_engine::physical::{physical_schema, to_logical, to_physical};
use quokka_engine::plan::Channels;

use super::*;

const ALL: [JoinType; 7] =
    [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full, JoinType::Semi, JoinType::Anti, JoinType::Cross];

/// Workers of one process, and the size of their batches.
#[derive(Clone, Copy, Debug)]
struct Cluster {
    workers: usize,
    batch_rows: usize,
}

const CLUSTERS: [Cluster; 4] = [
    Cluster { workers: 3, batch_rows: 1 },
    Cluster { workers: 3, batch_rows: 7 },
    Cluster { workers: 1, batch_rows: 7 },
    Cluster { workers: 2, batch_rows: 4096 },
];

impl Cluster {
    fn context(&self, worker: usize) -> WorkerContext {
        WorkerContext { worker, workers: self.workers, process: 0, processes: 1, batch_rows: self.batch_rows }
    }
}

fn names(names: &[&str]) -> Vec<PlSmallStr> {
    names.iter().map(|name| (*name).into()).collect()
}

fn plan(left: &DataFrame, right: &DataFrame, on: (&[&str], &[&str]), options: &JoinOptions) -> HashJoin {
    try_plan(left, right, on, options).unwrap()
}

fn try_plan(
    left: &DataFrame,
    right: &DataFrame,
    on: (&[&str], &[&str]),
    options: &JoinOptions,
) -> Result<HashJoin, OperatorError> {
    let left = JoinInput { schema: left.schema().clone(), on: names(on.0) };
    let right = JoinInput { schema: right.schema().clone(), on: names(on.1) };
    HashJoin::new(left, right, options.clone())
}

/// Rows of the build side for each worker.
fn distribute(build: &DataFrame, keys: &[PlSmallStr], workers: usize, options: &JoinOptions) -> Vec<DataFrame> {
    let channels = &options.build_channels;
    let owner = |hash| channels.worker(part_of(hash, channels.count(workers)));
    let owners: Vec<usize> = match options.distribution {
        Distribution::Partitioned => hash_rows(build, keys).unwrap().into_iter().map(owner).collect(),
        Distribution::Broadcast => (0..build.height()).map(|row| row % workers).collect(),
    };
    let rows = |worker| owners.iter().map(|owner| *owner == worker).collect::<BooleanChunked>();
    (0..workers).map(|worker| build.filter_seq(&rows(worker)).unwrap()).collect()
}

fn drain(operator: &mut dyn Operator, mut progress: Progress, output: &mut Output, pushed: &mut Vec<DataFrame>) {
    loop {
        pushed.extend(output.drain());
        if progress == Progress::Done {
            return;
        }
        progress = operator.resume(output).unwrap();
    }
}

fn run_build(join: &HashJoin, build: &DataFrame, options: &JoinOptions, cluster: Cluster) {
    let keys = &join.build.shared.build_keys;
    let mut output = Output::default();
    let build = to_physical(build.clone()).unwrap();
    for (worker, rows) in distribute(&build, keys, cluster.workers, options).into_iter().enumerate() {
        assert!(!join.gate.is_open());
        let mut channel = join.build_channel(&cluster.context(worker));
        for batch in batches(&rows, cluster.batch_rows) {
            assert_eq!(channel.on_batch(0, Batch::new(batch, worker), &mut output).unwrap(), Progress::Done);
        }
        let progress = channel.on_input_end(0, &mut output).unwrap();
        drain(channel.as_mut(), progress, &mut output, &mut Vec::new());
        assert!(output.is_empty());
    }
    assert!(join.gate.is_open());
}

/// Batches go to the probe channels in turn. All channels end before any of them is done.
fn run_probe(join: &HashJoin, probe: &DataFrame, cluster: Cluster) -> Vec<DataFrame> {
    let mut pushed = Vec::new();
    let mut output = Output::default();
    let mut channels: Vec<_> =
        (0..cluster.workers).map(|worker| join.probe_channel(&cluster.context(worker))).collect();
    let probe = to_physical(probe.clone()).unwrap();
    for (i, batch) in batches(&probe, cluster.batch_rows).into_iter().enumerate() {
        let channel = &mut channels[i % cluster.workers];
        assert!(channel.is_ready(0));
        let progress = channel.on_batch(0, Batch::new(batch, i % cluster.workers), &mut output).unwrap();
        drain(channel.as_mut(), progress, &mut output, &mut pushed);
    }
    let mut running = Vec::new();
    for mut channel in channels {
        if channel.on_input_end(0, &mut output).unwrap() == Progress::More {
            running.push(channel);
        }
        pushed.extend(output.drain());
    }
    while !running.is_empty() {
        running.retain_mut(|channel| channel.resume(&mut output).unwrap() == Progress::More);
        pushed.extend(output.drain());
    }
    pushed
}

impl HashJoin {
    fn build_channel(&self, context: &WorkerContext) -> Box<dyn Operator> {
        quokka_engine::operator::OperatorFactory::create(&*self.build, context).unwrap()
    }

    fn probe_channel(&self, context: &WorkerContext) -> Box<dyn Operator> {
        quokka_engine::operator::OperatorFactory::create(&*self.probe, context).unwrap()
    }
}

fn run(
    left: &DataFrame,
    right: &DataFrame,
    on: (&[&str], &[&str]),
    options: &JoinOptions,
    cluster: Cluster,
) -> DataFrame {
    let join = plan(left, right, on, options);
    let (build, probe) = match options.build {
        Side::Left => (left, right),
        Side::Right => (right, left),
    };
    run_build(&join, build, options, cluster);
    let mut result = DataFrame::empty_with_schema(&join.schema);
    for batch in run_probe(&join, probe, cluster) {
        assert!(batch.height() <= 2 * cluster.batch_rows, "a batch of {} rows", batch.height());
        assert_eq!(*batch.schema(), physical_schema(&join.schema));
        result.vstack_mut(&to_logical(batch, &join.schema).unwrap()).unwrap();
    }
    result
}

/// The same join by Polars.
fn oracle(left: &DataFrame, right: &DataFrame, on: (&[&str], &[&str]), options: &JoinOptions) -> DataFrame {
    use polars_ops::frame::{JoinArgs, JoinType as Polars};
    let how = match options.how {
        JoinType::Inner => Polars::Inner,
        JoinType::Left => Polars::Left,
        JoinType::Right => Polars::Right,
        JoinType::Full => Polars::Full,
        JoinType::Semi => Polars::Semi,
        JoinType::Anti => Polars::Anti,
        JoinType::Cross => Polars::Cross,
    };
    let mut args = JoinArgs::new(how).with_coalesce(options.coalesce).with_suffix(Some(options.suffix.clone()));
    args.nulls_equal = options.nulls_equal;
    let columns = |names: &[&str]| names.iter().map(|name| polars_plan::prelude::col(*name)).collect::<Vec<_>>();
    let joined = left.clone().lazy().join(right.clone().lazy(), columns(on.0), columns(on.1), args);
    joined.collect().unwrap()
}

/// Rows as text, in order of the text.
fn sorted_rows(frame: &DataFrame) -> Vec<String> {
    let mut rows: Vec<String> = (0..frame.height())
        .map(|row| {
            let values = frame.columns().iter().map(|column| match column.get(row).unwrap() {
                // A coalesced key may come from either side.
                AnyValue::Float32(number) => format!("{:?}", number + 0.0),
                AnyValue::Float64(number) => format!("{:?}", number + 0.0),
                category @ (AnyValue::Categorical(..) | AnyValue::Enum(..)) => category.to_string(),
                value => format!("{:?}", value.into_static()),
            });
            values.collect::<Vec<_>>().join(" | ")
        })
        .collect();
    rows.sort();
    rows
}

#[track_caller]
fn assert_same_rows(result: &DataFrame, expected: &DataFrame, what: &str) {
    assert_eq!(result.schema(), expected.schema(), "{what}");
    let (result, expected) = (sorted_rows(result), sorted_rows(expected));
    if let Some((a, b)) = result.iter().zip(&expected).find(|(a, b)| a != b) {
        panic!("{what}: got {a}, expected {b}");
    }
    assert_eq!(result.len(), expected.len(), "{what}");
}
