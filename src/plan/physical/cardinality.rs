//! Rough numbers of rows, to tell the small side of a join from the large one.

use polars_ops::prelude::JoinType;

use crate::plan::logical::{LogicalPlan, Node};

/// Of the rows of a table, a filter keeps one in this many. A guess: statistics would say more.
const FILTERED: u64 = 4;

/// Of the rows of a stream, an aggregate makes one of this many. A guess.
const GROUPED: u64 = 8;

/// About how many rows `plan` delivers, if the sizes of its tables are known.
pub(super) fn estimate(plan: &LogicalPlan) -> Option<u64> {
    match plan.node() {
        Node::Scan { scan, request } => {
            let rows = scan.rows()?;
            Some(if request.predicate.is_some() { rows.div_ceil(FILTERED) } else { rows })
        },
        Node::Filter { input, .. } => Some(estimate(input)?.div_ceil(FILTERED)),
        Node::Select { input, .. } | Node::WithColumns { input, .. } | Node::Sort { input, .. } => estimate(input),
        Node::Aggregate { keys, .. } if keys.is_empty() => Some(1),
        Node::Aggregate { input, .. } => Some(estimate(input)?.div_ceil(GROUPED)),
        Node::Join { left, right, join } => match join.how {
            JoinType::Semi | JoinType::Anti => estimate(left),
            JoinType::Cross => Some(estimate(left)?.saturating_mul(estimate(right)?)),
            // Most joins follow a foreign key: each row of the larger side finds at most one of the smaller.
            _ => Some(estimate(left)?.max(estimate(right)?)),
        },
        Node::TopK { input, k, .. } => Some(estimate(input).map_or(*k, |rows| rows.min(*k))),
        Node::Slice { input, length, .. } => Some(estimate(input).map_or(*length, |rows| rows.min(*length))),
        Node::Union { inputs } => inputs.iter().map(estimate).sum(),
    }
}
