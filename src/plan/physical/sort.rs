//! Sort and top-k.

use std::sync::Arc;

use polars_core::prelude::{SchemaRef, SortMultipleOptions};
use polars_plan::dsl::Expr;
use quokka_engine::error::OperatorError;
use quokka_engine::partitioning::Partitioning;
use quokka_operators::sort::{SortOrder, SortRun, add_sort};
use quokka_operators::top_k::TopK;

use super::keys::KeyColumns;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;

/// Fewer rows than this are sorted sooner by one worker than they are shared out.
const ROWS_FOR_ONE_WORKER: f64 = 16_384.0;

impl Lowering<'_> {
    pub(super) fn sort(&mut self, input: &LogicalPlan, by: &[Expr], options: &SortMultipleOptions) -> Lowered {
        let (stream, order, schema) = self.sort_input(input, by, options)?;
        let is_small = self.estimates.rows(input).is_some_and(|rows| rows < ROWS_FOR_ONE_WORKER);
        let sorted = if self.workers == 1 || is_small {
            let partitioning = self.to_one(&stream);
            let keyed = stream.schema.clone();
            let mut stream = self.exchange(stream, partitioning, Arc::new(SortRun::new(order)), keyed);
            stream.placement = Placement::One;
            stream
        } else {
            let node = add_sort(&mut self.plan, stream.node, &order, self.workers)?;
            Stream { node, placement: Placement::Ranges, ..stream }
        };
        self.without_other_columns(sorted, &schema)
    }

    pub(super) fn top_k(&mut self, input: &LogicalPlan, k: u64, by: &[Expr], options: &SortMultipleOptions) -> Lowered {
        let (stream, order, schema) = self.sort_input(input, by, options)?;
        let top_k = TopK::new(order, usize::try_from(k).unwrap_or(usize::MAX));
        let keyed = stream.schema.clone();
        let mut top = self.fuse(stream, Arc::new(top_k.clone()), keyed.clone());
        if top.placement != Placement::One {
            top = self.exchange(top, Partitioning::Gather, Arc::new(top_k), keyed);
        }
        top.placement = Placement::One;
        self.without_other_columns(top, &schema)
    }

    /// The rows to sort, with a column for each sort key, the order, and the columns without the keys.
    fn sort_input(
        &mut self,
        input: &LogicalPlan,
        by: &[Expr],
        options: &SortMultipleOptions,
    ) -> Result<(Stream, SortOrder, SchemaRef), OperatorError> {
        let order = if options.maintain_order { Order::Needed } else { Order::Ignored };
        let stream = self.lower(input, order)?;
        let schema = stream.schema.clone();
        let keys = KeyColumns::new(by.iter().map(|key| (key.clone(), None)), "sort_key", &schema)?;
        let order = SortOrder::new(keys.names().iter().cloned(), options.clone())?;
        Ok((self.with_key_columns(stream, &keys)?, order, schema))
    }
}
