//! Plans that have no rows, whatever the tables hold.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_ops::prelude::JoinType;
use quokka_connectors::memory::MemoryScan;

use crate::plan::expression::{NamedExpr, Properties, reads_columns};
use crate::plan::join::{Join, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// A table with the columns of `plan` and no rows.
pub(super) fn like(plan: &LogicalPlan) -> LogicalPlan {
    LogicalPlan::scan(Arc::new(MemoryScan::from(DataFrame::empty_with_schema(plan.schema()))))
}

fn is_empty(plan: &LogicalPlan) -> bool {
    matches!(plan.node(), Node::Scan { scan, .. } if scan.rows() == Some(0))
}

/// `plan`, or a table without rows if it has none; inputs without rows are left out where they add nothing.
pub(super) fn propagate(plan: LogicalPlan) -> LogicalPlan {
    let row_by_row = |exprs: &[NamedExpr], input: &LogicalPlan| {
        exprs.iter().all(|named| Properties::of(&named.expr, input.schema()).elementwise)
    };
    let nothing = match plan.node() {
        // An operator of the user may make rows of nothing.
        Node::Scan { .. } | Node::Stateful { .. } => false,
        // No batch, no call.
        Node::MapBatches { input, .. } => is_empty(input),
        Node::Rows { input, operation } => is_empty(input) && operation.is_nothing_of_nothing(),
        Node::Filter { input, .. } | Node::Sort { input, .. } | Node::Placed { input, .. } => is_empty(input),
        Node::Select { input, exprs } => {
            is_empty(input) && exprs.iter().any(|named| reads_columns(&named.expr)) && row_by_row(exprs, input)
        },
        Node::WithColumns { input, exprs } => is_empty(input) && row_by_row(exprs, input),
        Node::Aggregate { input, keys, .. } => is_empty(input) && !keys.is_empty(),
        Node::TopK { input, k: length, .. } | Node::Slice { input, length, .. } => is_empty(input) || *length == 0,
        Node::Join { left, right, join } => match join.how {
            JoinType::Inner | JoinType::Cross | JoinType::Semi => is_empty(left) || is_empty(right),
            JoinType::Left => is_empty(left),
            JoinType::Right => is_empty(right),
            JoinType::Full => is_empty(left) && is_empty(right),
            JoinType::Anti if is_empty(right) => return all_of_left(&plan, left, join),
            JoinType::Anti => is_empty(left),
        },
        Node::Union { inputs } => return without_empty_inputs(&plan, inputs),
    };
    if nothing { like(&plan) } else { plan }
}

/// No row of the left side of an anti join finds a match.
fn all_of_left(plan: &LogicalPlan, left: &LogicalPlan, join: &Join) -> LogicalPlan {
    let names = join.columns.iter().map(|column| match &column.source {
        JoinSource::Left(name) if *name == column.name => Some(name),
        _ => None,
    });
    match names.collect::<Option<Vec<_>>>() {
        Some(names) => left.clone().columns(names),
        None => plan.clone(),
    }
}

fn without_empty_inputs(plan: &LogicalPlan, inputs: &[LogicalPlan]) -> LogicalPlan {
    let mut others: Vec<LogicalPlan> = inputs.iter().filter(|input| !is_empty(input)).cloned().collect();
    match others.len() {
        0 => like(plan),
        1 => others.remove(0),
        some if some == inputs.len() => plan.clone(),
        _ => LogicalPlan::new(Node::Union { inputs: others }, plan.schema().clone()),
    }
}
