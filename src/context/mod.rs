//! [`Context`]: the workers of this process and where queries start.

mod builder;
mod ipc;
mod json;
mod paths;
mod sources;

pub use builder::ContextBuilder;
pub use paths::Paths;
pub(crate) use paths::shown;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quokka_connectors::store::wait_until_taken_back;
use quokka_engine::cluster::ClusterConfig;
use quokka_engine::plan::PhysicalPlan;
use quokka_engine::pool::WorkerPool;

use crate::error::Result;
use crate::plan::optimizer::{OptimizerRule, Rules};
use crate::plan::physical::Workers;
use crate::progress::Shown;

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
    showing: Showing,
}

/// How queries are shown while they run.
#[derive(Clone, Default)]
struct Showing {
    is_quiet: bool,
    name: Option<Arc<str>>,
}

struct Inner {
    // Its end drops what the workers were writing.
    pool: WorkerPool,
    batch_rows: usize,
    rules: Rules,
    _uploads: Uploads,
}

/// Waits, when the workers have stopped, until the uploads that they did not complete have been taken back: the requests for
/// that would end with the program.
struct Uploads;

impl Drop for Uploads {
    fn drop(&mut self) {
        // A store that does not answer holds no program up for long.
        const LIMIT: Duration = Duration::from_secs(10);
        if !wait_until_taken_back(LIMIT) {
            tracing::warn!("uploads that were not completed could not be taken back in time");
        }
    }
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
    /// | `--tag` | what this process has that others may not have, such as `gpu`; may be repeated | none |
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

    fn start(config: ClusterConfig, batch_rows: usize, rules: Rules, is_quiet: bool) -> Result<Self> {
        let pool = WorkerPool::start(config)?;
        let showing = Showing { is_quiet, name: None };
        Ok(Self { inner: Arc::new(Inner { pool, batch_rows, rules, _uploads: Uploads }), showing })
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

    /// The tags of each process, by which a [`Placement`](crate::Placement) chooses among them.
    ///
    /// ```
    /// use quokka::Context;
    /// let context = Context::builder().tag("gpu").build()?;
    /// assert_eq!(context.tags(), [["gpu"]]);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn tags(&self) -> &[Vec<String>] {
        self.inner.pool.tags()
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

    /// The same workers, whose queries have a name.
    pub(crate) fn named(mut self, name: String) -> Self {
        self.showing.name = Some(name.into());
        self
    }

    /// The same workers, whose queries have no bar.
    pub(crate) fn quiet(mut self) -> Self {
        self.showing.is_quiet = true;
        self
    }

    /// Starts a query. Its bar, if it gets one, is there for as long as what is returned.
    pub(crate) fn run(&self, mut plan: PhysicalPlan) -> Result<Shown> {
        let Showing { is_quiet, name } = &self.showing;
        plan.name = name.as_deref().map(str::to_owned);
        let query = self.inner.pool.run(plan)?;
        // The other processes of a cluster may write to the same terminal.
        if *is_quiet || self.process() > 0 {
            Ok(Shown::quiet(query))
        } else {
            Ok(Shown::on_terminal(query, name.as_deref()))
        }
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
