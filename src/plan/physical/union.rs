//! Vertical concatenation.

use std::sync::Arc;

use polars_core::prelude::SortMultipleOptions;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::expr::prelude::lit;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Input};
use quokka_operators::sort::{SortOrder, SortRun};
use quokka_operators::union::Union;

use super::dynamic_filter::Doomed;
use super::keys::KeyColumns;
use super::place::in_turn;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;

impl Lowering<'_> {
    pub(super) fn union(&mut self, inputs: &[LogicalPlan], order: Order, doomed: Vec<Doomed>) -> Lowered {
        let wanted = self.take_wanted();
        match order {
            Order::Needed => self.union_in_order(inputs, doomed, wanted.as_ref()),
            Order::Ignored | Order::Kept => {
                let streams = self.lower_all(inputs, Order::Ignored, &doomed)?;
                let way = |stream: &Stream| match &wanted {
                    Some(wanted) if !wanted.include(&stream.channels, self.workers) => in_turn(),
                    _ => Partitioning::PassThrough,
                };
                let edges = streams.iter().map(way).collect();
                let channels = wanted.clone().unwrap_or_else(|| {
                    let workers = streams.iter().flat_map(|stream| stream.channels.workers(self.workers));
                    Channels::new(workers, self.workers)
                });
                self.mixed(streams, edges, channels)
            },
        }
    }

    /// The rows of all inputs as they come.
    fn mixed(&mut self, streams: Vec<Stream>, edges: Vec<Partitioning>, channels: Channels) -> Lowered {
        let Some(schema) = streams.first().map(|stream| stream.schema.clone()) else {
            return Err(OperatorError::message(ErrorKind::Internal, "a union without inputs"));
        };
        let edges = streams.iter().zip(edges);
        let edges = edges.map(|(stream, partitioning)| Input { from: stream.node, partitioning }).collect();
        let node = self.operator(Arc::new(Union::new(streams.len())), edges, schema.clone(), channels.clone());
        let sources = streams.into_iter().flat_map(|stream| stream.sources).collect();
        let placement = if channels.count(self.workers) == 1 { Placement::One } else { Placement::Spread };
        Ok(Stream { node, schema, placement, channels, sources })
    }

    /// On one worker, the rows of the first input, then those of the second, and so on: inputs come mixed, so each row
    /// carries the number of its input.
    fn union_in_order(&mut self, inputs: &[LogicalPlan], doomed: Vec<Doomed>, wanted: Option<&Channels>) -> Lowered {
        let one = self.one(wanted.map_or(0, Channels::first));
        let mut streams = Vec::with_capacity(inputs.len());
        let mut number = None;
        for (index, stream) in self.lower_all(inputs, Order::Needed, &doomed)?.into_iter().enumerate() {
            let stream = self.restore_order(stream, Some(&one));
            let keys = KeyColumns::new([(lit(index as u32), None)], "input", &stream.schema)?;
            number = keys.names().first().cloned();
            streams.push(self.with_key_columns(stream, &keys)?);
        }
        let edges = streams.iter().map(|stream| self.to_one(stream, Some(&one)).0).collect();
        let stream = self.mixed(streams, edges, one)?;
        let order = SortOrder::new(number, SortMultipleOptions::default().with_maintain_order(true))?;
        let keyed = stream.schema.clone();
        let stream = self.fuse(stream, Arc::new(SortRun::new(order)), keyed);
        match inputs.first() {
            Some(input) => self.without_other_columns(stream, input.schema()),
            None => Ok(stream),
        }
    }

    fn lower_all(
        &mut self,
        inputs: &[LogicalPlan],
        order: Order,
        doomed: &[Doomed],
    ) -> Result<Vec<Stream>, OperatorError> {
        let lower = |input| {
            self.filters.expect(doomed.to_vec());
            self.lower(input, order)
        };
        inputs.iter().map(lower).collect()
    }
}
