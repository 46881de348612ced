//! Rows of a frame, by index.

use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;
use quokka_engine::error::OperatorError;

/// The rows of `frame` at `indices`, on this thread.
pub(crate) fn gather(frame: &DataFrame, indices: &[IdxSize]) -> Result<DataFrame, OperatorError> {
    let columns = frame.columns().iter().map(|column| column.take_slice(indices)).collect::<Result<_, _>>()?;
    Ok(DataFrame::new(indices.len(), columns)?)
}
