//! About how many rows each part of a plan delivers, and how many different values its columns have.
//!
//! Guesses for the optimizer, from what tables know of themselves: their size, the range and number of different values
//! of their columns, and a sample of their rows. Results never depend on them. The rules are those of System R (Selinger
//! et al., 1979): predicates on different columns are independent, and the keys of a join's smaller domain are part of
//! the larger one; but all conditions on one table are evaluated together on its sample, if it has one.
//!
//! All figures are asked for lazily and kept, so that planning stays within a millisecond.

mod aggregate;
mod column;
mod join;
mod most;
mod number;
mod predicate;
mod scan;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub(crate) use self::column::ColumnEstimate;
pub(crate) use self::join::{Equality, key_selectivity};

use std::cell::RefCell;

use polars_core::prelude::{PlHashMap, PlSmallStr};
use polars_plan::dsl::Expr;

use self::predicate::Known;
use self::scan::FilteredScan;
use super::expression::{NamedExpr, Properties};
use super::logical::{LogicalPlan, Node};
use super::rows::RowOperation;

/// What was estimated for the nodes of a query's plans.
#[derive(Default)]
pub(crate) struct Estimates {
    /// By the address of the node, which its plan keeps from being used again.
    rows: RefCell<PlHashMap<usize, (LogicalPlan, Option<f64>)>>,
    columns: RefCell<PlHashMap<(usize, PlSmallStr), Option<ColumnEstimate>>>,
    scans: RefCell<Vec<FilteredScan>>,
}

impl Estimates {
    /// About how many rows `plan` delivers; `None` if the size of a table that matters is unknown.
    pub(crate) fn rows(&self, plan: &LogicalPlan) -> Option<f64> {
        if let Some((_, rows)) = self.rows.borrow().get(&plan.address()) {
            return *rows;
        }
        let rows = self.compute_rows(plan);
        self.rows.borrow_mut().insert(plan.address(), (plan.clone(), rows));
        rows
    }

    fn compute_rows(&self, plan: &LogicalPlan) -> Option<f64> {
        match plan.node() {
            Node::Scan { scan, request } => match &request.predicate {
                Some(predicate) => Some(scan.estimated_rows()? as f64 * self.scan_selectivity(scan, predicate)),
                None => Some(scan.estimated_rows()? as f64),
            },
            Node::Filter { input, predicate } => Some(self.rows(input)? * self.selectivity(input, predicate)),
            Node::Select { input, exprs } if makes_one_row(exprs, input) => Some(1.0),
            Node::Select { input, .. }
            | Node::WithColumns { input, .. }
            | Node::Sort { input, .. }
            | Node::Placed { input, .. } => self.rows(input),
            Node::Aggregate { input, keys, .. } => self.groups(input, keys),
            Node::Join { left, right, join } => self.join_rows(left, right, join),
            Node::TopK { input, k, .. } => Some(self.rows(input).unwrap_or(f64::INFINITY).min(*k as f64)),
            Node::Slice { input, length, .. } => {
                // `u64::MAX` stands for all rows from the offset on.
                let rows = self.rows(input);
                if *length == u64::MAX { rows } else { Some(rows.unwrap_or(f64::INFINITY).min(*length as f64)) }
            },
            Node::Union { inputs } => inputs.iter().map(|input| self.rows(input)).sum(),
            Node::Rows { input, operation: RowOperation::Distinct { keys, .. } } => {
                let keys: Vec<NamedExpr> = keys.iter().cloned().map(NamedExpr::column).collect();
                self.groups(input, &keys)
            },
            Node::Rows { input, operation } => operation.rows(self.rows(input)),
            Node::MapBatches { .. } | Node::Stateful { .. } => None,
        }
    }

    /// The share of the rows of `input` for which `predicate` is true.
    fn selectivity(&self, input: &LogicalPlan, predicate: &Expr) -> f64 {
        // What a column means that was computed right before, such as the predicate of `having`.
        if let Expr::Column(name) = predicate
            && let Node::Aggregate { aggs: exprs, .. } | Node::Select { exprs, .. } | Node::WithColumns { exprs, .. } =
                input.node()
            && let Some(named) = exprs.iter().find(|named| named.name == *name)
        {
            let known = Known { schema: input.schema(), column: &|_| None };
            return predicate::selectivity(&named.expr, &known);
        }
        let column = |name: &PlSmallStr| self.column(input, name);
        predicate::selectivity(predicate, &Known { schema: input.schema(), column: &column })
    }
}

/// Whether a selection computes single values of all rows.
fn makes_one_row(exprs: &[NamedExpr], input: &LogicalPlan) -> bool {
    !exprs.is_empty()
        && exprs
            .iter()
            .all(|named| named.source_column().is_none() && Properties::of(&named.expr, input.schema()).scalar)
}
