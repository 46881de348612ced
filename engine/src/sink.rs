//! The sink contract: where batches go.

use crate::batch::Batch;
use crate::error::OperatorError;
use crate::operator::{Description, WorkerContext};

/// One channel of a sink.
pub trait Sink {
    /// Takes one batch, whose columns lie as [`physical`](crate::physical) says. Batches of one [`Batch::origin`] come in order.
    fn on_batch(&mut self, batch: Batch) -> Result<(), OperatorError>;

    /// No batch comes any more. The query succeeds when every channel of its sink has finished.
    fn finish(&mut self) -> Result<(), OperatorError>;
}

/// Makes the channels of a sink. One factory serves all workers of a process for one run of a query.
pub trait SinkFactory: Send + Sync {
    /// Name and parameters.
    fn describe(&self) -> Description;

    /// The channel of the worker in `context`.
    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Sink>, OperatorError>;
}
