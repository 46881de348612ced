use std::sync::Arc;

use polars_core::df;
use polars_core::frame::DataFrame;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::grouped_state::GroupedState;
use super::plan::TwoPhase;
use crate::slices::Slices;
use crate::state::foreign;

/// Rows that are grouped before it is judged whether grouping reduces them.
const JUDGED_ROWS: usize = 100_000;
/// Rows after which that is judged already if next to no key has come back.
const FIRST_ROWS: usize = 1 << 15;
/// Groups that are held at most. They and their states stay within a few megabytes.
const MOST_GROUPS: usize = 1 << 18;
/// Bytes of groups that are held at most. Only strings and sketches take so many.
const MOST_BYTES: usize = 64 << 20;
/// Groups that leave early if each has seen several rows, none of which came much later than the first: more groups would
/// only outgrow the cache.
const NEIGHBOURS: usize = 1 << 15;
/// Grouping is worth while as long as it leaves fewer than so many groups of a hundred runs of equal keys.
const MOST_GROUPS_PER_HUNDRED_RUNS: usize = 80;
/// The same for the first rows.
const MOST_FIRST_GROUPS_PER_HUNDRED_RUNS: usize = 95;

/// Reduces the rows of one worker to one row a group, before they are exchanged.
///
/// Blocks while grouping reduces its input, and then holds at most 262 144 groups (32 768 where the rows of a group stand
/// close together) and some 64 MB: beyond that it sends what it has and starts anew. Where it finds that keys hardly come back it steps
/// aside for good: it reduces rows with equal keys that follow each other to one, without holding any, and sends other
/// rows on as groups of their own.
pub struct PartialAggregate {
    plan: Arc<TwoPhase>,
}

impl PartialAggregate {
    pub(crate) fn new(plan: Arc<TwoPhase>) -> Self {
        Self { plan }
    }
}

impl OperatorFactory for PartialAggregate {
    fn describe(&self) -> Description {
        Description::blocks("partial-aggregate")
            .with("keys", self.plan.key_names().join(", "))
            .with("aggregates", self.plan.functions())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(Channel {
            state: GroupedState::new(self.plan.clone())?,
            plan: self.plan.clone(),
            batch_rows: context.batch_rows,
            rows: 0,
            runs: 0,
            aside: false,
            pending: Slices::default(),
        }))
    }
}

struct Channel {
    plan: Arc<TwoPhase>,
    batch_rows: usize,
    state: GroupedState,
    /// Rows that made the groups in `state`.
    rows: usize,
    /// Runs of equal keys among them.
    runs: usize,
    /// Whether no group is held beyond its batch.
    aside: bool,
    pending: Slices,
}

impl Channel {
    /// Whether what is grouped should leave now.
    fn is_due(&mut self) -> bool {
        let groups = self.state.len();
        let neighbours = groups >= NEIGHBOURS && self.rows >= 2 * groups && self.state.few_return();
        let full = groups >= MOST_GROUPS || neighbours || self.state.bytes() >= MOST_BYTES;
        if full || self.rows >= JUDGED_ROWS {
            self.aside = groups * 100 > self.runs * MOST_GROUPS_PER_HUNDRED_RUNS;
        } else if self.rows >= FIRST_ROWS {
            self.aside = groups * 100 > self.runs * MOST_FIRST_GROUPS_PER_HUNDRED_RUNS;
        }
        full || self.aside
    }

    fn flush(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        (self.rows, self.runs) = (0, 0);
        self.pending = Slices::new(self.state.take()?);
        self.resume(output)
    }
}

impl Operator for Channel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        let inputs = self.plan.inputs(&batch)?;
        if self.aside {
            output.push(match self.state.single_runs(&inputs, batch.origin())? {
                Some(groups) => groups,
                None => self.plan.single_rows(inputs, batch.origin())?,
            });
            return Ok(Progress::Done);
        }
        self.runs += self.state.update(&inputs, batch.origin())?;
        self.rows += inputs.height();
        if self.is_due() { self.flush(output) } else { Ok(Progress::Done) }
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let progress = self.flush(output)?;
        self.state = GroupedState::new(self.plan.clone())?;
        Ok(progress)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        Ok(self.pending.push_next(self.batch_rows, output))
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let progress = df!("rows" => [self.rows as u64], "runs" => [self.runs as u64], "aside" => [self.aside])?;
        Ok(Some(vec![("groups".into(), self.state.copy()?), ("progress".into(), progress)]))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            match name.as_str() {
                "groups" => self.state.restore(&frame)?,
                "progress" => (self.rows, self.runs, self.aside) = progress(&frame)?,
                other => return Err(foreign(other)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.state.bytes() + self.pending.bytes()
    }
}

fn progress(frame: &DataFrame) -> Result<(usize, usize, bool), OperatorError> {
    let number = |name| Ok::<_, OperatorError>(frame.column(name)?.u64()?.get(0).unwrap_or(0) as usize);
    let aside = frame.column("aside")?.bool()?.get(0).unwrap_or(false);
    Ok((number("rows")?, number("runs")?, aside))
}
