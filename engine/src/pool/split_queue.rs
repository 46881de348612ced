//! Splits of a source that the workers of a process take one after another.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::operator::WorkerContext;
use crate::plan::Channels;
use crate::source::Split;

/// The splits of this process: `i` with `i % processes == process`, or all of them on process 0 for a source with one
/// channel. Shared by its workers, so that a fast worker reads more.
#[derive(Debug, Default)]
pub(crate) struct SplitQueue {
    splits: Vec<Split>,
    next: AtomicUsize,
    stride: usize,
}

impl SplitQueue {
    pub(crate) fn new(splits: Vec<Split>, channels: Channels, context: &WorkerContext) -> Self {
        let (first, stride) = match channels {
            Channels::All => (context.process, context.processes),
            Channels::One if context.process == 0 => (0, 1),
            Channels::One => (splits.len(), 1),
        };
        Self { splits, next: AtomicUsize::new(first), stride }
    }

    /// Index of the next split to read.
    pub(crate) fn pop(&self) -> Option<usize> {
        let split = self.next.fetch_add(self.stride, Ordering::Relaxed);
        (split < self.splits.len()).then_some(split)
    }

    /// Name of a split, for errors.
    pub(crate) fn name(&self, split: usize) -> String {
        self.splits.get(split).map(|split| split.name.clone()).unwrap_or_default()
    }
}
