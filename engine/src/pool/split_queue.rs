//! Splits of a source that the workers of a process take one after another.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::OperatorError;
use crate::operator::WorkerContext;
use crate::plan::Channels;
use crate::source::{Listing, Source, Split};

/// The splits that this process reads. Shared by its workers, so that a fast worker reads more.
#[derive(Debug)]
pub(crate) struct SplitQueue {
    /// Unset until a worker asks for the first one, if the source knows them only then.
    splits: OnceLock<Vec<Split>>,
    next: AtomicUsize,
    stride: usize,
}

impl SplitQueue {
    /// The splits of `source` for the process of `context`: its share of those of the cluster, or its own. A source with
    /// one channel is read by process 0 alone.
    pub(crate) fn new(source: &dyn Source, channels: Channels, context: &WorkerContext) -> Result<Self, OperatorError> {
        match (source.listing(), channels) {
            (_, Channels::One) if context.process > 0 => Ok(Self::empty()),
            (Listing::Process, _) => Ok(Self { splits: OnceLock::new(), next: AtomicUsize::new(0), stride: 1 }),
            (Listing::Cluster, channels) => {
                let (first, stride) = match channels {
                    Channels::All => (context.process, context.processes),
                    Channels::One => (0, 1),
                };
                Ok(Self { splits: OnceLock::from(source.splits()?), next: AtomicUsize::new(first), stride })
            },
        }
    }

    /// No splits.
    pub(crate) fn empty() -> Self {
        Self { splits: OnceLock::from(Vec::new()), next: AtomicUsize::new(0), stride: 1 }
    }

    /// Index of the next split to read. `source` is asked for the list if it is not known yet.
    pub(crate) fn pop(&self, source: &dyn Source) -> Result<Option<usize>, OperatorError> {
        let splits = match self.splits.get() {
            Some(splits) => splits,
            None => {
                let listed = source.splits()?;
                self.splits.get_or_init(|| listed)
            },
        };
        let split = self.next.fetch_add(self.stride, Ordering::Relaxed);
        Ok((split < splits.len()).then_some(split))
    }

    /// Name of a split, for errors.
    pub(crate) fn name(&self, split: usize) -> String {
        self.splits.get().and_then(|splits| splits.get(split)).map(|split| split.name.clone()).unwrap_or_default()
    }
}
