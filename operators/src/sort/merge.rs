//! Merges sorted runs.
//!
//! No heap and no tree: bounds taken from the runs cut the order into pieces of about a batch. The rows of all runs between
//! two bounds are put together and sorted, which costs little as they are a few sorted sequences, fit the cache, and are
//! gathered from consecutive memory.

use std::collections::VecDeque;

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Output, Progress};

use super::keys::sort_keys_by_words;
use super::order::SortOrder;
use super::run::{Bound, Run};
use crate::gather::gather;
use crate::ordered_batches::concatenate;
use crate::slices::Slices;

/// Blocks of a run of `batch_rows` rows.
const BLOCKS: usize = 16;

/// Sampled blocks between two bounds: pieces have three quarters of a batch, so that few become more than one.
const STEP: usize = 12;

/// Rows of a block of a run.
pub(super) fn block_rows(batch_rows: usize) -> usize {
    (batch_rows / BLOCKS).max(1)
}

/// Runs that are being merged. Rows that are equal leave in the order of the runs.
#[derive(Default)]
pub(super) struct Merge {
    runs: Vec<Run>,
    steps: VecDeque<Step>,
    leaving: Slices,
    total_rows: usize,
    total_bytes: usize,
}

/// What is read next.
enum Step {
    /// Rows before a key that more rows have than fit a batch.
    Before(Box<[u8]>),
    /// Rows with this key, after those before it: equal, so there is nothing to sort.
    Equal(Box<[u8]>),
    /// Rows up to a key.
    Through(Box<[u8]>),
    /// All rows that are left.
    End,
}

impl Merge {
    /// Merges `runs` into batches of about `batch_rows` rows.
    pub(super) fn new(runs: Vec<Run>, order: &SortOrder, batch_rows: usize) -> Result<Self, OperatorError> {
        let steps = steps(&runs, order, block_rows(batch_rows))?;
        let total_rows = runs.iter().map(Run::rows).sum();
        let total_bytes = runs.iter().map(Run::bytes).sum();
        Ok(Self { runs, steps, leaving: Slices::default(), total_rows, total_bytes })
    }

    /// Pushes the next batch.
    pub(super) fn push_next(
        &mut self,
        order: &SortOrder,
        batch_rows: usize,
        output: &mut Output,
    ) -> Result<Progress, OperatorError> {
        while self.leaving.is_empty() {
            let Some(step) = self.steps.pop_front() else { return Ok(Progress::Done) };
            if let Some(frame) = self.read(order, &step)? {
                self.leaving = Slices::new(frame);
            }
        }
        let progress = self.leaving.push_next(batch_rows, output);
        Ok(if self.steps.is_empty() { progress } else { Progress::More })
    }

    /// Estimated bytes held.
    pub(super) fn bytes(&self) -> usize {
        let rows: usize = self.runs.iter().map(Run::rows).sum();
        let share = rows as f64 / self.total_rows.max(1) as f64;
        (self.total_bytes as f64 * share) as usize + self.leaving.bytes()
    }

    /// The rows of a step, in order.
    fn read(&mut self, order: &SortOrder, step: &Step) -> Result<Option<DataFrame>, OperatorError> {
        let (bound, mut sorted) = match step {
            Step::Before(key) => (Bound::Before(key), false),
            Step::Equal(key) => (Bound::Through(key), true),
            Step::Through(key) => (Bound::Through(key), false),
            Step::End => (Bound::End, false),
        };
        let mut pieces = Vec::new();
        let mut readers = 0;
        for run in &mut self.runs {
            let before = pieces.len();
            run.read(order, bound, &mut pieces)?;
            readers += usize::from(pieces.len() > before);
        }
        sorted |= readers < 2;
        let (frames, keys): (Vec<_>, Vec<_>) = pieces.into_iter().map(|piece| (piece.frame, piece.keys)).unzip();
        match concatenate(frames.into_iter())? {
            Some(mut frame) if !sorted => {
                frame.rechunk_mut();
                let indices = match order.sorted_by_number(&frame)? {
                    Some(indices) => indices,
                    None => sort_keys_by_words(&keys.iter().flat_map(|keys| keys.values_iter()).collect::<Vec<_>>()),
                };
                Ok(Some(gather(&frame, &indices)?))
            },
            frame => Ok(frame),
        }
    }
}

/// Cuts the order at keys of the runs.
fn steps(runs: &[Run], order: &SortOrder, block_rows: usize) -> Result<VecDeque<Step>, OperatorError> {
    let mut steps = VecDeque::new();
    if runs.len() > 1 {
        // Each run is sampled at another place of its blocks: blocks of runs that are alike would all end at one key.
        let offset = |run: usize| run.wrapping_mul(0x9e37_79b1) % block_rows;
        let samples: Vec<_> =
            runs.iter().enumerate().map(|(i, run)| run.sample(order, offset(i))).collect::<Result<_, _>>()?;
        if let Some(sample) = concatenate(samples.into_iter().flatten())? {
            let keys = order.keys(&sample)?;
            let mut sorted: Vec<&[u8]> = keys.values_iter().collect();
            sorted.sort_unstable();
            let bounds: Vec<&[u8]> = sorted.into_iter().skip(STEP - 1).step_by(STEP).collect();
            for equal in bounds.chunk_by(|a, b| a == b) {
                match equal {
                    [bound] => steps.push_back(Step::Through((*bound).into())),
                    [bound, ..] => {
                        steps.push_back(Step::Before((*bound).into()));
                        steps.push_back(Step::Equal((*bound).into()));
                    },
                    [] => {},
                }
            }
        }
    }
    steps.push_back(Step::End);
    Ok(steps)
}
