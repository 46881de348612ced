//! Batches that are kept for long.

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;

use crate::detach::detach;

/// Collects the batches of a worker, in their order. Small ones are put together, so that readers do not pay for each, and
/// none keeps data alive that it does not use.
pub(crate) struct KeptBatches {
    batch_rows: usize,
    kept: Vec<DataFrame>,
    /// Batches that are too small to be kept on their own; they follow those in `kept`.
    pieces: Vec<DataFrame>,
    rows: usize,
    bytes: usize,
}

impl KeptBatches {
    /// Nothing yet. `batch_rows`: rows that a batch has at most, by which small ones are told.
    pub(crate) fn new(batch_rows: usize) -> Self {
        Self { batch_rows, kept: Vec::new(), pieces: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Adds a batch; returns it as it is kept.
    pub(crate) fn keep(&mut self, batch: DataFrame) -> Result<DataFrame, OperatorError> {
        let batch = detach(batch)?;
        self.rows += batch.height();
        self.bytes += batch.estimated_size();
        self.pieces.push(batch.clone());
        let rows: usize = self.pieces.iter().map(DataFrame::height).sum();
        if rows >= (self.batch_rows / 4).max(1) {
            self.join_pieces()?;
        }
        Ok(batch)
    }

    /// Rows held.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Estimated bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All batches.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &DataFrame> {
        self.kept.iter().chain(&self.pieces)
    }

    /// Takes out all batches.
    pub(crate) fn finish(&mut self) -> Result<Vec<DataFrame>, OperatorError> {
        self.join_pieces()?;
        Ok(std::mem::take(&mut self.kept))
    }

    fn join_pieces(&mut self) -> Result<(), OperatorError> {
        let mut pieces = std::mem::take(&mut self.pieces).into_iter();
        let Some(mut whole) = pieces.next() else { return Ok(()) };
        if pieces.len() > 0 {
            for piece in pieces {
                whole.vstack_mut_owned(piece)?;
            }
            whole.rechunk_mut();
        }
        self.kept.push(whole);
        Ok(())
    }
}
