//! Which worker a row is sent to.

mod range;

pub use range::{range_targets, sort_keys};

use std::fmt;
use std::sync::{Arc, OnceLock};

use polars_core::frame::DataFrame;
use polars_core::prelude::SortMultipleOptions;
use polars_utils::pl_str::PlSmallStr;

use crate::error::OperatorError;

/// How the batches of an edge are distributed over the [channels](crate::plan::Channels) of the node that receives them.
#[derive(Clone, Debug)]
pub enum Partitioning {
    /// A batch stays on its worker.
    PassThrough,
    /// A row goes to the channel that owns the hash of all key columns. Equal keys (nulls are equal to each other, as are
    /// -0.0 and 0.0) meet on one worker, in whatever process; the seed is fixed.
    Hash(Vec<PlSmallStr>),
    /// Like [`Hash`](Self::Hash), but a row whose owner is in the sender's process stays on the sender's worker, if that has
    /// a channel. For a probe side, whose build side is shared inside the process.
    HashToProcess(Vec<PlSmallStr>),
    /// Every channel gets every row.
    Broadcast,
    /// One channel of each process that has any (the one with the sender's index inside its process) gets every row.
    BroadcastToProcesses,
    /// The first channel gets every row.
    Gather,
    /// A row goes to the channel that owns its range of the sort order.
    Range(RangePartitioning),
    /// A function chooses.
    Function(Arc<dyn PartitionFunction>),
}

/// A choice of channel for each row.
pub trait PartitionFunction: Send + Sync + fmt::Debug {
    /// For each row of `batch` a number; the row goes to the channel of that number modulo `channels`.
    fn partition(&self, batch: &DataFrame, channels: usize) -> Result<Vec<u64>, OperatorError>;
}

/// Ranges of a sort order, one a channel; channel `i` owns the `i`-th range.
#[derive(Clone, Debug)]
pub struct RangePartitioning {
    /// Sort columns, most significant first.
    pub by: Vec<PlSmallStr>,
    /// Direction and place of nulls for each column.
    pub options: SortMultipleOptions,
    /// Rows that separate the ranges, fewer than channels, in sort order with the columns of `by`. Must be set, on this
    /// process, before the first batch is sent.
    pub splitters: Arc<OnceLock<DataFrame>>,
}

impl fmt::Display for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, keys: &[PlSmallStr]| {
            write!(f, "{name}(")?;
            for (i, key) in keys.iter().enumerate() {
                write!(f, "{}{key}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")")
        };
        match self {
            Partitioning::PassThrough => f.write_str("pass-through"),
            Partitioning::Hash(keys) => list(f, "hash", keys),
            Partitioning::HashToProcess(keys) => list(f, "hash-to-process", keys),
            Partitioning::Broadcast => f.write_str("broadcast"),
            Partitioning::BroadcastToProcesses => f.write_str("broadcast-to-processes"),
            Partitioning::Gather => f.write_str("gather"),
            Partitioning::Range(range) => list(f, "range", &range.by),
            Partitioning::Function(function) => write!(f, "function({function:?})"),
        }
    }
}
