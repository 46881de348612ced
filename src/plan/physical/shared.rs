//! Results of shared plans: the plan ends in an operator that keeps its rows, and each reader is a source of its own.
//!
//! Readers have no edge from the plan. They wait, as the probe side of a join does, at a gate of their process, so both
//! sides of a join may read one result: neither has to take rows while it waits for the other.

use std::sync::Arc;

use polars_core::prelude::SchemaRef;
use quokka_connectors::materialized::MaterializedSource;
use quokka_engine::error::OperatorError;
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::Description;
use quokka_engine::plan::{Channels, Head, Node};
use quokka_engine::source::{Scan, ScanRequest, Source};
use quokka_operators::materialize::Materialize;

use super::trace::{Handover, Place};
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;
use crate::plan::query::{SharedPlan, SharedScan};

/// The result of a shared plan in this run.
pub(super) struct SharedResult {
    scan: Arc<SharedScan>,
    plan: LogicalPlan,
    rows: Arc<Materialized>,
    /// Whether a reader needs the rows in order. Known when all readers have been lowered.
    in_order: bool,
    /// The nodes that read it.
    readers: Vec<usize>,
}

impl SharedResult {
    pub(super) fn new(shared: &SharedPlan) -> Self {
        let rows = Arc::new(Materialized::new());
        Self { scan: shared.scan.clone(), plan: shared.plan.clone(), rows, in_order: false, readers: Vec::new() }
    }

    fn name(&self) -> String {
        self.scan.number().to_string()
    }

    fn schema(&self) -> &SchemaRef {
        self.plan.schema()
    }
}

impl Lowering<'_> {
    /// Which shared plan `scan` reads, if any.
    pub(super) fn shared_result(&self, scan: &dyn Scan) -> Option<usize> {
        self.shared.iter().position(|shared| shared.scan.is(scan))
    }

    /// Whether the rows of a shared plan have an order that it gave them.
    pub(super) fn is_sorted_result(&self, index: usize) -> bool {
        self.shared.get(index).is_some_and(|shared| self.is_sorted(&shared.plan))
    }

    /// Reads the result of a shared plan.
    pub(super) fn shared_scan(
        &mut self,
        index: usize,
        request: &ScanRequest,
        order: Order,
        wanted: Option<Channels>,
    ) -> Lowered {
        let in_order = match order {
            Order::Ignored => false,
            Order::Kept => self.is_sorted_result(index),
            Order::Needed => true,
        };
        let channels = if in_order { self.one(0) } else { Channels::All };
        let shared = &mut self.shared[index];
        shared.in_order |= in_order;
        let description = Description::streams("materialized").with("plan", shared.name());
        let source = MaterializedSource::new(description, shared.rows.clone(), shared.schema().clone(), request)?;
        let schema = source.schema();
        let placement = if in_order || self.workers == 1 { Placement::One } else { Placement::Spread };
        let node = Node {
            head: Head::Source(Arc::new(source)),
            fused: Vec::new(),
            inputs: Vec::new(),
            schema: schema.clone(),
            gates: vec![shared.rows.gate().clone()],
            channels: channels.clone(),
        };
        let node = self.plan.add(node);
        self.shared[index].readers.push(node);
        let stream = Stream { node, schema, placement, channels, sources: vec![node] };
        Ok(if in_order { self.restore_order(stream, wanted.as_ref()) } else { self.spread(stream, wanted) })
    }

    /// Runs a shared plan and keeps its rows: on the worker that makes them or, if a reader needs their order, on worker 0.
    /// All readers must have been lowered.
    pub(super) fn materialize(&mut self, index: usize) -> Result<(), OperatorError> {
        let SharedResult { plan, in_order, .. } = &self.shared[index];
        let (plan, in_order) = (plan.clone(), *in_order);
        let stream = self.lower(&plan, if in_order { Order::Needed } else { Order::Ignored })?;
        let shared = &self.shared[index];
        let keep = Arc::new(Materialize::new(shared.name(), shared.rows.clone()));
        let kept = if in_order {
            let first = self.one(0);
            let stream = self.restore_order(stream, Some(&first));
            let way = self.to_one(&stream, Some(&first));
            self.exchange(stream, way, keep, Arc::default())
        } else {
            self.fuse(stream, keep, Arc::default())
        };
        let reader =
            |node: &usize| Handover { from: kept.node, to: Place { node: *node, level: 0 }, what: "shared plan" };
        self.handovers.extend(self.shared[index].readers.iter().map(reader));
        self.trace_rest();
        Ok(())
    }
}
