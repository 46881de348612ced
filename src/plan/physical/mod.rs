//! From a logical plan to what the workers build.
//!
//! Operators that look at one row at a time are fused behind what feeds them; an exchange starts a new node. Every run of
//! a query is lowered anew, as operators of one run share state.
//!
//! **Channels.** A node has a channel on some of the workers, by default on all or on those that have its rows already
//! (`place.rs`). The user may choose them; the choice is for the next node that reads a table or gets rows by an exchange.
//!
//! **Order.** Most streams have none: rows of different workers mix. A stream has an order if it is sorted, so that worker
//! `i` holds the `i`-th range, or if one worker reads its source. Operations that look at the order demand it from their
//! input; nothing else pays for it.

mod aggregate;
mod collect;
mod dataset;
mod dynamic_filter;
mod filter;
mod function;
mod in_turn;
mod join;
mod keys;
mod place;
mod project;
mod requirement;
mod rows;
mod scan;
mod shared;
mod slice;
mod sort;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod trace;
mod union;
mod user;
mod whole_frame;
mod write;

pub(crate) use collect::Collected;
pub(crate) use function::CallFunction;
pub(crate) use trace::{Handover, Place, Trace};

use std::sync::Arc;

use polars_core::prelude::SchemaRef;
use quokka_connectors::sink::FileSink;
use quokka_engine::error::OperatorError;
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::OperatorFactory;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Head, Input, Node as PhysicalNode, PhysicalPlan};
use quokka_engine::sink::SinkFactory;

use self::collect::CollectSink;
use self::dynamic_filter::{Doomed, DynamicFilters};
use self::shared::SharedResult;
use self::trace::Tracing;
use super::cardinality::Estimates;
use super::logical::{LogicalPlan, Node};
use super::query::Query;

/// What a plan must know of the workers that run it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers {
    /// In the whole cluster.
    pub(crate) workers: usize,
    pub(crate) processes: usize,
    /// Rows that a batch has at most.
    pub(crate) batch_rows: usize,
    /// Whether scans learn from the build sides of joins above them.
    pub(crate) dynamic_filters: bool,
}

/// A plan for one run, and what each node of the logical plan became.
pub(crate) struct Physical {
    pub(crate) plan: PhysicalPlan,
    pub(crate) traces: Vec<Trace>,
    pub(crate) handovers: Vec<Handover>,
    /// Whether worker `i` has the `i`-th range of a sort order of the rows.
    pub(crate) is_sorted: bool,
}

/// Where the rows of a query go.
pub(crate) enum Ending<'a> {
    /// To every process.
    Collect(&'a Collected),
    /// To files; what was written goes to every process.
    Files(Arc<FileSink>, &'a Collected),
    /// They stay where they are, in the memory of the workers; what is known of them goes to every process.
    Dataset(&'a Arc<Materialized>, &'a Collected),
    /// To a sink on the workers that have them.
    Sink(Arc<dyn SinkFactory>),
}

/// The plan for one run of `query`.
pub(crate) fn lower(
    query: &Query,
    on: Workers,
    estimates: &Estimates,
    ending: Ending<'_>,
) -> Result<Physical, OperatorError> {
    let mut lowering = Lowering {
        plan: PhysicalPlan { batch_rows: on.batch_rows, ..PhysicalPlan::default() },
        workers: on.workers,
        processes: on.processes,
        estimates,
        filters: DynamicFilters::new(on.dynamic_filters),
        tracing: Tracing::default(),
        handovers: Vec::new(),
        wanted: None,
        shared: query.shared.iter().map(SharedResult::new).collect(),
    };
    let mut stream = lowering.lower(&query.root, Order::Kept)?;
    let is_sorted = lowering.is_sorted(&query.root);
    match &ending {
        Ending::Files(files, _) => stream = lowering.write(stream, files),
        Ending::Dataset(rows, _) => stream = lowering.keep(stream, rows),
        Ending::Collect(_) | Ending::Sink(_) => {},
    }
    (0..query.shared.len()).try_for_each(|index| lowering.materialize(index))?;
    let to_all = if lowering.processes > 1 { Partitioning::BroadcastToProcesses } else { Partitioning::PassThrough };
    let (sink, partitioning): (Arc<dyn SinkFactory>, _) = match ending {
        Ending::Collect(collected) | Ending::Files(_, collected) | Ending::Dataset(_, collected) => {
            (Arc::new(CollectSink::new(collected.clone(), stream.schema.clone())), to_all)
        },
        Ending::Sink(sink) => (sink, Partitioning::PassThrough),
    };
    lowering.plan.add(PhysicalNode {
        head: Head::Sink(sink),
        fused: Vec::new(),
        inputs: vec![Input { from: stream.node, partitioning }],
        schema: stream.schema,
        gates: Vec::new(),
        channels: Channels::All,
    });
    let handovers = lowering.handovers;
    Ok(Physical { plan: lowering.plan, traces: lowering.tracing.finish(), handovers, is_sorted })
}

/// What the reader of a stream does with its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Nothing.
    Ignored,
    /// It passes the order on if there is one.
    Kept,
    /// It depends on it: where the query does not sort, the order of the source counts.
    Needed,
}

/// Where the rows of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placement {
    /// On several workers, in no particular order.
    Spread,
    /// On several workers; each holds one range of the order, in the order of the workers.
    Ranges,
    /// On one worker, in order if there is one.
    One,
}

/// The rows that leave a node; more operators can be fused behind it.
struct Stream {
    node: usize,
    schema: SchemaRef,
    placement: Placement,
    /// The workers that have rows.
    channels: Channels,
    /// The sources that it comes from.
    sources: Vec<usize>,
}

struct Lowering<'a> {
    plan: PhysicalPlan,
    workers: usize,
    processes: usize,
    estimates: &'a Estimates,
    filters: DynamicFilters,
    tracing: Tracing,
    handovers: Vec<Handover>,
    /// Where the user wants the next node that reads a table or exchanges rows.
    wanted: Option<Channels>,
    /// As in the query.
    shared: Vec<SharedResult>,
}

type Lowered = Result<Stream, OperatorError>;

impl Lowering<'_> {
    fn lower_node(&mut self, plan: &LogicalPlan, order: Order) -> Lowered {
        let doomed = self.filters.take();
        self.filters.expect(dynamic_filter::of_input(plan, &doomed));
        let lowered = self.lower_known(plan, order, doomed);
        // Whatever was not asked for is said of no other plan.
        self.filters.take();
        self.wanted = None;
        lowered
    }

    fn lower_known(&mut self, plan: &LogicalPlan, order: Order, doomed: Vec<Doomed>) -> Lowered {
        match plan.node() {
            Node::Scan { scan, request } => self.scan(scan.as_ref(), request, order, doomed),
            Node::Filter { input, predicate } => self.filter(input, predicate, order),
            Node::Select { input, exprs } => self.select(plan, input, exprs, order),
            Node::WithColumns { input, exprs } => self.with_columns(input, exprs, plan.schema(), order),
            Node::Aggregate { input, keys, aggs } => self.aggregate(plan, input, keys, aggs),
            Node::Join { left, right, join } => self.join(left, right, join, plan.schema(), doomed),
            Node::Placed { input, channels, .. } => {
                self.wanted.get_or_insert_with(|| channels.clone());
                self.lower(input, order)
            },
            // Nobody looks at the order.
            Node::Sort { input, .. } if order == Order::Ignored => {
                self.wanted = None;
                self.lower(input, order)
            },
            Node::Sort { input, by, options } => self.sort(input, by, options),
            Node::TopK { input, k, by, options } => self.top_k(input, *k, by, options),
            Node::Slice { input, offset, length } => self.slice(input, *offset, *length),
            Node::Union { inputs } => self.union(inputs, order, doomed),
            Node::Rows { input, operation } => self.rows(input, operation, order),
            Node::MapBatches { input, function } => self.map_batches(input, function, order),
            Node::Stateful { inputs, operator } => self.stateful(inputs, operator, plan.schema()),
        }
    }

    /// Runs an operator right behind `stream`; the rows stay where they are.
    fn fuse(&mut self, mut stream: Stream, operator: Arc<dyn OperatorFactory>, schema: SchemaRef) -> Stream {
        if let Some(node) = self.plan.nodes.get_mut(stream.node) {
            node.fused.push(operator);
            node.schema = schema.clone();
        }
        stream.schema = schema;
        stream
    }

    /// Distributes the rows of `stream` to the channels of a new operator.
    fn exchange(
        &mut self,
        stream: Stream,
        (partitioning, channels): (Partitioning, Channels),
        operator: Arc<dyn OperatorFactory>,
        schema: SchemaRef,
    ) -> Stream {
        let placement = match &partitioning {
            Partitioning::PassThrough => stream.placement,
            _ if channels.count(self.workers) == 1 => Placement::One,
            Partitioning::Range(_) => Placement::Ranges,
            _ => Placement::Spread,
        };
        let inputs = vec![Input { from: stream.node, partitioning }];
        let node = self.operator(operator, inputs, schema.clone(), channels.clone());
        Stream { node, schema, placement, channels, sources: stream.sources }
    }

    /// Adds a node whose head is an operator.
    fn operator(
        &mut self,
        operator: Arc<dyn OperatorFactory>,
        inputs: Vec<Input>,
        schema: SchemaRef,
        channels: Channels,
    ) -> usize {
        self.plan.add(PhysicalNode {
            head: Head::Operator(operator),
            fused: Vec::new(),
            inputs,
            schema,
            gates: Vec::new(),
            channels,
        })
    }
}
