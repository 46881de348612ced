//! Long output in bounded steps.

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Output, Progress};

/// A frame that leaves an operator in batches.
#[derive(Default)]
pub(crate) struct Pieces {
    frame: DataFrame,
    sent: usize,
}

impl Pieces {
    /// All rows of `frame` are still to be sent.
    pub fn new(frame: DataFrame) -> Self {
        Self { frame, sent: 0 }
    }

    /// Sends the next `rows` rows as `convert` makes them.
    pub fn send(
        &mut self,
        rows: usize,
        output: &mut Output,
        convert: impl FnOnce(&DataFrame) -> Result<DataFrame, OperatorError>,
    ) -> Result<Progress, OperatorError> {
        if self.sent < self.frame.height() {
            let piece = self.frame.slice(self.sent as i64, rows.max(1));
            self.sent += piece.height();
            output.push(convert(&piece)?);
        }
        if self.sent < self.frame.height() {
            return Ok(Progress::More);
        }
        *self = Self::default();
        Ok(Progress::Done)
    }
}
