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
        output.push(self.next(rows));
        if self.is_empty() { Progress::Done } else { Progress::More }
    }

    /// Takes out the next `rows` rows.
    pub(crate) fn next(&mut self, rows: usize) -> DataFrame {
        let rows = rows.max(1);
        let mut batch = self.frame.slice(self.offset as i64, rows);
        batch.rechunk_mut();
        self.offset += rows;
        if self.is_empty() {
            *self = Self::default();
        }
        batch
    }

    /// Estimated bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.frame.estimated_size()
    }
}
