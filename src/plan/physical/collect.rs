//! The sink of `collect`: batches stay in memory, in every process.

use std::sync::Arc;

use parking_lot::Mutex;
use polars_core::frame::DataFrame;
use polars_core::prelude::SchemaRef;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::physical::to_logical;
use quokka_engine::sink::{Sink, SinkFactory};

/// The rows that the workers of this process have collected. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Collected {
    /// Each with the worker that sent it; those of one worker in order.
    batches: Arc<Mutex<Vec<(usize, DataFrame)>>>,
}

impl Collected {
    /// One frame of all rows: by the worker that sent them, then as they were sent. So a stream whose workers hold
    /// successive ranges of an order comes out in that order.
    pub(crate) fn take(&self, schema: &SchemaRef) -> Result<DataFrame, OperatorError> {
        let mut batches = std::mem::take(&mut *self.batches.lock());
        batches.sort_by_key(|(origin, _)| *origin);
        let mut frames = batches.into_iter().map(|(_, frame)| frame);
        let Some(mut whole) = frames.next() else { return Ok(DataFrame::empty_with_schema(schema)) };
        for frame in frames {
            whole.vstack_mut_owned(frame)?;
        }
        Ok(whole)
    }
}

/// Collects batches of the columns of `schema` into [`Collected`], with Polars' types.
pub(super) struct CollectSink {
    collected: Collected,
    schema: SchemaRef,
}

impl CollectSink {
    pub(super) fn new(collected: Collected, schema: SchemaRef) -> Self {
        Self { collected, schema }
    }
}

impl SinkFactory for CollectSink {
    fn describe(&self) -> Description {
        Description::streams("collect")
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Sink>, OperatorError> {
        let (collected, schema) = (self.collected.clone(), self.schema.clone());
        Ok(Box::new(CollectChannel { batches: Vec::new(), collected, schema }))
    }
}

/// Keeps its batches to itself until the end, so that workers do not wait for each other.
struct CollectChannel {
    batches: Vec<(usize, DataFrame)>,
    collected: Collected,
    schema: SchemaRef,
}

impl Sink for CollectChannel {
    fn on_batch(&mut self, batch: Batch) -> Result<(), OperatorError> {
        let origin = batch.origin();
        self.batches.push((origin, to_logical(batch.into_frame(), &self.schema)?));
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        self.collected.batches.lock().append(&mut self.batches);
        Ok(())
    }
}
