use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{GroupPositions, GroupsType};
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{
    Description, FnOperator, Operator, OperatorFactory, Output, Progress, State, WorkerContext,
};
use quokka_engine::physical::physical_schema;

use super::grouped_state::GroupedState;
use super::groups::{GroupTable, Groups};
use super::plan::WholeGroups;
use crate::detach::detach;
use crate::gather::gather;
use crate::ordered_batches::{OrderedBatches, concatenate};
use crate::slices::Slices;

/// The entry of a state for what was folded.
const FOLDED: &str = "folded";

/// Picks the keys and columns that are exchanged for a [`WholeGroupAggregate`]. Streams, without state.
pub struct KeyedRows {
    plan: Arc<WholeGroups>,
}

impl KeyedRows {
    pub(crate) fn new(plan: Arc<WholeGroups>) -> Self {
        Self { plan }
    }
}

impl OperatorFactory for KeyedRows {
    fn describe(&self) -> Description {
        Description::streams("keyed-rows").with("keys", self.plan.key_names().join(", "))
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let plan = self.plan.clone();
        Ok(Box::new(FnOperator::new(move |rows: DataFrame| plan.exchanged(&rows))))
    }
}

/// Evaluates aggregates that do not decompose on whole groups.
///
/// Blocks; holds all rows of the groups whose keys it owns, with the columns that such aggregates read. Others are folded as
/// rows come. Without keys, one worker holds all rows. The rows of a group
/// stand in the order of the stream: by the worker that sent them, then as they were sent.
pub struct WholeGroupAggregate {
    plan: Arc<WholeGroups>,
    owner: usize,
}

impl WholeGroupAggregate {
    pub(crate) fn new(plan: Arc<WholeGroups>, owner: usize) -> Self {
        Self { plan, owner }
    }
}

impl OperatorFactory for WholeGroupAggregate {
    fn describe(&self) -> Description {
        Description::blocks("whole-group-aggregate")
            .with("keys", self.plan.key_names().join(", "))
            .with("aggregates", self.plan.description())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(Channel {
            folded: self.plan.folded().map(|folded| GroupedState::new(folded.clone())).transpose()?,
            plan: self.plan.clone(),
            context: *context,
            is_owner: context.worker == self.owner,
            held: OrderedBatches::default(),
            grouped: None,
            result: Slices::default(),
        }))
    }
}

struct Channel {
    plan: Arc<WholeGroups>,
    context: WorkerContext,
    is_owner: bool,
    held: OrderedBatches,
    /// What is folded as rows come.
    folded: Option<GroupedState>,
    grouped: Option<Grouped>,
    /// Without keys, what the only group became.
    result: Slices,
}

/// All rows, by group, on their way out.
struct Grouped {
    keys: DataFrame,
    rows: DataFrame,
    /// Row numbers, those of a group next to each other and in the order of the rows.
    order: Vec<u32>,
    /// Where the rows of each group end in `order`.
    ends: Vec<usize>,
    /// What was folded, for each group.
    folded: Option<DataFrame>,
    /// Groups that were sent.
    sent: usize,
}

/// Groups of folded rows that are not those of the rows that are held.
#[derive(Debug, thiserror::Error)]
#[error("the state of an aggregate has other groups than its rows")]
struct OtherGroups;

/// More rows than a row number can tell apart.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} rows to aggregate as whole groups on one worker, at most 4294967295 are possible; run the query on more workers"
)]
struct TooManyRows(usize);

impl Channel {
    /// All rows in one frame.
    fn gather(&mut self) -> Result<DataFrame, OperatorError> {
        let rows = self.held.rows();
        if u32::try_from(rows).is_err() {
            return Err(OperatorError::new(ErrorKind::Compute, TooManyRows(rows)));
        }
        let frame = concatenate(self.held.take())?;
        let mut frame =
            frame.unwrap_or_else(|| DataFrame::empty_with_schema(&physical_schema(self.plan.held_schema())));
        frame.rechunk_mut();
        Ok(frame)
    }
}

impl Grouped {
    /// Groups `rows`; `folded` are keys and states of the same groups.
    fn new(rows: DataFrame, folded: Option<DataFrame>, plan: &WholeGroups) -> Result<Self, OperatorError> {
        let mut table = GroupTable::new(physical_schema(plan.key_schema()));
        let mut groups = Groups::default();
        table.lookup(rows.select(plan.key_names())?.columns(), &mut groups)?;
        let mut ends = vec![0; table.len()];
        for &group in &groups.of_rows {
            ends[group as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        let mut order = vec![0; groups.of_rows.len()];
        for (row, &group) in groups.of_rows.iter().enumerate() {
            let place = &mut ends[group as usize];
            order[*place] = row as u32;
            *place += 1;
        }
        let folded = match (folded, plan.folded()) {
            (Some(states), Some(folded)) => {
                table.lookup(&states.columns()[..plan.key_names().len()], &mut groups)?;
                if table.len() != ends.len() || states.height() != ends.len() {
                    return Err(OperatorError::new(ErrorKind::Internal, OtherGroups));
                }
                let mut places = vec![0; ends.len()];
                groups.of_rows.iter().zip(0..).for_each(|(group, place)| places[*group as usize] = place);
                Some(folded.finish(&gather(&states, &places)?)?)
            },
            _ => None,
        };
        Ok(Self { keys: table.take(), rows, order, ends, folded, sent: 0 })
    }

    /// Sends the next groups: as many as have `batch_rows` rows together.
    fn send(&mut self, plan: &WholeGroups, batch_rows: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let from = self.sent;
        let start = if from == 0 { 0 } else { self.ends[from - 1] };
        let mut slices = Vec::new();
        let mut end = start;
        while let Some(&next) = self.ends.get(self.sent)
            && (self.sent == from || next - start <= batch_rows)
        {
            slices.push([(end - start) as u32, (next - end) as u32]);
            end = next;
            self.sent += 1;
        }
        if slices.is_empty() {
            return Ok(Progress::Done);
        }
        // SAFETY: `order` is a permutation of the row numbers of `rows`.
        let rows = unsafe { self.rows.take_slice_unchecked_impl(&self.order[start..end], false) };
        let count = slices.len();
        let keys = self.keys.slice(from as i64, count);
        let groups = GroupsType::new_slice(slices, false, true).into_sliceable();
        let folded = self.folded.as_ref().map(|folded| folded.slice(from as i64, count));
        output.push(plan.finish(&keys, &rows, &groups, folded.as_ref())?);
        Ok(if self.sent < self.ends.len() { Progress::More } else { Progress::Done })
    }
}

impl Operator for Channel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let origin = batch.origin();
        let mut rows = batch.into_frame();
        if let (Some(state), Some(folded)) = (&mut self.folded, self.plan.folded()) {
            state.update(&folded.inputs(&rows)?, origin)?;
            rows = rows.select(self.plan.held_schema().iter_names_cloned())?;
        }
        self.held.push(Batch::new(detach(rows)?, origin));
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let rows = self.gather()?;
        let folded = self.folded.as_mut().map(GroupedState::take_at_least_one).transpose()?;
        if !self.plan.key_names().is_empty() {
            self.grouped = Some(Grouped::new(rows, folded, &self.plan)?);
        } else if self.is_owner {
            let folded = folded.zip(self.plan.folded()).map(|(states, folded)| folded.finish(&states)).transpose()?;
            let no_keys = DataFrame::default();
            let groups = GroupPositions::default();
            self.result = Slices::new(self.plan.finish(&no_keys, &rows, &groups, folded.as_ref())?);
        }
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        let Some(grouped) = &mut self.grouped else {
            return Ok(self.result.push_next(self.context.batch_rows, output));
        };
        let progress = grouped.send(&self.plan, self.context.batch_rows, output)?;
        if progress == Progress::Done {
            self.grouped = None;
        }
        Ok(progress)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let mut state = self.held.snapshot();
        if let Some(folded) = &mut self.folded {
            state.push((FOLDED.into(), folded.copy()?));
        }
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(name, rows)| match &mut self.folded {
            Some(folded) if name == FOLDED => folded.restore(&rows),
            _ => self.held.restore(&name, rows),
        })
    }

    fn state_bytes(&self) -> usize {
        let grouped = self.grouped.as_ref().map_or(0, |grouped| grouped.rows.estimated_size());
        let folded = self.folded.as_ref().map_or(0, GroupedState::bytes);
        self.held.bytes() + folded + grouped + self.result.bytes()
    }
}
