//! The persistent workers and the life cycle of a query.
//!
//! A pool is started once; queries come and go on it, several at a time. In a cluster every process runs the same program
//! and submits the same queries: the coordinator on worker 0 starts a query when every process has submitted it, and tells
//! the processes when their plans differ.

mod coordinator;
mod message;
mod progress;
mod query;
mod shared;
mod shares;
mod split_queue;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub(crate) use coordinator::Coordinator;
pub(crate) use message::{Command, Report};
pub use progress::{QueryProgress, SourceProgress};
pub(crate) use query::QueryRun;
pub use query::{QueryHandle, QueryReport};
pub(crate) use shared::PoolShared;
pub(crate) use split_queue::SplitQueue;

use std::sync::Arc;

use crate::cluster::ClusterConfig;
use crate::dataflow::{Workers, spawn};
use crate::error::Result;
use crate::operator::WorkerContext;
use crate::plan::PhysicalPlan;

/// The workers of this process, connected with those of the other processes of its cluster.
///
/// Dropping the pool ends its workers; queries that still run fail with [`Error::Stopped`](crate::error::Error::Stopped).
/// In a cluster the drop waits for the other processes, so that nobody leaves while another still needs its part of a query.
pub struct WorkerPool {
    shared: Arc<PoolShared>,
    workers: Workers,
}

impl WorkerPool {
    /// Starts the workers and, in a cluster, waits until all processes are connected.
    ///
    /// # Errors
    /// [`Error::Mesh`](crate::error::Error::Mesh) when a process does not come or a port is taken.
    pub fn start(config: ClusterConfig) -> Result<Self> {
        let shared = Arc::new(PoolShared::new(config.workers, config.process, config.addresses.clone()));
        let workers = spawn(&config, shared.clone())?;
        let (process, processes) = (shared.process, shared.processes);
        tracing::debug!(process, processes, workers = config.workers, "workers started");
        Ok(Self { shared, workers })
    }

    /// Workers in the whole cluster.
    pub fn workers(&self) -> usize {
        self.shared.workers * self.shared.processes
    }

    /// Processes in the cluster.
    pub fn processes(&self) -> usize {
        self.shared.processes
    }

    /// Index of this process.
    pub fn process(&self) -> usize {
        self.shared.process
    }

    /// The tags of each process.
    pub fn tags(&self) -> &[Vec<String>] {
        self.shared.tags()
    }

    /// Runs `plan` and returns at once. The plan must be fresh: what its factories share belongs to one run.
    ///
    /// # Errors
    /// A source that cannot list its splits; a pool that has failed or stopped.
    pub fn run(&self, plan: PhysicalPlan) -> Result<QueryHandle> {
        let context = WorkerContext {
            worker: self.shared.process * self.shared.workers,
            workers: self.workers(),
            process: self.shared.process,
            processes: self.shared.processes,
            batch_rows: plan.batch_rows,
        };
        let run = Arc::new(QueryRun::new(plan, &context)?);
        self.shared.submit(run.clone())?;
        Ok(QueryHandle::new(run, self.shared.clone()))
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.shared.leave();
        self.workers.join();
        tracing::debug!(process = self.shared.process, "workers stopped");
    }
}
