//! The logical plan: what a query means, as an immutable tree.

use std::sync::Arc;

use polars_core::prelude::{SchemaRef, SortMultipleOptions};
use polars_plan::dsl::Expr;
use quokka_engine::plan::Channels;
use quokka_engine::source::{Scan, ScanRequest};

use super::expression::NamedExpr;
use super::join::Join;
use super::rows::RowOperation;
use crate::placement::Placement;
use crate::user::{BatchFunction, UserOperator};

/// A node with its inputs. Cloning shares the tree.
#[derive(Clone)]
pub(crate) struct LogicalPlan {
    node: Arc<Node>,
    schema: SchemaRef,
}

/// The operations of a logical plan. Expressions are expanded: each makes one column.
pub(crate) enum Node {
    /// Reads a table.
    Scan { scan: Arc<dyn Scan>, request: ScanRequest },
    /// Keeps the rows for which a predicate is true.
    Filter { input: LogicalPlan, predicate: Expr },
    /// Computes new columns from those of the input.
    Select { input: LogicalPlan, exprs: Vec<NamedExpr> },
    /// Adds columns to those of the input, or replaces some.
    WithColumns { input: LogicalPlan, exprs: Vec<NamedExpr> },
    /// One row for each distinct combination of key values.
    Aggregate { input: LogicalPlan, keys: Vec<NamedExpr>, aggs: Vec<NamedExpr> },
    /// Combines the rows of two inputs.
    Join { left: LogicalPlan, right: LogicalPlan, join: Arc<Join> },
    /// Orders all rows.
    Sort { input: LogicalPlan, by: Vec<Expr>, options: SortMultipleOptions },
    /// The first `k` rows of the order, in order.
    TopK { input: LogicalPlan, k: u64, by: Vec<Expr>, options: SortMultipleOptions },
    /// `length` rows from the `offset`-th on; a negative offset counts from the end.
    Slice { input: LogicalPlan, offset: i64, length: u64 },
    /// The rows of all inputs, which have one schema.
    Union { inputs: Vec<LogicalPlan> },
    /// What no expression says makes rows of each row.
    Rows { input: LogicalPlan, operation: RowOperation },
    /// The same rows, made on certain workers.
    Placed { input: LogicalPlan, placement: Placement, channels: Channels },
    /// A function of the user makes a batch of each batch.
    MapBatches { input: LogicalPlan, function: Arc<BatchFunction> },
    /// An operator of the user.
    Stateful { inputs: Vec<LogicalPlan>, operator: Arc<UserOperator> },
}

impl LogicalPlan {
    /// A node whose result has the columns of `schema`.
    pub(crate) fn new(node: Node, schema: SchemaRef) -> Self {
        Self { node: Arc::new(node), schema }
    }

    /// The operation.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The columns of the result.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Tells the node from every other that lives.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.node).addr()
    }

    /// The plans this node reads from.
    pub(crate) fn inputs(&self) -> Vec<&LogicalPlan> {
        match self.node() {
            Node::Scan { .. } => Vec::new(),
            Node::Filter { input, .. }
            | Node::Select { input, .. }
            | Node::WithColumns { input, .. }
            | Node::Aggregate { input, .. }
            | Node::Sort { input, .. }
            | Node::TopK { input, .. }
            | Node::Slice { input, .. }
            | Node::Rows { input, .. }
            | Node::Placed { input, .. }
            | Node::MapBatches { input, .. } => vec![input],
            Node::Join { left, right, .. } => vec![left, right],
            Node::Union { inputs } | Node::Stateful { inputs, .. } => inputs.iter().collect(),
        }
    }
}

impl LogicalPlan {
    /// The same node over inputs that `rewrite` made of its own; they must have the same columns.
    pub(crate) fn map_inputs(&self, rewrite: impl Fn(&LogicalPlan) -> LogicalPlan) -> Self {
        let node = match self.node() {
            Node::Scan { .. } => return self.clone(),
            Node::Filter { input, predicate } => Node::Filter { input: rewrite(input), predicate: predicate.clone() },
            Node::Select { input, exprs } => Node::Select { input: rewrite(input), exprs: exprs.clone() },
            Node::WithColumns { input, exprs } => Node::WithColumns { input: rewrite(input), exprs: exprs.clone() },
            Node::Aggregate { input, keys, aggs } => {
                Node::Aggregate { input: rewrite(input), keys: keys.clone(), aggs: aggs.clone() }
            },
            Node::Join { left, right, join } => {
                Node::Join { left: rewrite(left), right: rewrite(right), join: join.clone() }
            },
            Node::Sort { input, by, options } => {
                Node::Sort { input: rewrite(input), by: by.clone(), options: options.clone() }
            },
            Node::TopK { input, k, by, options } => {
                Node::TopK { input: rewrite(input), k: *k, by: by.clone(), options: options.clone() }
            },
            Node::Slice { input, offset, length } => {
                Node::Slice { input: rewrite(input), offset: *offset, length: *length }
            },
            Node::Union { inputs } => Node::Union { inputs: inputs.iter().map(rewrite).collect() },
            Node::Rows { input, operation } => Node::Rows { input: rewrite(input), operation: operation.clone() },
            Node::Placed { input, placement, channels } => {
                Node::Placed { input: rewrite(input), placement: placement.clone(), channels: channels.clone() }
            },
            Node::MapBatches { input, function } => {
                Node::MapBatches { input: rewrite(input), function: function.clone() }
            },
            Node::Stateful { inputs, operator } => {
                Node::Stateful { inputs: inputs.iter().map(rewrite).collect(), operator: operator.clone() }
            },
        };
        Self::new(node, self.schema.clone())
    }
}
