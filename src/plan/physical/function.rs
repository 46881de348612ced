//! The sink that calls a function of the user.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::SchemaRef;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::physical::to_logical;
use quokka_engine::sink::{Sink, SinkFactory};

/// What takes the batches of a worker.
pub(crate) type BatchFunction = dyn Fn(usize, DataFrame) -> Result<(), OperatorError> + Send + Sync;

/// Hands batches, with Polars' types, to a function.
pub(crate) struct CallFunction {
    function: Arc<BatchFunction>,
    schema: SchemaRef,
}

impl CallFunction {
    pub(crate) fn new(function: Arc<BatchFunction>, schema: SchemaRef) -> Self {
        Self { function, schema }
    }
}

impl SinkFactory for CallFunction {
    fn describe(&self) -> Description {
        Description::streams("call-function")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Sink>, OperatorError> {
        let (function, schema) = (self.function.clone(), self.schema.clone());
        Ok(Box::new(Calls { function, schema, worker: context.worker }))
    }
}

struct Calls {
    function: Arc<BatchFunction>,
    schema: SchemaRef,
    worker: usize,
}

impl Sink for Calls {
    fn on_batch(&mut self, batch: Batch) -> Result<(), OperatorError> {
        (self.function)(self.worker, to_logical(batch.into_frame(), &self.schema)?)
    }

    fn finish(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }
}
