//! [`Context`]: the workers of this process and where queries start.

mod builder;
mod paths;
mod sources;

pub use builder::ContextBuilder;
pub use paths::Paths;

use std::fmt;
use std::sync::Arc;

use quokka_engine::cluster::ClusterConfig;
use quokka_engine::plan::PhysicalPlan;
use quokka_engine::pool::{QueryHandle, WorkerPool};

use crate::error::Result;
use crate::plan::optimizer::{OptimizerRule, Rules};
use crate::plan::physical::Workers;

/// A persistent pool of workers, on which all queries of a program run; several at a time if it likes.
///
/// The same program runs on one thread, on all cores, or on many machines: every process runs it with timely's own flags
/// (see [`from_args`](Self::from_args)) and gets the same results. Cloning is cheap; the workers stop when the last clone
/// and the last [`DataStream`](crate::DataStream) of it are dropped.
///
/// ```
/// use quokka::prelude::*;
/// let context = Context::builder().workers(2).build()?;
/// let numbers = context.from_df(df!("n" => [1, 2, 3]).unwrap());
/// assert_eq!(numbers.sum().collect()?, df!("n" => [6]).unwrap());
/// # Ok::<(), quokka::Error>(())
/// ```
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    pool: WorkerPool,
    batch_rows: usize,
    rules: Rules,
}

impl Context {
    /// Starts the workers that a command line in timely's form asks for; in a cluster, waits for the other processes.
    ///
    /// | flag | meaning | default |
    /// |---|---|---|
    /// | `-w`, `--threads` | worker threads in each process | all cores |
    /// | `-n`, `--processes` | number of processes | 1 |
    /// | `-p`, `--process` | index of this process | 0 |
    /// | `-h`, `--hostfile` | file with one `host:port` a line | `localhost:2101`, `localhost:2102`, … |
    ///
    /// The first argument is the name of the program, as in [`std::env::args`]; arguments that are no flags are ignored.
    ///
    /// ```
    /// use quokka::Context;
    /// let context = Context::from_args(["program", "-w", "2", "input.parquet"].map(String::from))?;
    /// assert_eq!(context.workers(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A wrong flag or host file; a process that does not come in time; a port that is taken.
    pub fn from_args(args: impl IntoIterator<Item = String>) -> Result<Self> {
        ContextBuilder::from_args(args)?.build()
    }

    /// Sets up workers one option at a time.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    fn start(config: ClusterConfig, batch_rows: usize, rules: Rules) -> Result<Self> {
        let pool = WorkerPool::start(config)?;
        Ok(Self { inner: Arc::new(Inner { pool, batch_rows, rules }) })
    }

    /// Workers in the whole cluster.
    pub fn workers(&self) -> usize {
        self.inner.pool.workers()
    }

    /// Processes in the cluster.
    pub fn processes(&self) -> usize {
        self.inner.pool.processes()
    }

    /// Index of this process.
    pub fn process(&self) -> usize {
        self.inner.pool.process()
    }

    /// Rows that a batch has at most.
    pub fn batch_rows(&self) -> usize {
        self.inner.batch_rows
    }

    /// Whether both are one context.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The workers, as plans see them.
    pub(crate) fn on_workers(&self) -> Workers {
        Workers {
            workers: self.workers(),
            processes: self.processes(),
            batch_rows: self.batch_rows(),
            dynamic_filters: self.rules().apply(OptimizerRule::DynamicFilters),
        }
    }

    pub(crate) fn rules(&self) -> Rules {
        self.inner.rules
    }

    pub(crate) fn run(&self, plan: PhysicalPlan) -> Result<QueryHandle> {
        Ok(self.inner.pool.run(plan)?)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("process", &self.process())
            .field("processes", &self.processes())
            .field("workers", &self.workers())
            .finish_non_exhaustive()
    }
}
