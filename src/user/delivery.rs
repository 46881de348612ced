//! What code of users delivered, on its way into a query.

use std::collections::VecDeque;

use polars_core::frame::DataFrame;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::physical::to_physical;

use crate::plan::difference;

/// A frame with other columns than its operator or reader promised.
#[derive(Debug, thiserror::Error)]
#[error("`{operator}` delivers rows that do not have the columns of its schema: {difference}")]
struct UnexpectedColumns {
    operator: String,
    difference: String,
}

/// Checks frames against the columns that were promised, and hands them out as batches.
pub(super) struct Delivery {
    operator: String,
    schema: SchemaRef,
    batch_rows: usize,
    /// In the form of batches. Small ones are put together.
    frames: VecDeque<DataFrame>,
    bytes: usize,
}

impl Delivery {
    /// For `operator`, which promised the columns of `schema`.
    pub(super) fn new(operator: impl Into<String>, schema: SchemaRef, batch_rows: usize) -> Self {
        Self { operator: operator.into(), schema, batch_rows: batch_rows.max(1), frames: VecDeque::new(), bytes: 0 }
    }

    /// Takes what the operator delivered, with Polars' types. A frame without rows needs no columns.
    pub(super) fn push(&mut self, frame: DataFrame) -> Result<(), OperatorError> {
        if frame.height() == 0 {
            return Ok(());
        }
        if let Some(difference) = unexpected(&self.schema, frame.schema()) {
            let error = UnexpectedColumns { operator: self.operator.clone(), difference };
            return Err(OperatorError::new(ErrorKind::SchemaMismatch, error));
        }
        let frame = to_physical(frame)?;
        self.bytes += frame.estimated_size();
        match self.frames.back_mut() {
            Some(last) if last.height() + frame.height() <= self.batch_rows => {
                last.vstack_mut_owned(frame)?;
            },
            _ => self.frames.push_back(frame),
        }
        Ok(())
    }

    /// The next batch.
    pub(super) fn pop(&mut self) -> Option<DataFrame> {
        let mut batch = self.frames.pop_front()?;
        if batch.height() > self.batch_rows {
            self.frames.push_front(batch.slice(self.batch_rows as i64, batch.height() - self.batch_rows));
            batch = batch.slice(0, self.batch_rows);
        }
        if self.frames.is_empty() {
            self.bytes = 0;
        }
        batch.rechunk_mut();
        Some(batch)
    }

    /// Whether everything was handed out.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that were delivered since nothing waited.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The first column of `found` that is not as promised.
fn unexpected(promised: &Schema, found: &Schema) -> Option<String> {
    let missing = promised.iter().find(|(name, _)| !found.contains(name));
    let missing = missing.map(|(name, dtype)| format!("column `{name}` ({dtype}) is missing"));
    let other = || {
        let other = found.iter_names().find(|name| !promised.contains(name));
        other.map(|name| format!("column `{name}` is not among them"))
    };
    missing.or_else(other).or_else(|| difference(promised, found))
}
