//! Vertical concatenation.

use std::sync::Arc;

use quokka_engine::error::OperatorError;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::Input;
use quokka_operators::union::Union;

use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::logical::LogicalPlan;

impl Lowering {
    pub(super) fn union(&mut self, inputs: &[LogicalPlan]) -> Lowered {
        let streams = inputs
            .iter()
            .map(|input| self.lower(input, Order::Ignored))
            .collect::<Result<Vec<Stream>, OperatorError>>()?;
        let Some(schema) = streams.first().map(|stream| stream.schema.clone()) else {
            return Err(OperatorError::message(quokka_engine::error::ErrorKind::Internal, "a union without inputs"));
        };
        let edges =
            streams.iter().map(|stream| Input { from: stream.node, partitioning: Partitioning::PassThrough }).collect();
        let node = self.operator(Arc::new(Union::new(streams.len())), edges, schema.clone());
        let sources = streams.into_iter().flat_map(|stream| stream.sources).collect();
        Ok(Stream { node, schema, placement: Placement::Spread, sources })
    }
}
