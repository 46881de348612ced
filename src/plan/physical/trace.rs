//! Which operators a logical plan became: the way back from what was measured to the query.

use super::{Lowered, Lowering, Order, Stream};
use crate::plan::cardinality::Estimates;
use crate::plan::logical::LogicalPlan;

/// A node of a logical plan, and what was made of it.
pub(crate) struct Trace {
    pub(crate) plan: LogicalPlan,
    /// About how many rows it was thought to deliver.
    pub(crate) rows: Option<f64>,
    /// The operator whose output is that of the node.
    pub(crate) output: Place,
    /// The operators that were made for it; those of its inputs are not among them.
    pub(crate) operators: Vec<Place>,
    /// Its inputs, in the order in which they were lowered.
    pub(crate) inputs: Vec<Trace>,
}

impl Trace {
    /// Asks `estimates` for the rows of this node and of those below it.
    pub(crate) fn estimate(&mut self, estimates: &Estimates) {
        self.rows = estimates.rows(&self.plan);
        self.inputs.iter_mut().for_each(|input| input.estimate(estimates));
    }
}

/// An operator of a physical plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of the node.
    pub(crate) node: usize,
    /// Which of its operators: 0 for the head.
    pub(crate) level: usize,
}

/// Rows that a node hands to an operator inside its process, without an edge: they are in memory when that starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handover {
    /// The node that keeps the rows.
    pub(crate) from: usize,
    /// The operator that finds them.
    pub(crate) to: Place,
    /// What they are to it.
    pub(crate) what: &'static str,
}

/// The traces that are being made.
#[derive(Default)]
pub(super) struct Tracing {
    /// Inputs of the node that is being lowered.
    inputs: Vec<Trace>,
    /// How many operators of each physical node belong to a trace already; new ones come at the end.
    claimed: Vec<usize>,
}

impl Tracing {
    /// The traces of the plans that were lowered one after the other.
    pub(super) fn finish(self) -> Vec<Trace> {
        self.inputs
    }
}

impl Lowering<'_> {
    /// Lowers a plan and notes what became of it.
    pub(super) fn lower(&mut self, plan: &LogicalPlan, order: Order) -> Lowered {
        let others = std::mem::take(&mut self.tracing.inputs);
        let stream = self.lower_node(plan, order)?;
        let inputs = std::mem::replace(&mut self.tracing.inputs, others);
        let operators = self.claim();
        let output = self.last_operator(&stream);
        self.tracing.inputs.push(Trace { plan: plan.clone(), rows: None, output, operators, inputs });
        Ok(stream)
    }

    /// The operator whose output is `stream`.
    pub(super) fn last_operator(&self, stream: &Stream) -> Place {
        Place { node: stream.node, level: self.plan.nodes.get(stream.node).map_or(0, |node| node.fused.len()) }
    }

    /// Adds what was made since to the plan that was lowered last.
    pub(super) fn trace_rest(&mut self) {
        let operators = self.claim();
        if let Some(last) = self.tracing.inputs.last_mut() {
            last.operators.extend(operators);
        }
    }

    /// The operators that belong to no trace yet.
    fn claim(&mut self) -> Vec<Place> {
        let claimed = &mut self.tracing.claimed;
        claimed.resize(self.plan.nodes.len(), 0);
        let mut operators = Vec::new();
        for (index, (node, claimed)) in self.plan.nodes.iter().zip(claimed).enumerate() {
            operators.extend((*claimed..=node.fused.len()).map(|level| Place { node: index, level }));
            *claimed = node.fused.len() + 1;
        }
        operators
    }
}
