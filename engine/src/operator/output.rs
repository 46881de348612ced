//! Where an operator puts its batches.

use polars_core::frame::DataFrame;

/// Collects the batches of one call of an operator.
#[derive(Debug, Default)]
pub struct Output {
    batches: Vec<DataFrame>,
}

impl Output {
    /// Sends a batch on. Empty batches are dropped.
    pub fn push(&mut self, batch: DataFrame) {
        if batch.height() > 0 {
            self.batches.push(batch);
        }
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// What was pushed, in order.
    pub(crate) fn batches(&self) -> &[DataFrame] {
        &self.batches
    }

    /// Takes out what was pushed, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = DataFrame> + '_ {
        self.batches.drain(..)
    }
}
