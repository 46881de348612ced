//! Runs operators back to back on one worker, in bounded steps.
//!
//! The deepest operator with something to do always goes first, so that at most one call's output waits between two
//! operators, however long a chain is and however much one batch expands.

use std::collections::VecDeque;

use polars_core::frame::DataFrame;

use crate::batch::Batch;
use crate::error::OperatorError;
use crate::operator::{Operator, Output, Progress};

/// A head operator (or none, behind a source) and the operators fused behind it.
pub(super) struct Chain {
    links: Vec<Link>,
    output: Output,
    worker: usize,
    /// Inputs of the first link that have not ended.
    open_inputs: usize,
}

struct Link {
    operator: Box<dyn Operator>,
    queue: VecDeque<Batch>,
    progress: Progress,
    /// The link before has sent its last batch; `on_input_end` is still to be called. Unused for the first link.
    end_due: bool,
    ended: bool,
}

impl Chain {
    /// `inputs`: how many inputs the first operator has.
    pub(super) fn new(operators: Vec<Box<dyn Operator>>, inputs: usize, worker: usize) -> Self {
        let link = |operator| Link {
            operator,
            queue: VecDeque::new(),
            progress: Progress::Done,
            end_due: false,
            ended: false,
        };
        Self {
            links: operators.into_iter().map(link).collect(),
            output: Output::default(),
            worker,
            open_inputs: inputs,
        }
    }

    /// Whether the first operator would take a batch of `input`, and the others what comes of it. Only meaningful when
    /// [`advance`](Self::advance) has nothing to do.
    pub(super) fn is_ready(&self, input: usize) -> bool {
        self.links.iter().enumerate().all(|(level, link)| link.operator.is_ready(if level == 0 { input } else { 0 }))
    }

    /// Whether further input would change nothing.
    pub(super) fn is_satisfied(&self) -> bool {
        self.links.iter().any(|link| link.operator.is_satisfied())
    }

    /// Whether everything has been pushed out after the last input ended.
    pub(super) fn is_finished(&self) -> bool {
        self.open_inputs == 0 && self.links.last().is_none_or(|link| link.ended && link.progress == Progress::Done)
    }

    /// Bytes of state held by all operators.
    pub(super) fn state_bytes(&self) -> usize {
        self.links.iter().map(|link| link.operator.state_bytes()).sum()
    }

    /// Gives a batch to the first operator. Call only when [`advance`](Self::advance) has nothing to do.
    pub(super) fn give(
        &mut self,
        input: usize,
        batch: Batch,
        emit: &mut dyn FnMut(DataFrame) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let Some(link) = self.links.first_mut() else { return emit(batch.into_frame()) };
        if !link.operator.is_satisfied() {
            link.progress = link.operator.on_batch(input, batch, &mut self.output)?;
        }
        self.forward(0, emit)
    }

    /// Tells the first operator that `input` has ended. Call once an input, when [`advance`](Self::advance) has nothing
    /// to do.
    pub(super) fn end(
        &mut self,
        input: usize,
        emit: &mut dyn FnMut(DataFrame) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        self.open_inputs -= 1;
        let Some(link) = self.links.first_mut() else { return Ok(()) };
        link.progress = link.operator.on_input_end(input, &mut self.output)?;
        link.ended = self.open_inputs == 0;
        self.forward(0, emit)
    }

    /// Does one bounded piece of work; `false` when there is none.
    pub(super) fn advance(
        &mut self,
        emit: &mut dyn FnMut(DataFrame) -> Result<(), OperatorError>,
    ) -> Result<bool, OperatorError> {
        for level in (0..self.links.len()).rev() {
            let link = &mut self.links[level];
            if link.progress == Progress::More {
                link.progress = link.operator.resume(&mut self.output)?;
            } else if let Some(batch) = link.queue.pop_front() {
                if !link.operator.is_satisfied() {
                    link.progress = link.operator.on_batch(0, batch, &mut self.output)?;
                }
            } else if link.end_due {
                link.end_due = false;
                link.ended = true;
                link.progress = link.operator.on_input_end(0, &mut self.output)?;
            } else {
                continue;
            }
            self.forward(level, emit)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn forward(
        &mut self,
        level: usize,
        emit: &mut dyn FnMut(DataFrame) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let done = self.links[level].ended && self.links[level].progress == Progress::Done;
        match self.links.get_mut(level + 1) {
            None => self.output.drain().try_for_each(emit),
            Some(next) => {
                let worker = self.worker;
                next.queue.extend(self.output.drain().map(|frame| Batch::new(frame, worker)));
                next.end_due = done && !next.ended;
                Ok(())
            },
        }
    }
}
