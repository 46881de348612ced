//! Rows for channels that may take any.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::partitioning::PartitionFunction;

/// Batches go to the channels in turn.
#[derive(Default)]
pub(crate) struct InTurn {
    next: AtomicU64,
}

impl fmt::Debug for InTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What differs from process to process is left out: plans are compared.
        f.write_str("in turn")
    }
}

impl PartitionFunction for InTurn {
    fn partition(&self, batch: &DataFrame, _channels: usize) -> Result<Vec<u64>, OperatorError> {
        Ok(vec![self.next.fetch_add(1, Ordering::Relaxed); batch.height()])
    }
}
