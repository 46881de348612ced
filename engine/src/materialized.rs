//! Rows that are computed once and read several times.

use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use polars_core::frame::DataFrame;

use crate::gate::Gate;
use crate::operator::WorkerContext;

/// The result of a part of a plan, handed over by the workers of a process and read by any of them, for one run of a query.
/// It never crosses processes: each has the rows that its own workers made.
///
/// Readers wait at the [`gate`](Self::gate), which opens when every worker has handed over its rows. Writers never wait for
/// readers, so a result may be read on both sides of one join without the sides waiting for each other.
#[derive(Default)]
pub struct Materialized {
    gate: Arc<Gate>,
    parts: Mutex<Vec<(usize, Vec<DataFrame>)>>,
    complete: OnceLock<Complete>,
}

struct Complete {
    batches: Vec<DataFrame>,
    /// The index inside the process of the worker that handed over each batch.
    workers: Vec<usize>,
}

impl Materialized {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens when all rows of this process are there.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Hands over the rows of one worker, in their order; once a worker.
    pub fn publish(&self, context: &WorkerContext, batches: Vec<DataFrame>) {
        let mut parts = self.parts.lock();
        parts.push((context.local_worker(), batches));
        if parts.len() < context.workers_per_process() {
            return;
        }
        let mut parts = std::mem::take(&mut *parts);
        parts.sort_by_key(|(worker, _)| *worker);
        let rows =
            parts.into_iter().flat_map(|(worker, batches)| batches.into_iter().map(move |batch| (worker, batch)));
        let (workers, batches) = rows.unzip();
        // Only the last worker gets here.
        drop(self.complete.set(Complete { batches, workers }));
        self.gate.open();
    }

    /// All rows of this process: by worker, then as they were handed over. None before the gate is open.
    pub fn batches(&self) -> &[DataFrame] {
        self.complete.get().map_or(&[], |complete| &complete.batches)
    }

    /// The worker, by its index inside the process, that handed over the batch with an index in
    /// [`batches`](Self::batches).
    pub fn worker_of(&self, batch: usize) -> Option<usize> {
        self.complete.get()?.workers.get(batch).copied()
    }
}

impl fmt::Debug for Materialized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Materialized").field("gate", &self.gate).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;

    use super::*;

    fn worker(local: usize) -> WorkerContext {
        WorkerContext { worker: 2 + local, workers: 6, process: 1, processes: 3, batch_rows: 10 }
    }

    #[test]
    fn opens_when_all_workers_of_the_process_are_done_and_keeps_their_order() {
        let rows = |n: i32| df!("n" => [n]).unwrap();
        let materialized = Materialized::new();
        materialized.publish(&worker(1), vec![rows(3), rows(1)]);
        assert!(!materialized.gate().is_open());
        assert!(materialized.batches().is_empty());
        materialized.publish(&worker(0), vec![rows(7)]);
        assert!(materialized.gate().is_open());
        assert_eq!(materialized.batches(), [rows(7), rows(3), rows(1)]);
        assert_eq!([0, 1, 2, 3].map(|batch| materialized.worker_of(batch)), [Some(0), Some(1), Some(1), None]);
    }
}
