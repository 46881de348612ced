//! The operator contract: what a stateful or stateless operator implements, free of timely types.
//!
//! One instance (a *channel*) of an operator runs on each worker. The glue in `dataflow` moves batches to it, catches its
//! panics, drains it in steps, counts what it does, and stops it when its query ends. Operators that need no exchange
//! between them are *fused*: they run back to back in one timely operator.

mod context;
mod describe;
mod output;
pub mod testing;

pub use context::WorkerContext;
pub use describe::{Behaviour, Description};
pub use output::Output;

use polars_core::frame::DataFrame;

use crate::batch::Batch;
use crate::error::OperatorError;

/// Whether an operator holds more output for what it was just given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// Everything was pushed; give the operator its next batch.
    Done,
    /// Call [`Operator::resume`] before anything else: a long output leaves in bounded steps.
    More,
}

/// State of an operator as named lists of batches, ready to be written to disk or to a store.
pub type State = Vec<(String, DataFrame)>;

/// One channel of an operator.
///
/// The glue calls, for each input `i` (the first input is 0): [`on_batch`](Operator::on_batch) for every batch, then
/// [`on_input_end`](Operator::on_input_end) exactly once, when progress tracking proves that no batch of that input can
/// come any more. Inputs end in any order. After any of them returned [`Progress::More`], [`resume`](Operator::resume) is
/// called until it returns [`Progress::Done`].
///
/// Each call does a bounded amount of work: on the order of 64 K rows in or out.
pub trait Operator {
    /// Takes one batch of `input`. Batches are never empty.
    fn on_batch(&mut self, input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError>;

    /// `input` is complete. An operator whose inputs have all ended and that is [`Progress::Done`] is finished.
    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<Progress, OperatorError> {
        Ok(Progress::Done)
    }

    /// Goes on with the output that the last call left behind.
    fn resume(&mut self, _output: &mut Output) -> Result<Progress, OperatorError> {
        Ok(Progress::Done)
    }

    /// Whether a batch of `input` can be taken now. A join answers `false` for its probe side until its build side is
    /// complete; list the [`Gate`](crate::gate::Gate) that will change the answer in the plan node. The end of an input is
    /// told only when it is ready, too.
    fn is_ready(&self, _input: usize) -> bool {
        true
    }

    /// Whether further input would change nothing (a limit that is reached). Sources that feed only such operators stop.
    fn is_satisfied(&self) -> bool {
        false
    }

    /// Whether it must be given all of its input even if the operators fused behind it want no more rows: because it checks
    /// its input, or because what its channels on other workers send depends on what this one has seen.
    fn needs_all_input(&self) -> bool {
        false
    }

    /// Everything that the operator holds, as batches. `None` for an operator without state. Only called between batches,
    /// when nothing is left to [`resume`](Operator::resume).
    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(None)
    }

    /// Takes up a state that [`snapshot`](Operator::snapshot) of the same operator returned, on a fresh instance.
    fn restore(&mut self, _state: State) -> Result<(), OperatorError> {
        Ok(())
    }

    /// Estimated bytes of state held.
    fn state_bytes(&self) -> usize {
        0
    }
}

/// Makes the channels of an operator. One factory serves all workers of a process for one run of a query, so what the
/// workers of a process share (a join's build side) lives in it.
pub trait OperatorFactory: Send + Sync {
    /// Name and properties for `explain`, metrics and errors.
    fn describe(&self) -> Description;

    /// The channel of the worker in `context`.
    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError>;
}

/// A stateless operator: a function from batch to batch. An empty result is not sent on.
///
/// ```
/// use quokka_engine::operator::{FnOperator, Operator, Output, Progress};
/// let mut double = FnOperator::new(|df: polars_core::frame::DataFrame| Ok(df.vstack(&df)?));
/// let df = polars_core::df!("a" => [1, 2]).unwrap();
/// let mut output = Output::default();
/// let progress = double.on_batch(0, quokka_engine::batch::Batch::new(df, 0), &mut output).unwrap();
/// assert_eq!(progress, Progress::Done);
/// assert_eq!(output.drain().next().unwrap().height(), 4);
/// ```
pub struct FnOperator<F>(F);

impl<F: FnMut(DataFrame) -> Result<DataFrame, OperatorError>> FnOperator<F> {
    /// An operator that applies `function` to every batch.
    pub fn new(function: F) -> Self {
        Self(function)
    }
}

impl<F: FnMut(DataFrame) -> Result<DataFrame, OperatorError>> Operator for FnOperator<F> {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        output.push((self.0)(batch.into_frame())?);
        Ok(Progress::Done)
    }
}
