//! What the channels of a join share inside a process, for one run of a query.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use polars_core::prelude::*;
use polars_core::schema::Schema;
use quokka_engine::error::OperatorError;
use quokka_engine::gate::Gate;
use quokka_engine::operator::WorkerContext;
use quokka_engine::plan::Channels;

use super::condition::Condition;
use super::error::JoinError;
use super::filters::Filters;
use super::keys::{KeyFormat, Keys};
use super::layout::Layout;
use super::lookup::Ownership;
use super::options::{Distribution, JoinOptions};
use super::side::{BuildSide, Partition};

/// A join as it was planned, and its state inside this process.
pub(super) struct Shared {
    pub(super) options: JoinOptions,
    pub(super) build_keys: Vec<PlSmallStr>,
    pub(super) probe_keys: Vec<PlSmallStr>,
    /// Types of the keys, the same on both sides.
    pub(super) key_types: Vec<DataType>,
    pub(super) format: KeyFormat,
    pub(super) layout: Layout,
    /// Names and types of the build rows that are kept.
    pub(super) build_schema: Schema,
    pub(super) condition: Option<Condition>,
    pub(super) gate: Arc<Gate>,
    pub(super) local: OnceLock<Local>,
}

/// State that is as large as the process has workers.
pub(super) struct Local {
    /// The partition of each local worker; the first alone for a broadcast build side.
    partitions: Vec<OnceLock<Arc<Partition>>>,
    /// Rows of workers whose input has ended, until one table is made of all of them.
    collected: Mutex<Vec<DataFrame>>,
    building: AtomicUsize,
    pub(super) filters: Filters,
    side: OnceLock<Arc<BuildSide>>,
    probing: AtomicUsize,
    next_emitted: AtomicUsize,
}

impl Shared {
    /// The keys of a batch of the side whose key columns are `names`.
    pub(super) fn keys(&self, frame: &DataFrame, names: &[PlSmallStr]) -> Result<Keys, OperatorError> {
        Keys::of(frame, names, &self.key_types, self.format, self.options.nulls_equal)
    }

    /// The state of the process in which `context` is.
    pub(super) fn local(&self, context: &WorkerContext) -> &Local {
        self.local.get_or_init(|| {
            let workers = context.workers_per_process();
            let partitions = match self.options.distribution {
                Distribution::Partitioned => workers,
                Distribution::Broadcast => 1,
            };
            let processes = match self.options.distribution {
                Distribution::Partitioned => context.processes,
                Distribution::Broadcast => 1,
            };
            Local {
                filters: Filters::new(self, workers, partitions, processes),
                partitions: (0..partitions).map(|_| OnceLock::new()).collect(),
                collected: Mutex::default(),
                building: AtomicUsize::new(workers),
                side: OnceLock::new(),
                probing: AtomicUsize::new(workers),
                next_emitted: AtomicUsize::new(0),
            }
        })
    }

    /// Whether each of `processes` processes knows a part of what the filters must know.
    pub(super) fn exchanges_filters(&self, processes: usize) -> bool {
        processes > 1 && self.options.distribution == Distribution::Partitioned && !self.options.filters.is_empty()
    }

    /// Which worker of the process has the keys of a hash.
    pub(super) fn ownership(&self, context: &WorkerContext) -> Ownership {
        match self.options.distribution {
            Distribution::Broadcast => Ownership { channels: Channels::All, workers: 1, first: 0 },
            Distribution::Partitioned => Ownership {
                channels: self.options.build_channels.clone(),
                workers: context.workers,
                first: context.process * context.workers_per_process(),
            },
        }
    }
}

impl Local {
    /// Hands over the rows of one build channel. The last one to do so gets the rows of all.
    pub(super) fn collect(&self, rows: Vec<DataFrame>) -> Option<Vec<DataFrame>> {
        self.collected.lock().extend(rows);
        // Each channel puts its rows before it counts itself out.
        (self.building.fetch_sub(1, Ordering::AcqRel) == 1).then(|| std::mem::take(&mut *self.collected.lock()))
    }

    /// Publishes the only partition, which completes the build side.
    pub(super) fn publish_whole(&self, partition: Arc<Partition>) {
        // Only the last channel to end gets here, once.
        let _ = self.partitions[0].set(partition);
    }

    /// Publishes the partition of a local worker. Returns whether that completes the build side.
    pub(super) fn publish(&self, worker: usize, partition: Arc<Partition>) -> bool {
        let _ = self.partitions[worker].set(partition);
        self.building.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The published partition of a local worker.
    pub(super) fn partition(&self, worker: usize) -> Option<&Arc<Partition>> {
        self.partitions.get(worker)?.get()
    }

    /// All partitions.
    ///
    /// # Errors
    /// Not all of them are published.
    pub(super) fn side(&self) -> Result<Arc<BuildSide>, OperatorError> {
        if let Some(side) = self.side.get() {
            return Ok(side.clone());
        }
        let partitions: Option<Vec<_>> = self.partitions.iter().map(|partition| partition.get().cloned()).collect();
        let side = Arc::new(BuildSide::new(partitions.ok_or(JoinError::GateClosed)?)?);
        Ok(self.side.get_or_init(|| side).clone())
    }

    /// Whether the build side of this process is complete and has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.iter().all(|partition| partition.get().is_some_and(|partition| partition.height() == 0))
    }

    /// A probe channel has given all its matches.
    pub(super) fn end_probe(&self) {
        self.probing.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether all probe channels have ended, so that the marks are complete.
    pub(super) fn is_probed(&self) -> bool {
        self.probing.load(Ordering::Acquire) == 0
    }

    /// A partition whose lone rows nobody has emitted yet.
    pub(super) fn claim(&self) -> Option<usize> {
        let partition = self.next_emitted.fetch_add(1, Ordering::Relaxed);
        (partition < self.partitions.len()).then_some(partition)
    }
}
