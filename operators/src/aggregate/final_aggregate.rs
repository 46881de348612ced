use std::sync::Arc;

use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::partitioned_state::PartitionedState;
use super::plan::TwoPhase;
use crate::slices::Slices;
use crate::state::foreign;

/// Merges the partial aggregates of all workers and computes the aggregates from them.
///
/// Blocks; holds the state of every group whose key it owns, and states that are not merged yet: up to 64 MB, or as much as
/// the groups take. Without keys, one worker owns the only group and sends one row even if there was no input.
pub struct FinalAggregate {
    plan: Arc<TwoPhase>,
    owner: usize,
}

impl FinalAggregate {
    pub(crate) fn new(plan: Arc<TwoPhase>, owner: usize) -> Self {
        Self { plan, owner }
    }
}

impl OperatorFactory for FinalAggregate {
    fn describe(&self) -> Description {
        Description::blocks("final-aggregate")
            .with("keys", self.plan.key_names().join(", "))
            .with("aggregates", self.plan.description())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(Channel {
            state: PartitionedState::new(self.plan.clone(), context.workers)?,
            plan: self.plan.clone(),
            context: *context,
            is_owner: context.worker == self.owner,
            ended: false,
            more: false,
            pending: Slices::default(),
        }))
    }
}

struct Channel {
    plan: Arc<TwoPhase>,
    context: WorkerContext,
    is_owner: bool,
    state: PartitionedState,
    ended: bool,
    /// Whether the state has groups to send that are not pending yet.
    more: bool,
    pending: Slices,
}

impl Operator for Channel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.state.merge(&batch)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        (self.ended, self.more) = (true, true);
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if !self.ended {
            return self.state.merge_next();
        }
        if self.pending.is_empty() && self.more {
            let (groups, more) = self.state.take_next(self.is_owner)?;
            self.pending = Slices::new(groups);
            self.more = more;
        }
        let states = self.pending.next(self.context.batch_rows);
        output.push(self.plan.finish(&states)?);
        Ok(if self.pending.is_empty() && !self.more { Progress::Done } else { Progress::More })
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.state.copy()?.into_iter().map(|groups| ("groups".into(), groups)).collect()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, groups) in state {
            match name.as_str() {
                "groups" => self.state.restore(&groups)?,
                other => return Err(foreign(other)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.state.bytes() + self.pending.bytes()
    }
}
