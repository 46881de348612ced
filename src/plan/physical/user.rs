//! Code of users.

use std::sync::Arc;

use polars_core::prelude::SchemaRef;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::Input;

use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;
use crate::user::{BatchFunction, ByKey, InTurn, InputPartitioning, MapBatches, UserOperator, UserOperatorFactory};

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
        let channels = operator.channels(self.workers, self.processes);
        let placement = if channels == [0] { Placement::One } else { Placement::Spread };
        for (input, partitioning) in inputs.iter().zip(operator.partitionings()) {
            let is_single = *partitioning == InputPartitioning::Single;
            let stream = self.lower(input, if is_single { Order::Kept } else { Order::Ignored })?;
            let mut stream = self.without_other_columns(stream, input.schema())?;
            if is_single {
                stream = self.restore_order(stream);
            }
            edges.push(Input { from: stream.node, partitioning: self.partitioning(partitioning, &stream, &channels) });
            schemas.push(stream.schema.clone());
            sources.extend(stream.sources.iter().copied());
            streams.push(stream);
        }
        let factory = UserOperatorFactory::new(operator.clone(), schemas, schema.clone());
        if let Some((first, gate)) = factory.gate() {
            let others = streams.iter().enumerate().filter(|(input, _)| *input != first);
            others.for_each(|(_, stream)| self.wait_for(gate, stream));
        }
        let node = self.operator(Arc::new(factory), edges, schema.clone());
        Ok(Stream { node, schema: schema.clone(), placement, sources })
    }

    /// The exchange that brings rows to the workers `channels`.
    fn partitioning(&self, partitioning: &InputPartitioning, stream: &Stream, channels: &[usize]) -> Partitioning {
        let on_all = channels.len() == self.workers;
        match partitioning {
            _ if channels == [0] => self.to_one(stream),
            InputPartitioning::Single => self.to_one(stream),
            InputPartitioning::AsItComes if on_all => Partitioning::PassThrough,
            InputPartitioning::AsItComes => Partitioning::Function(Arc::new(InTurn::new(channels.to_vec()))),
            InputPartitioning::Keys(keys) if on_all => Partitioning::Hash(keys.clone()),
            InputPartitioning::Keys(keys) => {
                Partitioning::Function(Arc::new(ByKey { keys: keys.clone(), channels: channels.to_vec() }))
            },
            // Workers without a channel drop what they get.
            InputPartitioning::Broadcast => Partitioning::Broadcast,
        }
    }
}
