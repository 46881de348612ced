//! Grouped aggregates.

use polars_core::prelude::Schema;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::{Requirement, requirement};
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::Channels;
use quokka_operators::aggregate::AggregatePlan;

use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::expression::{NamedExpr, to_exprs};
use crate::plan::logical::LogicalPlan;

impl Lowering<'_> {
    pub(super) fn aggregate(
        &mut self,
        plan: &LogicalPlan,
        input: &LogicalPlan,
        keys: &[NamedExpr],
        aggs: &[NamedExpr],
    ) -> Lowered {
        let wanted = self.take_wanted();
        let order = if need_order(aggs, input.schema())? { Order::Needed } else { Order::Ignored };
        let mut stream = self.lower(input, order)?;
        if order == Order::Needed {
            stream = self.restore_order(stream, None);
        }
        let aggregates = AggregatePlan::new(&to_exprs(keys), &to_exprs(aggs), &stream.schema)?;
        Ok(self.aggregated(stream, aggregates, plan, wanted))
    }

    /// The groups of `stream`, which are those of `plan`.
    pub(super) fn aggregated(
        &mut self,
        stream: Stream,
        aggregates: AggregatePlan,
        plan: &LogicalPlan,
        wanted: Option<Channels>,
    ) -> Stream {
        let stream = self.fuse(stream, aggregates.before_exchange(), aggregates.exchanged_schema().clone());
        let way = match (aggregates.partitioning(), wanted) {
            (Partitioning::Gather, wanted) => self.to_one(&stream, wanted.as_ref()),
            (_, None) if self.workers == 1 || self.is_small(plan) => self.to_one(&stream, None),
            (_, Some(one)) if one.count(self.workers) == 1 => self.to_one(&stream, Some(&one)),
            (by_key, wanted) => (by_key, wanted.unwrap_or(Channels::All)),
        };
        let aggregates = aggregates.with_owner(way.1.first());
        let schema = aggregates.output_schema().clone();
        let mut stream = self.exchange(stream, way, aggregates.after_exchange(), schema);
        if stream.channels.count(self.workers) == 1 {
            stream.placement = Placement::One;
        }
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
