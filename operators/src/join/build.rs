//! The build side of a hash join: holds its rows, and makes a table of them when its input has ended.

use std::ops::ControlFlow;
use std::sync::Arc;

use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::finish::Finish;
use super::options::Distribution;
use super::shared::Shared;
use crate::detach::detach;

/// Makes the build channels of one join. See [`HashJoin`](super::HashJoin).
///
/// Blocks, and emits nothing: its result is what the probe channels of the process look rows up in. State: the columns
/// of all its rows that the join needs, then a hash table over them (about 30 bytes a row for keys of up to 64 bits).
pub struct HashJoinBuild {
    pub(super) shared: Arc<Shared>,
}

impl OperatorFactory for HashJoinBuild {
    fn describe(&self) -> Description {
        let shared = &self.shared;
        Description::blocks("hash-join-build")
            .with("side", shared.options.build)
            .with("on", list(&shared.build_keys))
            .with("keep", list(&shared.layout.build))
            .with("distribution", shared.options.distribution)
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(BuildChannel {
            shared: self.shared.clone(),
            context: *context,
            rows: Vec::new(),
            bytes: 0,
            finish: None,
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
    finish: Option<Finish>,
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
        self.rows.push(kept);
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
        let rows = match self.shared.options.distribution {
            Distribution::Partitioned => Some(rows),
            Distribution::Broadcast => self.shared.local(&self.context).collect(rows),
        };
        self.finish = rows.map(|rows| Finish::new(rows, &self.shared)).transpose()?;
        self.resume(output)
    }

    fn resume(&mut self, _output: &mut Output) -> Result<Progress, OperatorError> {
        let Some(finish) = self.finish.take() else {
            return Ok(Progress::Done);
        };
        match finish.step(&self.shared)? {
            ControlFlow::Continue(finish) => {
                self.finish = Some(finish);
                Ok(Progress::More)
            },
            ControlFlow::Break(partition) => {
                let local = self.shared.local(&self.context);
                match self.shared.options.distribution {
                    Distribution::Partitioned => {
                        local.publish(self.context.local_worker(), Arc::new(partition), &self.shared.gate);
                    },
                    Distribution::Broadcast => local.publish_whole(Arc::new(partition), &self.shared.gate),
                }
                Ok(Progress::Done)
            },
        }
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
