use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{GroupPositions, GroupsType};
use polars_core::utils::accumulate_dataframes_vertical_unchecked;
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{
    Description, FnOperator, Operator, OperatorFactory, Output, Progress, State, WorkerContext,
};

use super::groups::{GroupTable, Groups};
use super::plan::WholeGroups;

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
/// Blocks; holds all rows of the groups whose keys it owns. Without keys, worker 0 holds all rows.
pub struct WholeGroupAggregate {
    plan: Arc<WholeGroups>,
}

impl WholeGroupAggregate {
    pub(crate) fn new(plan: Arc<WholeGroups>) -> Self {
        Self { plan }
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
            batches: Vec::new(),
            bytes: 0,
            grouped: None,
        }))
    }
}

struct Channel {
    plan: Arc<WholeGroups>,
    context: WorkerContext,
    batches: Vec<DataFrame>,
    bytes: usize,
    grouped: Option<Grouped>,
}

/// All rows, by group, on their way out.
struct Grouped {
    keys: DataFrame,
    rows: DataFrame,
    /// Row numbers, those of a group next to each other and in order of arrival.
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
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        if batches.is_empty() {
            return Ok(DataFrame::empty_with_schema(self.plan.exchanged_schema()));
        }
        let rows: usize = batches.iter().map(DataFrame::height).sum();
        if u32::try_from(rows).is_err() {
            return Err(OperatorError::new(ErrorKind::Compute, TooManyRows(rows)));
        }
        let mut frame = accumulate_dataframes_vertical_unchecked(batches);
        frame.rechunk_mut();
        Ok(frame)
    }
}

impl Grouped {
    fn new(rows: DataFrame, plan: &WholeGroups) -> Result<Self, OperatorError> {
        let mut table = GroupTable::new(plan.key_schema().clone());
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
        self.bytes += batch.estimated_size();
        self.batches.push(batch.into_frame());
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let rows = self.gather()?;
        if !self.plan.key_names().is_empty() {
            self.grouped = Some(Grouped::new(rows, &self.plan)?);
            return self.resume(output);
        }
        if self.context.worker == 0 {
            output.push(self.plan.finish(&DataFrame::default(), &rows, &GroupPositions::default())?);
        }
        Ok(Progress::Done)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        let Some(grouped) = &mut self.grouped else { return Ok(Progress::Done) };
        let progress = grouped.send(&self.plan, self.context.batch_rows, output)?;
        if progress == Progress::Done {
            self.grouped = None;
        }
        Ok(progress)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.batches.iter().map(|batch| ("rows".to_owned(), batch.clone())).collect()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (_, batch) in state {
            self.bytes += batch.estimated_size();
            self.batches.push(batch);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.bytes
    }
}
