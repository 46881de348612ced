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
    /// In the form of batches.
    frames: VecDeque<DataFrame>,
}

impl Delivery {
    /// For `operator`, which promised the columns of `schema`.
    pub(super) fn new(operator: impl Into<String>, schema: SchemaRef, batch_rows: usize) -> Self {
        Self { operator: operator.into(), schema, batch_rows: batch_rows.max(1), frames: VecDeque::new() }
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
        self.frames.push_back(to_physical(frame)?);
        Ok(())
    }

    /// The next batch.
    pub(super) fn pop(&mut self) -> Option<DataFrame> {
        let first = self.frames.pop_front()?;
        if first.height() <= self.batch_rows {
            return Some(first);
        }
        let batch = first.slice(0, self.batch_rows);
        self.frames.push_front(first.slice(self.batch_rows as i64, first.height() - self.batch_rows));
        Some(batch)
    }

    /// Whether everything was handed out.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(DataFrame::estimated_size).sum()
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
