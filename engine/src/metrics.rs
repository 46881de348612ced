//! Counters per plan node, written by the workers and read by anyone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a node has done so far in this process, summed over its workers.
#[derive(Debug, Default)]
pub struct NodeMetrics {
    rows_in: AtomicU64,
    batches_in: AtomicU64,
    rows_out: AtomicU64,
    batches_out: AtomicU64,
    bytes_out: AtomicU64,
    busy_nanos: AtomicU64,
    splits: AtomicU64,
    state_bytes: AtomicU64,
}

/// A reading of [`NodeMetrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Name of the node, as in [`Node::name`](crate::plan::Node::name).
    pub name: String,
    /// Rows taken from inputs (for a source: read from splits).
    pub rows_in: u64,
    /// Batches taken from inputs.
    pub batches_in: u64,
    /// Rows sent, after fused operators.
    pub rows_out: u64,
    /// Batches sent.
    pub batches_out: u64,
    /// Bytes sent, as held in memory.
    pub bytes_out: u64,
    /// Time that workers spent in the node, summed.
    pub busy: Duration,
    /// Splits read to their end.
    pub splits: u64,
    /// Largest state seen on one worker, in bytes.
    pub state_bytes: u64,
}

impl NodeMetrics {
    pub(crate) fn took(&self, rows: usize) {
        self.rows_in.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches_in.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, rows: usize, bytes: usize) {
        self.rows_out.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches_out.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn worked(&self, time: Duration) {
        self.busy_nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn finished_split(&self) {
        self.splits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn held(&self, bytes: usize) {
        self.state_bytes.fetch_max(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn report(&self, name: String) -> NodeReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NodeReport {
            name,
            rows_in: read(&self.rows_in),
            batches_in: read(&self.batches_in),
            rows_out: read(&self.rows_out),
            batches_out: read(&self.batches_out),
            bytes_out: read(&self.bytes_out),
            busy: Duration::from_nanos(read(&self.busy_nanos)),
            splits: read(&self.splits),
            state_bytes: read(&self.state_bytes),
        }
    }
}
