//! Limits and slices.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use quokka_engine::plan::Channels;
use quokka_operators::limit::Limit;
use quokka_operators::whole_frame::WholeFrame;

use super::{Lowered, Lowering, Order, Placement};
use crate::plan::expression::Properties;
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

impl Lowering<'_> {
    pub(super) fn slice(&mut self, input: &LogicalPlan, offset: i64, length: u64) -> Lowered {
        let wanted = self.take_wanted();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Ok(offset) = usize::try_from(offset) else {
            return self.slice_from_end(input, offset, length, wanted.as_ref());
        };
        // One worker has the first rows of a table sooner than all workers have any.
        let order = if self.reads_in_order(input) { Order::Needed } else { Order::Kept };
        let stream = self.lower(input, order)?;
        let schema = stream.schema.clone();
        let limit = Limit::new(offset, length);
        match stream.placement {
            Placement::One => Ok(self.fuse(stream, Arc::new(limit), schema)),
            placement => {
                let stream = self.fuse(stream, Arc::new(limit.local()), schema.clone());
                let limit = if placement == Placement::Ranges { limit.by_origin() } else { limit };
                let way = self.to_one(&stream, wanted.as_ref());
                Ok(self.exchange(stream, way, Arc::new(limit), schema))
            },
        }
    }

    /// One worker needs all rows to know where the end is.
    fn slice_from_end(
        &mut self,
        input: &LogicalPlan,
        offset: i64,
        length: usize,
        wanted: Option<&Channels>,
    ) -> Lowered {
        let stream = self.lower(input, Order::Needed)?;
        let schema = stream.schema.clone();
        let what = format!("slice {length} from {offset}, on one worker: needs row order");
        let function = Arc::new(move |frame: DataFrame| Ok(frame.slice(offset, length)));
        let operator = WholeFrame::new(what, schema.clone(), function);
        let way = self.to_one(&stream, wanted);
        let mut stream = self.exchange(stream, way, Arc::new(operator), schema);
        stream.placement = Placement::One;
        Ok(stream)
    }

    /// Whether the rows of `plan` are those of a table, all of them, one for one.
    fn reads_in_order(&self, plan: &LogicalPlan) -> bool {
        match plan.node() {
            // All workers make the rows of a shared plan.
            Node::Scan { scan, request } => request.predicate.is_none() && self.shared_result(scan.as_ref()).is_none(),
            Node::Select { input, exprs } | Node::WithColumns { input, exprs } => {
                exprs.iter().all(|named| Properties::of(&named.expr, input.schema()).elementwise)
                    && self.reads_in_order(input)
            },
            Node::Rows { input, operation: RowOperation::Index { .. } } => self.reads_in_order(input),
            Node::Placed { input, .. } => self.reads_in_order(input),
            _ => false,
        }
    }
}
