//! The build side of a hash join: holds its rows, and makes a table of them when its input has ended.

use std::ops::ControlFlow;
use std::sync::Arc;

use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::dynamic_filter::Summary;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::filters::{Inserted, Insertion};
use super::finish::Finish;
use super::options::Distribution;
use super::shared::Shared;
use super::side::Partition;
use crate::detach::detach;

/// Makes the build channels of one join. See [`HashJoin`](super::HashJoin).
///
/// Blocks. Its result is what the probe channels of the process look rows up in; it emits nothing, unless dynamic filters
/// are wanted and other processes know other keys: then, what this process knows. State: the columns
/// of all its rows that the join needs, then a hash table over them (about 30 bytes a row for keys of up to 64 bits).
pub struct HashJoinBuild {
    pub(super) shared: Arc<Shared>,
}

impl OperatorFactory for HashJoinBuild {
    fn describe(&self) -> Description {
        let shared = &self.shared;
        let description = Description::blocks("hash-join-build")
            .with("side", shared.options.build)
            .with("on", list(&shared.build_keys))
            .with("keep", list(&shared.layout.build))
            .with("distribution", shared.options.distribution);
        let filters = shared.options.filters.iter().map(|filter| {
            let keys = filter.keys().iter().filter_map(|key| shared.build_keys.get(*key).map(PlSmallStr::as_str));
            format!("{filter} {}", keys.collect::<Vec<_>>().join(" "))
        });
        match shared.options.filters.is_empty() {
            true => description,
            false => description.with("filters", filters.collect::<Vec<_>>().join(", ")),
        }
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(BuildChannel {
            shared: self.shared.clone(),
            context: *context,
            rows: Vec::new(),
            bytes: 0,
            summaries: self.shared.local(context).filters.summaries(),
            finishing: None,
        }))
    }
}

pub(super) fn list(names: &[PlSmallStr]) -> String {
    names.join(", ")
}

struct BuildChannel {
    shared: Arc<Shared>,
    context: WorkerContext,
    rows: Vec<DataFrame>,
    bytes: usize,
    /// Of each filter.
    summaries: Vec<Summary>,
    finishing: Option<Finishing>,
}

/// What is left to do when the input has ended.
enum Finishing {
    Table(Finish),
    Filters(Insertion),
}

impl BuildChannel {
    /// The local worker whose partition this channel publishes.
    fn slot(&self) -> usize {
        match self.shared.options.distribution {
            Distribution::Partitioned => self.context.local_worker(),
            Distribution::Broadcast => 0,
        }
    }

    fn keep(&mut self, frame: &DataFrame) -> Result<(), OperatorError> {
        let kept = detach(select(frame, &self.shared.layout.build)?)?;
        self.bytes += kept.estimated_size();
        self.shared.local(&self.context).filters.count(&mut self.summaries, &kept)?;
        self.rows.push(kept);
        Ok(())
    }
}

impl BuildChannel {
    /// Publishes a partition. If it is the last one of the process, the filters are complete, or what this process has to
    /// say of them; then the probe side may start.
    fn publish(&self, partition: Partition, output: &mut Output) -> Result<(), OperatorError> {
        let shared = &self.shared;
        let local = shared.local(&self.context);
        let partition = Arc::new(partition);
        match shared.options.distribution {
            Distribution::Broadcast => local.publish_whole(partition),
            Distribution::Partitioned if !local.publish(self.context.local_worker(), partition) => return Ok(()),
            Distribution::Partitioned if shared.exchanges_filters(self.context.processes) => {
                output.push(local.filters.parts()?);
                shared.gate.open();
                return Ok(());
            },
            Distribution::Partitioned => {},
        }
        local.filters.complete();
        shared.gate.open();
        Ok(())
    }
}

impl Operator for BuildChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.keep(batch.frame())?;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let rows = std::mem::take(&mut self.rows);
        let local = self.shared.local(&self.context);
        local.filters.summarise(&self.summaries);
        let rows = match self.shared.options.distribution {
            Distribution::Partitioned => Some(rows),
            Distribution::Broadcast => local.collect(rows),
        };
        self.finishing = rows.map(|rows| Finish::new(rows, &self.shared)).transpose()?.map(Finishing::Table);
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        let local = self.shared.local(&self.context);
        self.finishing = Some(match self.finishing.take() {
            None => return Ok(Progress::Done),
            Some(Finishing::Table(finish)) => match finish.step(&self.shared)? {
                ControlFlow::Continue(finish) => Finishing::Table(finish),
                ControlFlow::Break(partition) => Finishing::Filters(Insertion::new(partition)),
            },
            Some(Finishing::Filters(insertion)) => match insertion.step(&local.filters)? {
                Inserted::Some(insertion) => Finishing::Filters(insertion),
                Inserted::All(partition) => {
                    self.publish(partition, output)?;
                    return Ok(Progress::Done);
                },
            },
        });
        Ok(Progress::More)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let owns_slot = self.context.local_worker() == self.slot();
        let published = self.shared.local(&self.context).partition(self.slot()).filter(|_| owns_slot);
        let rows = match published {
            Some(partition) => std::slice::from_ref(partition.rows()),
            None => self.rows.as_slice(),
        };
        Ok(Some(rows.iter().map(|rows| ("rows".to_string(), rows.clone())).collect()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.iter().try_for_each(|(_, rows)| self.keep(rows))
    }

    fn state_bytes(&self) -> usize {
        match self.shared.local(&self.context).partition(self.slot()) {
            Some(partition) if self.context.local_worker() == self.slot() => partition.bytes(),
            Some(_) => 0,
            None => self.bytes,
        }
    }
}

/// The columns `names` of a frame, which keeps its height even if there are none.
pub(super) fn select(frame: &DataFrame, names: &[PlSmallStr]) -> Result<DataFrame, OperatorError> {
    let columns: Result<Vec<Column>, PolarsError> = names.iter().map(|name| frame.column(name).cloned()).collect();
    Ok(DataFrame::new(frame.height(), columns?)?)
}
