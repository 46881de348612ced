//! Expressions that need many rows at once: those of some keys, or all.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{PlSmallStr, SchemaRef};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Requirement;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::Channels;
use quokka_engine::source::Parts;
use quokka_operators::whole_frame::{FrameFunction, WholeFrame};

use super::keys::KeyColumns;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::{LogicalPlan, Node};

impl Lowering<'_> {
    /// Applies `function` to all rows of `input` at once, or to all rows with the same window keys. It makes columns of
    /// `schema`.
    pub(super) fn whole_frame(
        &mut self,
        input: &LogicalPlan,
        requirement: &Requirement,
        order: Order,
        what: String,
        function: FrameFunction,
        schema: SchemaRef,
    ) -> Lowered {
        let wanted = self.take_wanted();
        let needed = match requirement {
            Requirement::OrderedFrame | Requirement::Window { ordered: true, .. } => Order::Needed,
            _ => order,
        };
        let stream = self.lower(input, needed)?;
        let keeps_order = match order {
            Order::Ignored => false,
            Order::Kept => self.is_sorted(input),
            Order::Needed => true,
        };
        match requirement {
            // An exchange by key would lose the order.
            Requirement::Window { keys, ordered } if self.workers > 1 && !keeps_order => {
                let stream = if *ordered { self.restore_order(stream, None) } else { stream };
                self.window(stream, keys, what, function, schema, wanted)
            },
            _ => {
                let what = match requirement {
                    Requirement::OrderedFrame => format!("{what}, on one worker: needs row order"),
                    _ => format!("{what}, on one worker: needs all rows"),
                };
                let way = self.to_one(&stream, wanted.as_ref());
                let operator = WholeFrame::new(what, stream.schema.clone(), function).with_run_on_empty(way.1.first());
                let mut stream = self.exchange(stream, way, Arc::new(operator), schema);
                stream.placement = Placement::One;
                Ok(stream)
            },
        }
    }

    fn window(
        &mut self,
        stream: Stream,
        keys: &[polars_plan::dsl::Expr],
        what: String,
        function: FrameFunction,
        schema: SchemaRef,
        wanted: Option<Channels>,
    ) -> Lowered {
        let columns: Vec<PlSmallStr> = stream.schema.iter_names().cloned().collect();
        let keyed = KeyColumns::new(keys.iter().map(|key| (key.clone(), None)), "window_key", &stream.schema)?;
        let stream = self.with_key_columns(stream, &keyed)?;
        // The function sees the columns of the input alone.
        let without_keys: FrameFunction = if keyed.is_empty() {
            function
        } else {
            Arc::new(move |frame: DataFrame| -> Result<DataFrame, OperatorError> {
                function(frame.select(columns.iter().cloned())?)
            })
        };
        let operator = WholeFrame::new(what, stream.schema.clone(), without_keys);
        let way = (Partitioning::Hash(keyed.names().to_vec()), wanted.unwrap_or(Channels::All));
        Ok(self.exchange(stream, way, Arc::new(operator), schema))
    }

    /// Whether the rows of `plan` have an order that it gave them.
    pub(super) fn is_sorted(&self, plan: &LogicalPlan) -> bool {
        match plan.node() {
            Node::Sort { .. } | Node::TopK { .. } => true,
            Node::Filter { input, .. }
            | Node::Select { input, .. }
            | Node::WithColumns { input, .. }
            | Node::Slice { input, .. }
            | Node::Placed { input, .. }
            | Node::MapBatches { input, .. } => self.is_sorted(input),
            Node::Rows { input, operation } => operation.keeps_order() && self.is_sorted(input),
            Node::Scan { scan, .. } => {
                scan.parts() == Some(Parts::Sorted)
                    || self.shared_result(scan.as_ref()).is_some_and(|index| self.is_sorted_result(index))
            },
            Node::Aggregate { .. } | Node::Join { .. } | Node::Union { .. } | Node::Stateful { .. } => false,
        }
    }

    /// Brings a stream whose workers hold ranges to one worker, in order: the first of those that are wanted, if any. What
    /// is on another worker goes there as well; others stay as they are.
    pub(super) fn restore_order(&mut self, stream: Stream, wanted: Option<&Channels>) -> Stream {
        let way = match stream.placement {
            Placement::Spread => return stream,
            Placement::Ranges | Placement::One => self.to_one(&stream, wanted),
        };
        if matches!(way.0, Partitioning::PassThrough) {
            return stream;
        }
        let schema = stream.schema.clone();
        let operator = WholeFrame::new("all rows in order", schema.clone(), Arc::new(Ok));
        self.exchange(stream, way, Arc::new(operator), schema)
    }
}
