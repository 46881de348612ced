//! Rows that cut a sort order into ranges of equal size.

use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::keys::sort_keys_by_words;
use super::order::SortOrder;
use super::sample::weight_column;
use crate::gather::gather;
use crate::ordered_batches::{OrderedBatches, concatenate};

/// Takes the samples of all workers, on one worker, and sends rows that cut the sort order into ranges of about equal size. The second step of a [distributed sort](super).
///
/// Blocks; holds the samples. Rows that are equal share a range: if they are more than a fair share, the other ranges
/// divide the rest.
#[derive(Clone, Debug)]
pub struct SortSplitters {
    order: SortOrder,
    ranges: usize,
}

impl SortSplitters {
    /// Cuts `order` into at most so many ranges.
    pub fn new(order: SortOrder, ranges: usize) -> Self {
        Self { order, ranges }
    }
}

impl OperatorFactory for SortSplitters {
    fn describe(&self) -> Description {
        Description::blocks("sort-splitters").with("by", &self.order).with("ranges", self.ranges)
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(SplittersChannel {
            order: self.order.clone(),
            ranges: self.ranges,
            samples: OrderedBatches::default(),
        }))
    }
}

struct SplittersChannel {
    order: SortOrder,
    ranges: usize,
    samples: OrderedBatches,
}

impl Operator for SplittersChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.samples.push(batch);
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if let Some(samples) = concatenate(self.samples.take())? {
            output.push(splitters(&samples, &self.order, self.ranges)?);
        }
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.samples.snapshot()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(name, frame)| self.samples.restore(&name, frame))
    }

    fn state_bytes(&self) -> usize {
        self.samples.bytes()
    }
}

/// The last row of each range but the last, for rows of `samples` with their weights.
fn splitters(samples: &DataFrame, order: &SortOrder, ranges: usize) -> Result<DataFrame, OperatorError> {
    let keys = order.keys(samples)?;
    let keys: Vec<&[u8]> = keys.values_iter().collect();
    let key = |row: IdxSize| keys.get(row as usize).copied().unwrap_or_default();
    let weights = samples.column(&weight_column(order))?.f64()?;
    let weight = |row: IdxSize| weights.get(row as usize).unwrap_or_default();

    let mut ranges = ranges;
    let mut rest: f64 = weights.iter().flatten().sum();
    let mut cuts: Vec<IdxSize> = Vec::new();
    let mut last = None;
    let mut filled = 0.0;
    for equal in sort_keys_by_words(&keys).chunk_by(|a, b| key(*a) == key(*b)) {
        let more: f64 = equal.iter().map(|row| weight(*row)).sum();
        // The range ends where its size is nearest to a fair share of what is left.
        if let Some(last) = last
            && ranges > 1
            && filled + more / 2.0 > rest / ranges as f64
        {
            cuts.push(last);
            ranges -= 1;
            rest -= filled;
            filled = 0.0;
        }
        filled += more;
        last = equal.last().copied();
    }
    gather(&order.columns_of(samples)?, &cuts)
}
