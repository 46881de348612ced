//! The options of a [`Context`].

use std::time::Duration;

use quokka_engine::cluster::ClusterConfig;
use quokka_engine::error::Error as EngineError;
use quokka_engine::plan::DEFAULT_BATCH_ROWS;

use super::Context;
use crate::error::Result;
use crate::plan::OptimizerRule;
use crate::plan::optimizer::Rules;

/// Sets up the workers of a [`Context`]; made by [`Context::builder`].
///
/// ```
/// use quokka::Context;
/// let context = Context::builder().workers(4).batch_rows(8192).build()?;
/// assert_eq!((context.workers(), context.processes()), (4, 1));
/// # Ok::<(), quokka::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `build`"]
pub struct ContextBuilder {
    cluster: ClusterConfig,
    batch_rows: usize,
    rules: Rules,
    is_quiet: bool,
}

impl Default for ContextBuilder {
    /// One process with a worker on each core.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let cluster = ClusterConfig::single(cores);
        Self { cluster, batch_rows: DEFAULT_BATCH_ROWS, rules: Rules::default(), is_quiet: false }
    }
}

impl ContextBuilder {
    /// The options that a command line asks for, as in [`Context::from_args`].
    ///
    /// # Errors
    /// A wrong flag or host file.
    pub fn from_args(args: impl IntoIterator<Item = String>) -> Result<Self> {
        Ok(Self { cluster: ClusterConfig::from_args(args)?, ..Self::default() })
    }

    /// Worker threads in each process, the same number everywhere; by default one for each core.
    pub fn workers(mut self, workers: usize) -> Self {
        self.cluster.workers = workers;
        self
    }

    /// The `host:port` of every process, in the order of their indices; by default there is one process.
    pub fn hosts<S: Into<String>>(mut self, addresses: impl IntoIterator<Item = S>) -> Self {
        self.cluster.addresses = addresses.into_iter().map(Into::into).collect();
        self
    }

    /// Which of the hosts this process is; by default the first.
    pub fn process(mut self, index: usize) -> Self {
        self.cluster.process = index;
        self
    }

    /// Says that this process has something that others may not have, such as `gpu` or `disk`, so that
    /// [`DataStream::channels`](crate::DataStream::channels) can choose the processes that have it. May be called several
    /// times. Processes tell each other their tags when they start.
    ///
    /// ```
    /// use quokka::prelude::*;
    /// let context = Context::builder().workers(2).tag("gpu").build()?;
    /// let numbers = context.from_df(df!("n" => [1, 2, 3]).unwrap()).channels(Placement::tag("gpu"));
    /// assert_eq!(numbers.sum().collect()?, df!("n" => [6]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn tag(mut self, name: impl Into<String>) -> Self {
        self.cluster.tags.push(name.into());
        self
    }

    /// Rows that a batch has at most, at least 1; by default 65,536.
    pub fn batch_rows(mut self, rows: usize) -> Self {
        self.batch_rows = rows.max(1);
        self
    }

    /// How long all processes have to find each other; by default 30 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.cluster.timing.connect_deadline = timeout;
        self
    }

    /// How long a process may be silent before it counts as lost; by default 5 seconds. Processes give a sign of life
    /// five times in that time.
    pub fn peer_timeout(mut self, timeout: Duration) -> Self {
        self.cluster.timing.heartbeat_timeout = timeout;
        self.cluster.timing.heartbeat_interval = timeout / 5;
        self
    }

    /// Whether the optimizer rewrites queries; it does by default. Without it, queries run as they are written: to find
    /// out whether a rewrite is at fault, and in tests.
    pub fn optimize(mut self, optimize: bool) -> Self {
        self.rules = if optimize { Rules::default() } else { Rules::NONE };
        self
    }

    /// Leaves a rule of the optimizer out, to find out whether it is at fault, and in tests.
    pub fn without_rule(mut self, rule: OptimizerRule) -> Self {
        self.rules = self.rules.without(rule);
        self
    }

    /// Shows no bars. Without this, a query that takes more than half a second shows on standard error how far it has come, if
    /// that is a terminal; in a cluster, only the first process does. One stream alone:
    /// [`DataStream::quiet`](crate::DataStream::quiet).
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// let context = Context::builder().quiet().build()?;
    /// assert_eq!(context.from_df(df!("a" => [1]).unwrap()).collect()?.height(), 1);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Starts the workers; in a cluster, waits for the other processes.
    ///
    /// # Errors
    /// Options that contradict each other; a process that does not come in time; a port that is taken.
    pub fn build(self) -> Result<Context> {
        if self.cluster.workers == 0 {
            return Err(EngineError::Configuration("a process needs at least 1 worker".into()).into());
        }
        Context::start(self.cluster, self.batch_rows, self.rules, self.is_quiet)
    }
}
