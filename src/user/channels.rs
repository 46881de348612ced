//! How many channels an operator has, and on which workers they are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::hash::{hash_rows, part_of};
use quokka_engine::partitioning::PartitionFunction;

/// How many channels an operator has. They are spread evenly over the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelCount {
    /// One on each worker.
    All,
    /// So many, but no more than one on each worker.
    Some(usize),
    /// So many in each process, but no more than one on each worker.
    PerProcess(usize),
}

impl ChannelCount {
    /// The workers with a channel, in the order of the channels.
    pub(crate) fn workers(self, workers: usize, processes: usize) -> Vec<usize> {
        let count = match self {
            ChannelCount::All => workers,
            ChannelCount::Some(count) => count.clamp(1, workers),
            ChannelCount::PerProcess(count) => count.saturating_mul(processes).clamp(1, workers),
        };
        let per_process = workers / processes;
        (0..count).map(|channel| channel % processes * per_process + channel / processes).collect()
    }
}

impl fmt::Display for ChannelCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChannelCount::All => f.write_str("all"),
            ChannelCount::Some(count) => write!(f, "{count}"),
            ChannelCount::PerProcess(count) => write!(f, "{count} per process"),
        }
    }
}

/// Rows with equal keys go to one of the workers that have a channel.
#[derive(Debug)]
pub(crate) struct ByKey {
    pub(crate) keys: Vec<PlSmallStr>,
    pub(crate) channels: Vec<usize>,
}

impl PartitionFunction for ByKey {
    fn partition(&self, batch: &DataFrame, _workers: usize) -> Result<Vec<u64>, OperatorError> {
        let hashes = hash_rows(batch, &self.keys)?;
        Ok(hashes.into_iter().map(|hash| self.channels[part_of(hash, self.channels.len())] as u64).collect())
    }
}

/// Batches go to the workers that have a channel in turn.
pub(crate) struct InTurn {
    channels: Vec<usize>,
    next: AtomicU64,
}

impl InTurn {
    pub(crate) fn new(channels: Vec<usize>) -> Self {
        Self { channels, next: AtomicU64::new(0) }
    }
}

impl fmt::Debug for InTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What differs from process to process is left out: plans are compared.
        f.debug_struct("InTurn").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl PartitionFunction for InTurn {
    fn partition(&self, batch: &DataFrame, _workers: usize) -> Result<Vec<u64>, OperatorError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) as usize;
        Ok(vec![self.channels[turn % self.channels.len()] as u64; batch.height()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_spread_over_processes() {
        assert_eq!(ChannelCount::All.workers(4, 2), [0, 2, 1, 3]);
        assert_eq!(ChannelCount::Some(1).workers(4, 2), [0]);
        assert_eq!(ChannelCount::Some(3).workers(6, 2), [0, 3, 1]);
        assert_eq!(ChannelCount::Some(9).workers(2, 1), [0, 1]);
        assert_eq!(ChannelCount::PerProcess(1).workers(6, 3), [0, 2, 4]);
        assert_eq!(ChannelCount::PerProcess(7).workers(4, 2), [0, 2, 1, 3]);
    }
}
