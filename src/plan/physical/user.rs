//! Code of users.

use std::sync::Arc;

use polars_core::prelude::SchemaRef;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Input};

use super::place::in_turn;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;
use crate::user::{BatchFunction, InputPartitioning, MapBatches, UserOperator, UserOperatorFactory};

impl Lowering<'_> {
    pub(super) fn map_batches(&mut self, input: &LogicalPlan, function: &Arc<BatchFunction>, order: Order) -> Lowered {
        let stream = self.lower(input, order)?;
        let stream = self.without_other_columns(stream, input.schema())?;
        let operator = MapBatches::new(function.clone(), stream.schema.clone());
        Ok(self.fuse(stream, Arc::new(operator), function.schema().clone()))
    }

    pub(super) fn stateful(
        &mut self,
        inputs: &[LogicalPlan],
        operator: &Arc<UserOperator>,
        schema: &SchemaRef,
    ) -> Lowered {
        let mut edges = Vec::with_capacity(inputs.len());
        let mut schemas = Vec::with_capacity(inputs.len());
        let mut sources = Vec::new();
        let mut streams = Vec::new();
        let wanted = self.take_wanted();
        let channels = match operator.is_single() {
            true => self.one(wanted.as_ref().map_or(0, Channels::first)),
            false => wanted.unwrap_or(Channels::All),
        };
        let placement = if channels.count(self.workers) == 1 { Placement::One } else { Placement::Spread };
        for (input, partitioning) in inputs.iter().zip(operator.partitionings()) {
            let is_single = *partitioning == InputPartitioning::Single;
            let stream = self.lower(input, if is_single { Order::Kept } else { Order::Ignored })?;
            let mut stream = self.without_other_columns(stream, input.schema())?;
            if is_single {
                stream = self.restore_order(stream, Some(&channels));
            }
            edges.push(Input { from: stream.node, partitioning: self.partitioning(partitioning, &stream, &channels) });
            schemas.push(stream.schema.clone());
            sources.extend(stream.sources.iter().copied());
            streams.push(stream);
        }
        let factory = UserOperatorFactory::new(operator.clone(), schemas, schema.clone(), channels.clone());
        if let Some((first, gate)) = factory.gate() {
            let others = streams.iter().enumerate().filter(|(input, _)| *input != first);
            others.for_each(|(_, stream)| self.wait_for(gate, stream));
        }
        let node = self.operator(Arc::new(factory), edges, schema.clone(), channels.clone());
        Ok(Stream { node, schema: schema.clone(), placement, channels, sources })
    }

    /// The exchange that brings rows to the workers of `channels`.
    fn partitioning(&self, partitioning: &InputPartitioning, stream: &Stream, channels: &Channels) -> Partitioning {
        match partitioning {
            _ if channels.count(self.workers) == 1 => self.to_one(stream, Some(channels)).0,
            InputPartitioning::Single => self.to_one(stream, Some(channels)).0,
            InputPartitioning::AsItComes if *channels == Channels::All => Partitioning::PassThrough,
            InputPartitioning::AsItComes => in_turn(),
            InputPartitioning::Keys(keys) => Partitioning::Hash(keys.clone()),
            InputPartitioning::Broadcast => Partitioning::Broadcast,
        }
    }
}
