//! Sort and top-k.

use std::sync::Arc;

use polars_core::prelude::{SchemaRef, SortMultipleOptions};
use polars_plan::dsl::Expr;
use quokka_engine::error::OperatorError;
use quokka_engine::plan::Channels;
use quokka_operators::sort::{SortOrder, SortRun, add_sort};
use quokka_operators::top_k::TopK;

use super::keys::KeyColumns;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;

impl Lowering<'_> {
    pub(super) fn sort(&mut self, input: &LogicalPlan, by: &[Expr], options: &SortMultipleOptions) -> Lowered {
        let wanted = self.take_wanted();
        let (stream, order, schema) = self.sort_input(input, by, options)?;
        let on_one = match &wanted {
            Some(wanted) => wanted.count(self.workers) == 1,
            None => self.workers == 1 || self.is_few(input),
        };
        let sorted = if on_one {
            let way = self.to_one(&stream, wanted.as_ref());
            let keyed = stream.schema.clone();
            let mut stream = self.exchange(stream, way, Arc::new(SortRun::new(order)), keyed);
            stream.placement = Placement::One;
            stream
        } else {
            let channels = wanted.unwrap_or(Channels::All);
            let node = add_sort(&mut self.plan, stream.node, &order, self.workers, &channels)?;
            Stream { node, placement: Placement::Ranges, channels, ..stream }
        };
        self.without_other_columns(sorted, &schema)
    }

    pub(super) fn top_k(&mut self, input: &LogicalPlan, k: u64, by: &[Expr], options: &SortMultipleOptions) -> Lowered {
        let wanted = self.take_wanted();
        let (stream, order, schema) = self.sort_input(input, by, options)?;
        let top_k = TopK::new(order, usize::try_from(k).unwrap_or(usize::MAX));
        let keyed = stream.schema.clone();
        let mut top = self.fuse(stream, Arc::new(top_k.clone()), keyed.clone());
        if top.placement != Placement::One {
            let way = self.to_one(&top, wanted.as_ref());
            top = self.exchange(top, way, Arc::new(top_k), keyed);
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
