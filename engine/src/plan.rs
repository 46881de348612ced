//! The physical plan: what the workers build.

use std::fmt;
use std::sync::Arc;

use polars_core::schema::SchemaRef;

pub use crate::channels::Channels;
use crate::gate::Gate;
use crate::operator::{Description, OperatorFactory};
use crate::partitioning::Partitioning;
use crate::sink::SinkFactory;
use crate::source::Source;

/// A plan for one run of one query, with what its workers will share inside this process. Nodes stand in topological
/// order: a node only reads from nodes before it; the last node is the sink.
///
/// Every process of a cluster builds its own copy of the same plan; [`PhysicalPlan::fingerprint`] tells whether they did.
pub struct PhysicalPlan {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Rows that a batch should have at most.
    pub batch_rows: usize,
    /// What the user calls the query; not part of what processes must agree on.
    pub name: Option<String>,
    /// Somebody wants to know what all processes did when the query has ended, so that they tell each other: see
    /// [`QueryHandle::report`](crate::pool::QueryHandle::report).
    pub is_followed: bool,
}

/// Rows of a batch unless the user says otherwise: large enough to amortise what a batch costs, small enough for caches.
pub const DEFAULT_BATCH_ROWS: usize = 64 * 1024;

impl Default for PhysicalPlan {
    fn default() -> Self {
        Self { nodes: Vec::new(), batch_rows: DEFAULT_BATCH_ROWS, name: None, is_followed: false }
    }
}

/// A source, operator or sink, the operators fused behind it, and where its input comes from. Clones share the operators.
#[derive(Clone)]
pub struct Node {
    /// What receives the input.
    pub head: Head,
    /// Operators that run right behind the head on the same worker, each fed by the one before.
    pub fused: Vec<Arc<dyn OperatorFactory>>,
    /// Where each input of the head comes from.
    pub inputs: Vec<Input>,
    /// Columns of the batches that leave the last fused operator, with Polars' types; how they lie in batches follows
    /// ([`physical`](crate::physical)).
    pub schema: SchemaRef,
    /// A source starts when all of these are open; an operator is asked again whether it is ready when one opens.
    pub gates: Vec<Arc<Gate>>,
    /// Which workers read the source, or get rows of the inputs. [`PassThrough`](Partitioning::PassThrough) leaves rows
    /// where they are all the same.
    pub channels: Channels,
}

/// The first part of a [`Node`].
#[derive(Clone)]
pub enum Head {
    /// Reads splits; has no inputs.
    Source(Arc<dyn Source>),
    /// Receives batches and sends batches.
    Operator(Arc<dyn OperatorFactory>),
    /// Receives batches; nothing is fused behind it and nothing reads from it.
    Sink(Arc<dyn SinkFactory>),
}

/// An edge of the plan.
#[derive(Clone)]
pub struct Input {
    /// Index of the node that sends.
    pub from: usize,
    /// How its batches are distributed.
    pub partitioning: Partitioning,
}

impl Node {
    /// The head and what is fused behind it.
    pub fn operators(&self) -> impl Iterator<Item = Description> + '_ {
        let head = match &self.head {
            Head::Source(source) => source.describe(),
            Head::Operator(operator) => operator.describe(),
            Head::Sink(sink) => sink.describe(),
        };
        std::iter::once(head).chain(self.fused.iter().map(|operator| operator.describe()))
    }

    /// Name for errors and metrics: the head and what is fused behind it.
    pub fn name(&self) -> String {
        self.operators().map(|operator| operator.name).collect::<Vec<_>>().join(" → ")
    }
}

impl PhysicalPlan {
    /// Adds a node and returns its index.
    pub fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// A hash of everything that all processes must agree on: operators, parameters, edges and schemas.
    pub fn fingerprint(&self) -> u64 {
        use std::hash::BuildHasher;
        foldhash::quality::FixedState::with_seed(0).hash_one(self.to_string())
    }
}

impl fmt::Display for PhysicalPlan {
    /// One line a node, in topological order, with fused operators, exchanges, channels and schemas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.nodes.iter().enumerate() {
            write!(f, "{index}:")?;
            for (level, operator) in node.operators().enumerate() {
                write!(f, "{} {operator} {:?}", if level > 0 { " →" } else { "" }, operator.behaviour)?;
            }
            for input in &node.inputs {
                write!(f, " ← {} {}", input.from, input.partitioning)?;
            }
            write!(f, " channels=[{}] columns=[", node.channels)?;
            for (i, (name, dtype)) in node.schema.iter().enumerate() {
                write!(f, "{}{name}: {dtype}", if i > 0 { ", " } else { "" })?;
            }
            writeln!(f, "]")?;
        }
        Ok(())
    }
}
