//! Runs operators back to back on one worker, in bounded steps.
//!
//! The deepest operator with something to do always goes first, so that at most one call's output waits between two
//! operators, however long a chain is and however much one batch expands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use polars_core::frame::DataFrame;

use crate::batch::Batch;
use crate::error::OperatorError;
use crate::metrics::NodeMetrics;
use crate::operator::{Operator, Output, Progress};

/// A head operator (or none, behind a source) and the operators fused behind it.
pub(super) struct Chain {
    links: Vec<Link>,
    output: Output,
    worker: usize,
    /// Inputs of the first link that have not ended.
    open_inputs: usize,
    metrics: Arc<NodeMetrics>,
}

/// What [`Chain::advance`] found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Advance {
    Worked,
    /// An operator has more output but not yet: it waits for the same operator on another worker.
    Stalled,
    Idle,
}

struct Link {
    operator: Box<dyn Operator>,
    /// Which operator of the node it is, for its counters.
    level: usize,
    /// The most bytes of state that it has held so far.
    largest_state: usize,
    queue: VecDeque<Batch>,
    progress: Progress,
    /// The link before has sent its last batch; `on_input_end` is still to be called. Unused for the first link.
    end_due: bool,
    ended: bool,
}

impl Link {
    /// Calls the operator, and counts what it takes and gives.
    fn call(
        &mut self,
        metrics: &NodeMetrics,
        output: &mut Output,
        call: impl FnOnce(&mut dyn Operator, &mut Output) -> Result<Progress, OperatorError>,
    ) -> Result<(), OperatorError> {
        let metrics = metrics.operator(self.level);
        let start = Instant::now();
        self.progress = call(self.operator.as_mut(), output)?;
        metrics.worked(start.elapsed());
        output.batches().iter().for_each(|batch| metrics.gave(batch.height()));
        let state = self.operator.state_bytes();
        if state > self.largest_state {
            metrics.state_grew(state - self.largest_state);
            self.largest_state = state;
        }
        Ok(())
    }

    fn take(
        &mut self,
        metrics: &NodeMetrics,
        output: &mut Output,
        input: usize,
        batch: Batch,
    ) -> Result<(), OperatorError> {
        metrics.operator(self.level).took(batch.height());
        if self.operator.is_satisfied() {
            return Ok(());
        }
        self.call(metrics, output, |operator, output| operator.on_batch(input, batch, output))
    }
}

impl Chain {
    /// `operators`: the last ones that `metrics` count. `inputs`: how many inputs the first operator has.
    pub(super) fn new(
        operators: Vec<Box<dyn Operator>>,
        inputs: usize,
        worker: usize,
        metrics: Arc<NodeMetrics>,
    ) -> Self {
        let first = metrics.operators() - operators.len();
        let link = |(level, operator)| Link {
            operator,
            level,
            largest_state: 0,
            queue: VecDeque::new(),
            progress: Progress::Done,
            end_due: false,
            ended: false,
        };
        Self {
            links: (first..).zip(operators).map(link).collect(),
            output: Output::default(),
            worker,
            open_inputs: inputs,
            metrics,
        }
    }

    /// Whether the first operator would take a batch of `input`, and the others what comes of it. Only meaningful when
    /// [`advance`](Self::advance) has nothing to do.
    pub(super) fn is_ready(&self, input: usize) -> bool {
        self.links.iter().enumerate().all(|(level, link)| link.operator.is_ready(if level == 0 { input } else { 0 }))
    }

    /// Whether further input would change nothing: some operator wants no more, and none before it has to see all.
    pub(super) fn is_satisfied(&self) -> bool {
        let decides = |link: &&Link| link.operator.is_satisfied() || link.operator.needs_all_input();
        self.links.iter().find(decides).is_some_and(|link| link.operator.is_satisfied())
    }

    /// Whether everything has been pushed out after the last input ended.
    pub(super) fn is_finished(&self) -> bool {
        self.open_inputs == 0 && self.links.last().is_none_or(|link| link.ended && link.progress == Progress::Done)
    }

    /// Gives a batch to the first operator. Call only when [`advance`](Self::advance) has nothing to do.
    pub(super) fn give(
        &mut self,
        input: usize,
        batch: Batch,
        emit: &mut dyn FnMut(DataFrame) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let Some(link) = self.links.first_mut() else { return emit(batch.into_frame()) };
        link.take(&self.metrics, &mut self.output, input, batch)?;
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
        link.call(&self.metrics, &mut self.output, |operator, output| operator.on_input_end(input, output))?;
        link.ended = self.open_inputs == 0;
        self.forward(0, emit)
    }

    /// Does one bounded piece of work.
    pub(super) fn advance(
        &mut self,
        emit: &mut dyn FnMut(DataFrame) -> Result<(), OperatorError>,
    ) -> Result<Advance, OperatorError> {
        for level in (0..self.links.len()).rev() {
            let link = &mut self.links[level];
            let mut advance = Advance::Worked;
            if link.progress == Progress::More {
                link.call(&self.metrics, &mut self.output, |operator, output| operator.resume(output))?;
                if link.progress == Progress::More && self.output.is_empty() {
                    advance = Advance::Stalled;
                }
            } else if let Some(batch) = link.queue.pop_front() {
                link.take(&self.metrics, &mut self.output, 0, batch)?;
            } else if link.end_due {
                link.end_due = false;
                link.ended = true;
                link.call(&self.metrics, &mut self.output, |operator, output| operator.on_input_end(0, output))?;
            } else {
                continue;
            }
            self.forward(level, emit)?;
            return Ok(advance);
        }
        Ok(Advance::Idle)
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Wants {
        no_more: bool,
        all: bool,
    }

    impl Operator for Wants {
        fn on_batch(&mut self, _: usize, _: Batch, _: &mut Output) -> Result<Progress, OperatorError> {
            Ok(Progress::Done)
        }

        fn is_satisfied(&self) -> bool {
            self.no_more
        }

        fn needs_all_input(&self) -> bool {
            self.all
        }
    }

    #[test]
    fn input_ends_early_only_if_nobody_needs_all_of_it() {
        const ANY: (bool, bool) = (false, false);
        const NO_MORE: (bool, bool) = (true, false);
        const ALL: (bool, bool) = (false, true);
        for (links, expected) in [
            (&[ANY, ANY][..], false),
            (&[ANY, NO_MORE][..], true),
            (&[ALL, NO_MORE][..], false),
            (&[ANY, ALL, ANY, NO_MORE][..], false),
            (&[NO_MORE, ALL][..], true),
            (&[(true, true), ANY][..], true),
        ] {
            let make = |(no_more, all): &(bool, bool)| -> Box<dyn Operator> {
                Box::new(Wants { no_more: *no_more, all: *all })
            };
            let metrics = Arc::new(NodeMetrics::new(links.len()));
            let chain = Chain::new(links.iter().map(make).collect(), 1, 0, metrics);
            assert_eq!(chain.is_satisfied(), expected, "{links:?}");
        }
    }
}
