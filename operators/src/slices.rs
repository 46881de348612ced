//! A finished frame that leaves an operator batch by batch.

use polars_core::frame::DataFrame;
use quokka_engine::operator::{Output, Progress};

/// What is left of a frame to send.
#[derive(Default)]
pub(crate) struct Slices {
    frame: DataFrame,
    offset: usize,
}

impl Slices {
    /// All rows of `frame` are to be sent.
    pub(crate) fn new(frame: DataFrame) -> Self {
        Self { frame, offset: 0 }
    }

    /// Whether everything was sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.offset >= self.frame.height()
    }

    /// Pushes the next `rows` rows.
    pub(crate) fn push_next(&mut self, rows: usize, output: &mut Output) -> Progress {
        let rows = rows.max(1);
        let mut batch = self.frame.slice(self.offset as i64, rows);
        batch.rechunk_mut();
        output.push(batch);
        self.offset += rows;
        if !self.is_empty() {
            return Progress::More;
        }
        *self = Self::default();
        Progress::Done
    }

    /// Estimated bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.frame.estimated_size()
    }
}
