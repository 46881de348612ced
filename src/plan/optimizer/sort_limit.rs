//! A limit above a sort becomes a top-k: each worker then holds `k` rows in place of all.

use crate::plan::expression::{NamedExpr, Properties, reads_columns};
use crate::plan::logical::{LogicalPlan, Node};

/// Rewrites every slice from the start whose input is a sort, or a projection of one.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    match plan.node() {
        Node::Slice { input, offset, length } => match u64::try_from(*offset) {
            // A slice from further down still needs nothing after its end.
            Ok(offset) => match limit(input, offset.saturating_add(*length)) {
                Some(limited) if offset == 0 => limited,
                Some(limited) => LogicalPlan::new(
                    Node::Slice { input: limited, offset: offset as i64, length: *length },
                    plan.schema().clone(),
                ),
                None => plan,
            },
            Err(_) => plan,
        },
        _ => plan,
    }
}

/// The first `k` rows of `plan`, if it is sorted.
fn limit(plan: &LogicalPlan, k: u64) -> Option<LogicalPlan> {
    let rows_stay_rows = |exprs: &[NamedExpr], input: &LogicalPlan| {
        exprs.iter().all(|named| Properties::of(&named.expr, input.schema()).is_movable())
            && exprs.iter().any(|named| reads_columns(&named.expr))
    };
    let node = match plan.node() {
        Node::Sort { input, by, options } => {
            Node::TopK { input: input.clone(), k, by: by.clone(), options: options.clone() }
        },
        Node::TopK { input, k: all, by, options } => {
            Node::TopK { input: input.clone(), k: k.min(*all), by: by.clone(), options: options.clone() }
        },
        Node::Select { input, exprs } if rows_stay_rows(exprs, input) => {
            Node::Select { input: limit(input, k)?, exprs: exprs.clone() }
        },
        Node::WithColumns { input, exprs } if rows_stay_rows(exprs, input) || exprs.is_empty() => {
            Node::WithColumns { input: limit(input, k)?, exprs: exprs.clone() }
        },
        _ => return None,
    };
    Some(LogicalPlan::new(node, plan.schema().clone()))
}
