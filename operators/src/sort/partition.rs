//! The data of a sort on its way to the ranges.

use std::collections::VecDeque;

use polars_core::frame::DataFrame;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};
use quokka_engine::partitioning::RangePartitioning;

use crate::ordered_batches::concatenate;
use crate::state::{foreign, number, read_number};

/// Holds the rows of input 0 until the splitters came on input 1, makes them known to the range exchange behind it, and
/// sends the rows on. The third step of a [distributed sort](super).
///
/// Blocks until the splitters are there and streams then; holds what came before, and lets go of it batch by batch.
#[derive(Clone, Debug)]
pub struct SortPartition {
    range: RangePartitioning,
}

impl SortPartition {
    /// Sets the splitters of `range`, which is also the partitioning of the output.
    pub fn new(range: RangePartitioning) -> Self {
        Self { range }
    }
}

impl OperatorFactory for SortPartition {
    fn describe(&self) -> Description {
        Description::blocks("sort-partition")
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(PartitionChannel {
            range: self.range.clone(),
            splitters: Vec::new(),
            held: VecDeque::new(),
            bytes: 0,
            ready: false,
        }))
    }
}

struct PartitionChannel {
    range: RangePartitioning,
    splitters: Vec<DataFrame>,
    held: VecDeque<DataFrame>,
    bytes: usize,
    /// Whether all splitters came.
    ready: bool,
}

impl PartitionChannel {
    fn hold(&mut self, frame: DataFrame) {
        self.bytes += frame.estimated_size();
        self.held.push_back(frame);
    }

    /// Tells the exchange; without splitters, because no row was sampled, there is one range.
    fn publish(&mut self) -> Result<(), OperatorError> {
        let splitters = concatenate(self.splitters.iter().cloned())?.unwrap_or_default();
        // The workers of a process share the cell, and all of them got the same splitters.
        let _ = self.range.splitters.set(splitters);
        self.ready = true;
        Ok(())
    }
}

impl Operator for PartitionChannel {
    fn on_batch(&mut self, input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        match input {
            0 if self.ready => output.push(batch.into_frame()),
            0 => self.hold(batch.into_frame()),
            _ => self.splitters.push(batch.into_frame()),
        }
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if input == 0 {
            return Ok(Progress::Done);
        }
        self.publish()?;
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if let Some(frame) = self.held.pop_front() {
            self.bytes = self.bytes.saturating_sub(frame.estimated_size());
            output.push(frame);
        }
        Ok(if self.held.is_empty() { Progress::Done } else { Progress::More })
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let named = |name: &str, frame: &DataFrame| (name.to_owned(), frame.clone());
        let mut state: State = self.splitters.iter().map(|frame| named("splitters", frame)).collect();
        if self.ready {
            state.push(number("ready", 1)?);
        }
        state.extend(self.held.iter().map(|frame| named("held", frame)));
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        let mut ready = false;
        for (name, frame) in state {
            match name.as_str() {
                "splitters" => self.splitters.push(frame),
                "held" => self.hold(frame),
                "ready" => ready = read_number(&frame)? > 0,
                other => return Err(foreign(other)),
            }
        }
        if ready { self.publish() } else { Ok(()) }
    }

    fn state_bytes(&self) -> usize {
        self.bytes
    }
}
