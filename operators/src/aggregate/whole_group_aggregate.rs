use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{GroupPositions, GroupsType};
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{
    Description, FnOperator, Operator, OperatorFactory, Output, Progress, State, WorkerContext,
};
use quokka_engine::physical::physical_schema;

use super::groups::{GroupTable, Groups};
use super::plan::WholeGroups;
use crate::detach::detach;
use crate::ordered_batches::{OrderedBatches, concatenate};
use crate::slices::Slices;

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
/// Blocks; holds all rows of the groups whose keys it owns. Without keys, one worker holds all rows. The rows of a group
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
    /// Groups that were sent.
    sent: usize,
}

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
            frame.unwrap_or_else(|| DataFrame::empty_with_schema(&physical_schema(self.plan.exchanged_schema())));
        frame.rechunk_mut();
        Ok(frame)
    }
}

impl Grouped {
    fn new(rows: DataFrame, plan: &WholeGroups) -> Result<Self, OperatorError> {
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
        Ok(Self { keys: table.take(), rows, order, ends, sent: 0 })
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
        let keys = self.keys.slice(from as i64, slices.len());
        let groups = GroupsType::new_slice(slices, false, true).into_sliceable();
        output.push(plan.finish(&keys, &rows, &groups)?);
        Ok(if self.sent < self.ends.len() { Progress::More } else { Progress::Done })
    }
}

impl Operator for Channel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let origin = batch.origin();
        self.held.push(Batch::new(detach(batch.into_frame())?, origin));
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let rows = self.gather()?;
        if !self.plan.key_names().is_empty() {
            self.grouped = Some(Grouped::new(rows, &self.plan)?);
        } else if self.is_owner {
            let no_keys = DataFrame::default();
            self.result = Slices::new(self.plan.finish(&no_keys, &rows, &GroupPositions::default())?);
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
        Ok(Some(self.held.snapshot()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(name, rows)| self.held.restore(&name, rows))
    }

    fn state_bytes(&self) -> usize {
        let grouped = self.grouped.as_ref().map_or(0, |grouped| grouped.rows.estimated_size());
        self.held.bytes() + grouped + self.result.bytes()
    }
}
