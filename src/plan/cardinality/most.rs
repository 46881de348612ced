//! How many rows a part of a plan delivers at most.

use polars_ops::prelude::JoinType;

use super::{Estimates, makes_one_row};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

/// Where no table tells its size, or a join may multiply rows, there may be so many times as many rows as estimated.
const DOUBT: f64 = 16.0;

impl Estimates {
    /// How many rows `plan` delivers at most, whatever its predicates let pass; `None` if nobody knows. A bound where tables
    /// know their size, unless a join multiplies rows more than anybody would expect.
    pub(crate) fn most_rows(&self, plan: &LogicalPlan) -> Option<f64> {
        match plan.node() {
            Node::Scan { scan, .. } => match scan.rows() {
                Some(rows) => Some(rows as f64),
                None => Some(scan.estimated_rows()? as f64 * DOUBT),
            },
            Node::Select { input, exprs } if makes_one_row(exprs, input) => Some(1.0),
            Node::Aggregate { keys, .. } if keys.is_empty() => Some(1.0),
            Node::Filter { input, .. }
            | Node::Select { input, .. }
            | Node::WithColumns { input, .. }
            | Node::Aggregate { input, .. }
            | Node::Sort { input, .. }
            | Node::Placed { input, .. } => self.most_rows(input),
            Node::Join { left, join, .. } if matches!(join.how, JoinType::Semi | JoinType::Anti) => {
                self.most_rows(left)
            },
            Node::Join { left, right, .. } => {
                let sides = self.most_rows(left)?.max(self.most_rows(right)?);
                Some(sides.max(self.rows(plan)? * DOUBT))
            },
            Node::TopK { input, k: length, .. } | Node::Slice { input, length, .. } => {
                Some(self.most_rows(input).unwrap_or(f64::INFINITY).min(*length as f64))
            },
            Node::Union { inputs } => inputs.iter().map(|input| self.most_rows(input)).sum(),
            Node::Rows { input, operation } => match operation {
                RowOperation::Distinct { .. } | RowOperation::Index { .. } | RowOperation::AtLeast(_) => {
                    self.most_rows(input)
                },
                RowOperation::Explode { .. } | RowOperation::Draw(_) => None,
            },
            Node::MapBatches { .. } | Node::Stateful { .. } => None,
        }
    }
}
