//! Grouped aggregates.

use polars_core::prelude::Schema;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::{Requirement, requirement};
use quokka_operators::aggregate::AggregatePlan;

use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::expression::{NamedExpr, to_exprs};
use crate::plan::logical::LogicalPlan;

impl Lowering<'_> {
    pub(super) fn aggregate(&mut self, input: &LogicalPlan, keys: &[NamedExpr], aggs: &[NamedExpr]) -> Lowered {
        let order = if need_order(aggs, input.schema())? { Order::Needed } else { Order::Ignored };
        let mut stream = self.lower(input, order)?;
        if order == Order::Needed {
            stream = self.restore_order(stream);
        }
        let plan = AggregatePlan::new(&to_exprs(keys), &to_exprs(aggs), &stream.schema)?;
        Ok(self.aggregated(stream, &plan))
    }

    /// The groups of `stream`.
    pub(super) fn aggregated(&mut self, stream: Stream, plan: &AggregatePlan) -> Stream {
        let stream = self.fuse(stream, plan.before_exchange(), plan.exchanged_schema().clone());
        let mut partitioning = plan.partitioning();
        if self.workers == 1 {
            partitioning = self.to_one(&stream);
        }
        let mut stream = self.exchange(stream, partitioning, plan.after_exchange(), plan.output_schema().clone());
        // Groups come in no particular order, even on one worker.
        stream.placement = if self.workers == 1 { Placement::One } else { stream.placement };
        stream
    }
}

/// Whether the result depends on the order of rows.
fn need_order(aggs: &[NamedExpr], schema: &Schema) -> Result<bool, OperatorError> {
    for agg in aggs {
        if requirement(&agg.expr, schema)? == Requirement::OrderedFrame {
            return Ok(true);
        }
    }
    Ok(false)
}
