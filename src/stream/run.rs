//! Running a query, and looking at what would run.

use std::fmt;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use polars_core::frame::DataFrame;
use polars_core::prelude::SchemaRef;
use quokka_engine::error::{Error as EngineError, OperatorError};
use quokka_engine::pool::QueryProgress;

use super::{DataStream, Profile};
use crate::arrow::to_record_batches;
use crate::error::{Error, Result};
use crate::plan::WithRows;
use crate::plan::cardinality::Estimates;
use crate::plan::optimizer::optimize_query;
use crate::plan::outline::Outline;
use crate::plan::physical::{Collected, Ending, Physical, lower};
use crate::plan::query::Query;
use crate::progress::Shown;

impl DataStream {
    /// Runs the query and returns all its rows. In a cluster, every process gets the same result.
    ///
    /// Holds the result in each process.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap());
    /// assert_eq!(stream.collect()?, df!("a" => [1, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A query that does not fit its input; whatever an operator, a source or another process fails with.
    pub fn collect(&self) -> Result<DataFrame> {
        self.begin(false)?.wait()
    }

    /// [`collect`](Self::collect), as record batches of arrow-rs, at least one. Values are not copied.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let batches = context.from_df(df!("a" => [1, 2]).unwrap()).collect_arrow()?;
    /// assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn collect_arrow(&self) -> Result<Vec<RecordBatch>> {
        to_record_batches(self.collect()?).map_err(|error| assembling(error.into()))
    }

    /// [`collect`](Self::collect), but not for longer than `timeout`; then the query is stopped in all processes.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap());
    /// assert_eq!(stream.collect_with_timeout(std::time::Duration::from_secs(60))?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`collect`](Self::collect), and [`quokka_engine::error::Error::TimedOut`].
    pub fn collect_with_timeout(&self, timeout: Duration) -> Result<DataFrame> {
        let query = self.begin(false)?;
        query.handle.wait_timeout(timeout)?;
        query.wait()
    }

    /// Starts the query and returns at once, to wait for it, or to cancel it, later. Several queries can run on a context
    /// at the same time; in a cluster, all processes must start them in the same order.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap());
    /// let (sum, mean) = (stream.clone().sum().start()?, stream.mean().start()?);
    /// assert_eq!(mean.wait()?, df!("a" => [1.5]).unwrap());
    /// assert_eq!(sum.wait()?, df!("a" => [3]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A query that does not fit its input; a source that cannot be opened; workers that have stopped.
    pub fn start(&self) -> Result<RunningQuery> {
        self.begin(true)
    }

    /// Starts the query; `is_followed` if somebody can ask for its progress when it has ended.
    fn begin(&self, is_followed: bool) -> Result<RunningQuery> {
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let collected = Collected::default();
        let mut plan = self.lower(&query, &estimates, Ending::Collect(&collected))?.plan;
        plan.is_followed = is_followed;
        let handle = self.context.run(plan)?;
        Ok(RunningQuery { handle, collected, schema: query.root.schema().clone() })
    }

    /// [`collect`](Self::collect), with what was measured on the way. To measure costs next to nothing and happens always;
    /// this only keeps the figures. In a cluster, every process gets those of all.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3]).unwrap()).filter(col("a").gt(lit(1)));
    /// let (rows, profile) = stream.profile()?;
    /// assert_eq!(rows.height(), 2);
    /// println!("{profile}");
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn profile(&self) -> Result<(DataFrame, Profile)> {
        let start = Instant::now();
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let collected = Collected::default();
        let Physical { mut plan, mut traces, handovers, .. } =
            self.lower(&query, &estimates, Ending::Collect(&collected))?;
        plan.is_followed = true;
        // The texts are made afterwards, so that they do not count.
        let nodes = plan.nodes.clone();
        let planned = start.elapsed();
        let report = self.context.run(plan)?.report()?;
        let rows = collected.take(query.root.schema()).map_err(assembling)?;
        traces.iter_mut().for_each(|trace| trace.estimate(&estimates));
        let outline = Outline::new(&nodes, &traces, handovers);
        Ok((rows, Profile::new(traces, outline, &self.context, planned, report)))
    }

    /// Runs the query, and returns the optimized plan and what the workers did as text: beside each node and operator its
    /// rows, the time that workers spent in it, summed, and the memory that it held. In a cluster, of the workers of all
    /// processes. See [`Profile`].
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("k" => [1, 2], "v" => [3, 4]).unwrap());
    /// let text = stream.group_by([col("k")]).agg([col("v").sum()]).explain_analyze()?;
    /// assert!(text.contains("final-aggregate"), "{text}");
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn explain_analyze(&self) -> Result<String> {
        Ok(self.profile()?.1.to_string())
    }

    /// What the query means, what the optimizer makes of it, with about how many rows each part delivers (`rows≈`), and
    /// what the workers will do: operators with whether they stream or block, exchanges, and on which workers they run. An
    /// arrow `→` leads to operators that run right behind
    /// the one before, on the same worker; `←` names the inputs and how their rows are distributed.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("k" => [1, 2], "v" => [3, 4]).unwrap());
    /// let text = stream.group_by([col("k")]).agg([col("v").sum()]).explain()?;
    /// assert!(text.contains("final-aggregate"), "{text}");
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A query that does not fit its input; a source that cannot be opened.
    pub fn explain(&self) -> Result<String> {
        let plan = self.plan()?;
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let physical = self.lower(&query, &estimates, Ending::Collect(&Collected::default()))?.plan;
        let optimized = WithRows { query: &query, estimates: &estimates };
        Ok(format!("logical plan\n{plan}\noptimized plan\n{optimized}\nphysical plan\n{physical}"))
    }

    pub(super) fn optimized(&self, estimates: &Estimates) -> Result<Query> {
        Ok(optimize_query(self.plan()?.clone(), self.context.rules(), estimates))
    }

    pub(super) fn lower(&self, query: &Query, estimates: &Estimates, ending: Ending<'_>) -> Result<Physical> {
        lower(query, self.context.on_workers(), estimates, ending).map_err(|source| Error::Planning { source })
    }
}

/// A query that was started by [`DataStream::start`]. Dropping it does not stop the query.
#[must_use = "`wait` for the result, or `cancel`"]
pub struct RunningQuery {
    handle: Shown,
    collected: Collected,
    schema: SchemaRef,
}

impl fmt::Debug for RunningQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningQuery").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl RunningQuery {
    /// Waits for the result.
    ///
    /// # Errors
    /// Whatever an operator, a source or another process fails with; [`quokka_engine::error::Error::Cancelled`].
    pub fn wait(self) -> Result<DataFrame> {
        self.handle.wait()?;
        self.collected.take(&self.schema).map_err(assembling)
    }

    /// Stops the query in all processes; whoever waits for it gets [`quokka_engine::error::Error::Cancelled`]. Without
    /// effect on a query that has ended.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let query = context.from_df(df!("a" => [1, 2]).unwrap()).start()?;
    /// query.cancel();
    /// // Cancelled, unless it was faster.
    /// let _ = query.wait();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// How far the query has come: what its sources have read, in all processes. The other processes tell how far they are a few
    /// times a second. Costs the workers nothing.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let query = context.from_df(df!("a" => [1, 2]).unwrap()).start()?;
    /// let progress = query.progress();
    /// println!("{} of {} splits, {} rows", progress.splits_done(), progress.splits(), progress.rows());
    /// assert_eq!(progress.sources[0].name, "memory-scan");
    /// query.wait()?;
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn progress(&self) -> QueryProgress {
        self.handle.progress()
    }

    /// Whether the query has ended in this process, well or not: [`wait`](Self::wait) returns at once.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

/// The result is there but cannot be put together.
pub(super) fn assembling(source: OperatorError) -> Error {
    EngineError::Operator { operator: "collect".into(), worker: 0, split: None, source }.into()
}
