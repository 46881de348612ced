//! The nodes of a sort.

use std::sync::Arc;

use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::OperatorFactory;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Head, Input, Node, PhysicalPlan};

use super::{SortOrder, SortPartition, SortRun, SortSample, SortSplitters};

/// Adds the nodes that sort the output of node `from` by `order` on those of `workers` workers that have `channels`; returns
/// the index of the last. Its channel `i` sends the `i`-th range of the order. Fails if a sort column does not exist.
pub fn add_sort(
    plan: &mut PhysicalPlan,
    from: usize,
    order: &SortOrder,
    workers: usize,
    channels: &Channels,
) -> Result<usize, OperatorError> {
    let schema = match plan.nodes.get(from) {
        Some(node) => node.schema.clone(),
        None => return Err(OperatorError::message(ErrorKind::Internal, format!("the plan has no node {from}"))),
    };
    let sampler = SortSample::new(order.clone());
    let sampled = sampler.schema(&schema)?;
    let run = Arc::new(SortRun::new(order.clone()));
    if workers == 1 {
        return Ok(plan.add(node(run, vec![(from, Partitioning::PassThrough)], schema, Channels::All)));
    }
    let all = || Channels::All;
    let keys = order.schema(&schema)?;
    let range = order.range_partitioning();
    let sample = plan.add(node(Arc::new(sampler), vec![(from, Partitioning::PassThrough)], Arc::new(sampled), all()));
    let splitters = Arc::new(SortSplitters::new(order.clone(), channels.count(workers)));
    let one = Channels::new([0], workers);
    let splitters = plan.add(node(splitters, vec![(sample, Partitioning::Gather)], Arc::new(keys), one));
    let inputs = vec![(from, Partitioning::PassThrough), (splitters, Partitioning::Broadcast)];
    let partition = plan.add(node(Arc::new(SortPartition::new(range.clone())), inputs, schema.clone(), all()));
    Ok(plan.add(node(run, vec![(partition, Partitioning::Range(range))], schema, channels.clone())))
}

fn node(
    operator: Arc<dyn OperatorFactory>,
    inputs: Vec<(usize, Partitioning)>,
    schema: SchemaRef,
    channels: Channels,
) -> Node {
    Node {
        head: Head::Operator(operator),
        fused: Vec::new(),
        inputs: inputs.into_iter().map(|(from, partitioning)| Input { from, partitioning }).collect(),
        schema,
        gates: Vec::new(),
        channels,
    }
}
