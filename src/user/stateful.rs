//! What an operator of the user implements.

use polars_core::frame::DataFrame;
use polars_core::prelude::{PlSmallStr, SchemaRef};
use quokka_engine::operator::{Description, Output, Progress, State, WorkerContext};

use super::UserError;

/// How the rows of an input are distributed over the channels of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputPartitioning {
    /// Rows with equal values in these columns meet on one channel, whichever input they come from; nulls are equal to
    /// each other. Columns of several inputs are compared in the order in which they are named.
    Keys(Vec<PlSmallStr>),
    /// Every channel gets every row.
    Broadcast,
    /// One channel gets all rows, in their order if they have one. An operator all of whose inputs are so has only this
    /// channel.
    Single,
    /// A row stays on the worker on which it is. If [fewer workers](crate::DataStream::channels) have a channel, these get
    /// batches in turn.
    AsItComes,
}

impl InputPartitioning {
    /// [`Keys`](Self::Keys) from names.
    ///
    /// ```
    /// use quokka::prelude::*;
    /// assert_eq!(InputPartitioning::keys(["a"]), InputPartitioning::Keys(vec!["a".into()]));
    /// ```
    pub fn keys<S: Into<PlSmallStr>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Keys(names.into_iter().map(Into::into).collect())
    }
}

/// An operator with state and one or more inputs, for [`DataStream::stateful`](crate::DataStream::stateful) and
/// [`DataStream::stateful_with`](crate::DataStream::stateful_with), where there are examples.
///
/// It says what it is; [`create`](Self::create) makes its channels, one on each worker unless
/// [`channels`](crate::DataStream::channels) says otherwise, which hold the state. Rows of one
/// worker arrive in the order in which they were sent, those of different workers or inputs in any: what an operator
/// makes must not depend on that, nor on how rows are cut into batches.
pub trait StatefulOperator: Send + Sync + 'static {
    /// Name and parameters, for plans, profiles and errors; whether it streams or blocks.
    fn describe(&self) -> Description;

    /// How rows of the input with this index are distributed. Asked once for each input.
    fn partitioning(&self, input: usize) -> InputPartitioning;

    /// The input that is to be complete before rows of others are read, as the build side of a join is. Sources of the others
    /// wait for it; a few rows of them may still come early, from other processes. No input by default: then rows of all
    /// come in any order.
    fn first_input(&self) -> Option<usize> {
        None
    }

    /// The columns that it makes of inputs with these columns.
    ///
    /// # Errors
    /// Inputs that do not fit, or another number of them than it has; found before anything runs.
    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError>;

    /// A channel, for the worker in `context`.
    ///
    /// # Errors
    /// Whatever prevents it from starting; the query fails with it.
    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError>;
}

/// One parallel instance of a [`StatefulOperator`], which holds the state for its share of the rows.
///
/// It lives on one worker, so it need not be `Send`. Batches are never empty. Frames that are pushed must have the columns
/// of the output schema; they may have any size, but what makes many rows should push them in pieces by
/// [`resume`](Self::resume), so that they do not all wait in memory.
pub trait StatefulChannel {
    /// Takes a batch of the input with this index.
    ///
    /// # Errors
    /// Whatever is wrong with it; the query fails with it.
    fn on_batch(&mut self, input: usize, batch: DataFrame, output: &mut Output) -> Result<(), UserError>;

    /// The input is complete: no batch of it will come. Called once for each input, in any order.
    ///
    /// # Errors
    /// As [`on_batch`](Self::on_batch).
    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<(), UserError> {
        Ok(())
    }

    /// Pushes more output; called after every other call, until it returns [`Progress::Done`].
    ///
    /// # Errors
    /// As [`on_batch`](Self::on_batch).
    fn resume(&mut self, _output: &mut Output) -> Result<Progress, UserError> {
        Ok(Progress::Done)
    }

    /// All of its state as named frames; `None` if it cannot be written out.
    ///
    /// # Errors
    /// State that does not fit in frames.
    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        Ok(None)
    }

    /// Takes up a state that [`snapshot`](Self::snapshot) returned, on a new channel.
    ///
    /// # Errors
    /// A state that is not one of this operator.
    fn restore(&mut self, _state: State) -> Result<(), UserError> {
        Ok(())
    }

    /// About how many bytes of state it holds, for profiles.
    fn state_bytes(&self) -> usize {
        0
    }
}
