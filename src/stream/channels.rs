//! On which workers the parts of a query run.

use super::DataStream;
use crate::error::PlanError;
use crate::placement::Placement;

impl DataStream {
    /// On which workers the operation right before runs: what reads a table, or what gets its rows by key, such as a join, an
    /// aggregate, a sort or an operator of yours; filters, projections and functions of batches run where their rows are. What
    /// follows, such as a sink, gets the rows where they are then.
    ///
    /// By default all workers take part, or fewer if there are few rows. This is for operations of which each channel costs
    /// much, such as a connection or a large table, and for processes that have what others have not. The result is the same
    /// anywhere. A number stands for [`Placement::Channels`]. Of several calls in a row the last one counts. What needs
    /// all rows at once runs on the first of the workers; the parts of a sorted [`Dataset`](crate::Dataset) stay where they
    /// are, unless there is one channel.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(4).build()?;
    /// let stream = context.from_df(df!("a" => [1, 1, 2], "b" => [3, 4, 5]).unwrap());
    /// let sums = stream.group_by([col("a")]).agg([col("b").sum()]).channels(2);
    /// assert!(sums.explain()?.contains("channels=[0-1]"));
    /// assert_eq!(sums.collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// No channel, or a tag that no process has.
    pub fn channels(self, placement: impl Into<Placement>) -> Self {
        self.placed(placement.into(), "channels")
    }

    /// [`channels`](Self::channels), so many in each process.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("a" => [1, 1, 2]).unwrap()).distinct().channels_per_process(1);
    /// assert_eq!(stream.collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn channels_per_process(self, channels: usize) -> Self {
        self.placed(Placement::PerProcess(channels), "channels_per_process")
    }

    fn placed(self, placement: Placement, method: &'static str) -> Self {
        let channels = placement.channels(self.context.workers(), self.context.tags());
        self.then(|plan| {
            let channels = channels.map_err(|reason| PlanError::argument(method, reason))?;
            Ok(plan.placed(placement, channels))
        })
    }
}
