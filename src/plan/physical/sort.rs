//! Sort and top-k.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::SortMultipleOptions;
use polars_plan::dsl::Expr;
use quokka_operators::whole_frame::WholeFrame;

use super::keys::KeyColumns;
use super::{Lowered, Lowering, Order, Placement};
use crate::plan::logical::LogicalPlan;

impl Lowering {
    pub(super) fn sort(&mut self, input: &LogicalPlan, by: &[Expr], options: &SortMultipleOptions) -> Lowered {
        self.sorted(input, by, options, None)
    }

    pub(super) fn top_k(&mut self, input: &LogicalPlan, k: u64, by: &[Expr], options: &SortMultipleOptions) -> Lowered {
        self.sorted(input, by, options, Some(k))
    }

    fn sorted(&mut self, input: &LogicalPlan, by: &[Expr], options: &SortMultipleOptions, k: Option<u64>) -> Lowered {
        let order = if options.maintain_order { Order::Needed } else { Order::Ignored };
        let stream = self.lower(input, order)?;
        let schema = stream.schema.clone();
        let keys = KeyColumns::new(by.iter().map(|key| (key.clone(), None)), "sort_key", &schema)?;
        let stream = self.with_key_columns(stream, &keys)?;
        let names = keys.names().to_vec();
        let options = options.clone().with_multithreaded(false);
        let function = Arc::new(move |frame: DataFrame| {
            let sorted = frame.sort(names.clone(), options.clone())?;
            Ok(match k {
                Some(k) => sorted.head(Some(usize::try_from(k).unwrap_or(usize::MAX))),
                None => sorted,
            })
        });
        let operator = WholeFrame::new("sort", stream.schema.clone(), function);
        let partitioning = self.to_one(&stream);
        let keyed = stream.schema.clone();
        let mut stream = self.exchange(stream, partitioning, Arc::new(operator), keyed);
        stream.placement = Placement::One;
        self.without_other_columns(stream, &schema)
    }
}
