//! Drives one channel of an operator without a dataflow, for unit tests of operators.

use polars_core::frame::DataFrame;

use super::{Operator, OperatorFactory, Output, Progress, WorkerContext};
use crate::batch::Batch;
use crate::error::OperatorError;

/// A single worker with batches of `batch_rows` rows.
pub fn single_worker(batch_rows: usize) -> WorkerContext {
    WorkerContext { worker: 0, workers: 1, process: 0, processes: 1, batch_rows }
}

/// Cuts a frame into batches of at most `rows` rows.
pub fn batches(frame: &DataFrame, rows: usize) -> Vec<DataFrame> {
    (0..frame.height()).step_by(rows.max(1)).map(|start| frame.slice(start as i64, rows.max(1))).collect()
}

/// How [`drive`] treats the state of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// The same instance from start to end.
    Never,
    /// After every batch the state is moved into a fresh instance.
    EveryBatch,
}

/// Gives a channel all batches of input 0, ends it, then input 1, and so on; returns everything it pushed.
pub fn drive(
    factory: &dyn OperatorFactory,
    context: &WorkerContext,
    inputs: Vec<Vec<DataFrame>>,
    restore: Restore,
) -> Result<Vec<DataFrame>, OperatorError> {
    let mut operator = factory.create(context)?;
    let mut output = Output::default();
    let mut pushed = Vec::new();
    for (input, batches) in inputs.into_iter().enumerate() {
        for batch in batches {
            if batch.height() == 0 || operator.is_satisfied() {
                continue;
            }
            let progress = operator.on_batch(input, Batch::new(batch, context.worker), &mut output)?;
            drain(operator.as_mut(), progress, &mut output, &mut pushed)?;
            if restore == Restore::EveryBatch
                && let Some(state) = operator.snapshot()?
            {
                operator = factory.create(context)?;
                operator.restore(state)?;
            }
        }
        let progress = operator.on_input_end(input, &mut output)?;
        drain(operator.as_mut(), progress, &mut output, &mut pushed)?;
    }
    Ok(pushed)
}

fn drain(
    operator: &mut dyn Operator,
    mut progress: Progress,
    output: &mut Output,
    pushed: &mut Vec<DataFrame>,
) -> Result<(), OperatorError> {
    loop {
        pushed.extend(output.drain());
        if progress == Progress::Done {
            return Ok(());
        }
        progress = operator.resume(output)?;
    }
}
