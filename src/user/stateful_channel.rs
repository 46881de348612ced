//! Operators of the user as operators of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars_core::prelude::{PlSmallStr, SchemaRef};
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::gate::Gate;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};
use quokka_engine::physical::to_logical;
use quokka_engine::plan::Channels;

use super::delivery::Delivery;
use super::stateful::{InputPartitioning, StatefulChannel, StatefulOperator};

/// An operator in a plan.
pub(crate) struct UserOperator {
    operator: Arc<dyn StatefulOperator>,
    partitionings: Vec<InputPartitioning>,
}

impl UserOperator {
    /// `operator` with so many inputs.
    pub(crate) fn new(operator: Arc<dyn StatefulOperator>, inputs: usize) -> Self {
        let partitionings = (0..inputs).map(|input| operator.partitioning(input)).collect();
        Self { operator, partitionings }
    }

    pub(crate) fn operator(&self) -> &dyn StatefulOperator {
        self.operator.as_ref()
    }

    pub(crate) fn partitionings(&self) -> &[InputPartitioning] {
        &self.partitionings
    }

    /// Whether it has one channel, which gets all rows.
    pub(crate) fn is_single(&self) -> bool {
        self.partitionings.iter().all(|partitioning| *partitioning == InputPartitioning::Single)
    }

    /// With the distribution of its inputs.
    pub(crate) fn describe(&self) -> Description {
        let partitioning = |partitioning: &InputPartitioning| match partitioning {
            InputPartitioning::Keys(keys) => {
                format!("by {}", keys.iter().map(PlSmallStr::as_str).collect::<Vec<_>>().join(", "))
            },
            InputPartitioning::Broadcast => "broadcast".into(),
            InputPartitioning::Single => "on one worker".into(),
            InputPartitioning::AsItComes => "as it comes".into(),
        };
        let inputs: Vec<String> = self.partitionings.iter().map(partitioning).collect();
        self.operator.describe().with("inputs", inputs.join("; "))
    }
}

/// Makes the channels of an operator for one run.
pub(crate) struct UserOperatorFactory {
    operator: Arc<UserOperator>,
    inputs: Vec<SchemaRef>,
    schema: SchemaRef,
    channels: Channels,
    first: Option<FirstInput>,
}

/// The input that others wait for.
#[derive(Clone)]
struct FirstInput {
    index: usize,
    /// Holds the others back.
    gate: Arc<Gate>,
    /// Workers of this process that have seen it end.
    ended: Arc<AtomicUsize>,
}

impl FirstInput {
    /// An input has ended on one of so many workers of this process.
    fn input_ended(&self, input: usize, workers: usize) {
        if input == self.index && self.ended.fetch_add(1, Ordering::AcqRel) + 1 == workers {
            self.gate.open();
        }
    }
}

impl UserOperatorFactory {
    /// Inputs have the columns of `inputs`, the output those of `schema`, with Polars' types.
    pub(crate) fn new(
        operator: Arc<UserOperator>,
        inputs: Vec<SchemaRef>,
        schema: SchemaRef,
        channels: Channels,
    ) -> Self {
        let gated = |index| FirstInput { index, gate: Arc::default(), ended: Arc::default() };
        let first = operator.operator().first_input().map(gated);
        Self { operator, inputs, schema, first, channels }
    }

    /// The gate that holds all inputs back but the one with the index.
    pub(crate) fn gate(&self) -> Option<(usize, &Arc<Gate>)> {
        self.first.as_ref().map(|first| (first.index, &first.gate))
    }
}

impl OperatorFactory for UserOperatorFactory {
    fn describe(&self) -> Description {
        self.operator.describe()
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let (first, workers) = (self.first.clone(), context.workers / context.processes);
        if !self.channels.contains(context.worker) {
            return Ok(Box::new(NoChannel { first, workers }));
        }
        let operator = self.operator.operator();
        let name = operator.describe().name;
        Ok(Box::new(UserChannel {
            channel: operator.create(context).map_err(OperatorError::from_user)?,
            inputs: self.inputs.clone(),
            first,
            workers,
            given: Output::default(),
            made: Delivery::new(name, self.schema.clone(), context.batch_rows),
            has_more: false,
        }))
    }
}

/// A worker on which an operator has no channel: no row is meant for it.
struct NoChannel {
    first: Option<FirstInput>,
    workers: usize,
}

impl Operator for NoChannel {
    fn on_batch(&mut self, _input: usize, _batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, input: usize, _output: &mut Output) -> Result<Progress, OperatorError> {
        if let Some(first) = &self.first {
            first.input_ended(input, self.workers);
        }
        Ok(Progress::Done)
    }
}

struct UserChannel {
    channel: Box<dyn StatefulChannel>,
    inputs: Vec<SchemaRef>,
    first: Option<FirstInput>,
    /// Workers of this process.
    workers: usize,
    /// Where the channel puts its frames.
    given: Output,
    made: Delivery,
    /// The channel is to be resumed.
    has_more: bool,
}

impl UserChannel {
    fn take_given(&mut self) -> Result<(), OperatorError> {
        self.given.drain().try_for_each(|frame| self.made.push(frame))
    }
}

impl Operator for UserChannel {
    fn on_batch(&mut self, input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        let frame = to_logical(batch.into_frame(), &self.inputs[input])?;
        self.channel.on_batch(input, frame, &mut self.given).map_err(OperatorError::from_user)?;
        self.has_more = true;
        self.take_given()?;
        self.resume(output)
    }

    fn on_input_end(&mut self, input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        self.channel.on_input_end(input, &mut self.given).map_err(OperatorError::from_user)?;
        if let Some(first) = &self.first {
            first.input_ended(input, self.workers);
        }
        self.has_more = true;
        self.take_given()?;
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if self.has_more && self.made.is_empty() {
            let progress = self.channel.resume(&mut self.given).map_err(OperatorError::from_user)?;
            self.has_more = progress == Progress::More;
            self.take_given()?;
        }
        if let Some(batch) = self.made.pop() {
            output.push(batch);
        }
        Ok(if self.has_more || !self.made.is_empty() { Progress::More } else { Progress::Done })
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        self.channel.snapshot().map_err(OperatorError::from_user)
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        self.channel.restore(state).map_err(OperatorError::from_user)
    }

    fn state_bytes(&self) -> usize {
        self.channel.state_bytes() + self.made.bytes()
    }
}
