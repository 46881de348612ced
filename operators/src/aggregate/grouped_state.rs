//! The state of a partial or final aggregate: groups, and what was accumulated for each.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, IntoColumn};
use quokka_engine::error::OperatorError;
use quokka_engine::physical::physical_schema;

use super::accumulator::{FEW, Rows, count_by_group};
use super::groups::{GroupTable, Groups, Runs, single_chunks};
use super::plan::{Slot, TwoPhase};
use crate::gather::gather;
use crate::state::foreign;

/// Groups with their accumulators.
pub(crate) struct GroupedState {
    plan: Arc<TwoPhase>,
    /// `None` without keys: all rows are one group.
    table: Option<GroupTable>,
    slots: Vec<Slot>,
    /// Groups of the current batch.
    groups: Groups,
    runs: Runs,
    /// Groups of the current batch's runs.
    groups_of_runs: Groups,
    len: usize,
    /// Groups before the current batch.
    known: usize,
}

impl GroupedState {
    pub fn new(plan: Arc<TwoPhase>) -> Result<Self, OperatorError> {
        let keyed = !plan.key_names().is_empty();
        Ok(Self {
            table: keyed.then(|| GroupTable::new(plan.key_schema().clone())),
            slots: plan.accumulators()?,
            groups: Groups::default(),
            runs: Runs::default(),
            groups_of_runs: Groups::default(),
            len: 0,
            known: 0,
            plan,
        })
    }

    /// Number of groups. The group of an aggregate without keys exists from its first row on.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        let table = self.table.as_ref().map_or(0, GroupTable::bytes);
        table + self.slots.iter().map(|slot| slot.accumulator.bytes()).sum::<usize>()
    }

    /// Whether few rows of the last batch belong to groups that were there before it.
    pub fn few_return(&self) -> bool {
        let returned = self.groups.of_rows.iter().filter(|group| (**group as usize) < self.known).count();
        returned * 4 < self.groups.of_rows.len()
    }

    /// Folds in rows of keys and inputs, which the worker `origin` sent. Returns the number of runs of equal keys that were
    /// looked up: of rows, unless the rows stand in runs.
    pub fn update(&mut self, rows: &DataFrame, origin: usize) -> Result<usize, OperatorError> {
        if rows.height() == 0 {
            return Ok(0);
        }
        let looked_up = self.group_runs(rows)?;
        self.fold_rows(rows, origin, update)?;
        Ok(looked_up)
    }

    /// The groups of a batch as they would be sent if each run of equal keys were a group of its own. `None` if the rows
    /// hardly stand in runs. Nothing may be held.
    pub fn single_runs(&mut self, rows: &DataFrame, origin: usize) -> Result<Option<DataFrame>, OperatorError> {
        debug_assert_eq!(self.len, 0);
        let keys = single_chunks(&rows.columns()[..self.plan.key_names().len()]);
        if !self.runs.find(&keys) {
            return Ok(None);
        }
        std::mem::swap(&mut self.groups.of_rows, &mut self.runs.of_rows);
        std::mem::swap(&mut self.groups.founders, &mut self.runs.heads);
        self.len = self.groups.founders.len();
        self.fold_rows(rows, origin, update)?;
        let keys = DataFrame::new(rows.height(), keys.into_iter().map(Column::from).collect())?;
        let keys = gather(&keys, &self.groups.founders)?;
        self.export(self.len, keys.into_columns()).map(Some)
    }

    /// Folds in groups of keys and states, whoever sent them: states know all that matters.
    pub fn merge(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        if states.height() == 0 {
            return Ok(());
        }
        self.group(states)?;
        self.fold_rows(states, 0, |slot, rows, states| slot.accumulator.merge(rows, &states[slot.states.clone()]))
    }

    /// Takes up groups of keys and states that were written out.
    pub fn restore(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        self.check(states)?;
        self.merge(states)
    }

    /// Fails if `states` were not written out by such a state.
    pub fn check(&self, states: &DataFrame) -> Result<(), OperatorError> {
        if *states.schema() == physical_schema(self.plan.partial_schema()) {
            Ok(())
        } else {
            Err(foreign("other groups"))
        }
    }

    /// Finds the groups of the rows of `frame`.
    fn group(&mut self, frame: &DataFrame) -> Result<(), OperatorError> {
        self.known = self.len;
        if let Some(table) = &mut self.table {
            table.lookup(&frame.columns()[..self.plan.key_names().len()], &mut self.groups)?;
        }
        self.count_groups(frame);
        Ok(())
    }

    /// As [`group`](Self::group), by looking up each run of equal keys once. Returns how many keys were looked up.
    fn group_runs(&mut self, frame: &DataFrame) -> Result<usize, OperatorError> {
        let Some(table) = self.table.as_mut().filter(|table| !table.is_small()) else {
            self.group(frame)?;
            return Ok(frame.height());
        };
        let keys = single_chunks(&frame.columns()[..self.plan.key_names().len()]);
        if !self.runs.find(&keys) {
            self.group(frame)?;
            return Ok(frame.height());
        }
        self.known = self.len;
        let keys = DataFrame::new(frame.height(), keys.into_iter().map(Column::from).collect())?;
        let keys = gather(&keys, &self.runs.heads)?;
        table.lookup(keys.columns(), &mut self.groups_of_runs)?;
        let Groups { of_rows, founders } = &mut self.groups;
        of_rows.clear();
        of_rows.extend(self.runs.of_rows.iter().map(|run| self.groups_of_runs.of_rows[*run as usize]));
        founders.clear();
        founders.extend(self.groups_of_runs.founders.iter().map(|run| self.runs.heads[*run as usize]));
        self.count_groups(frame);
        Ok(keys.height())
    }

    fn count_groups(&mut self, frame: &DataFrame) {
        self.len = match &self.table {
            Some(table) => table.len(),
            None => self.len.max(frame.height().min(1)),
        };
    }

    /// Folds the rows of `frame` into their groups, which were found.
    fn fold_rows(
        &mut self,
        frame: &DataFrame,
        origin: usize,
        mut fold: impl FnMut(&mut Slot, Rows<'_>, &[Column]) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let values = &frame.columns()[self.plan.key_names().len()..];
        let counts: [i64; FEW];
        let mut rows = Rows { len: frame.height(), groups: None, counts: None, founders: &[], origin };
        if self.table.is_some() {
            rows.groups = Some(&self.groups.of_rows);
            rows.founders = &self.groups.founders;
            if self.len <= FEW {
                counts = count_by_group(&self.groups.of_rows);
                rows.counts = Some(&counts);
            }
        }
        for slot in &mut self.slots {
            slot.accumulator.resize(self.len);
            fold(slot, rows, values)?;
        }
        Ok(())
    }

    /// Keys and states of all groups; the state is empty afterwards, and keeps memory for as many groups.
    pub fn take(&mut self) -> Result<DataFrame, OperatorError> {
        let keys = self.take_keys();
        self.export(self.len, keys)
    }

    /// Like [`take`](Self::take), with the group of an aggregate without keys even if no row was seen.
    pub fn take_at_least_one(&mut self) -> Result<DataFrame, OperatorError> {
        let keys = self.take_keys();
        self.export(if self.table.is_none() { 1 } else { self.len }, keys)
    }

    fn take_keys(&mut self) -> Vec<Column> {
        self.table.as_mut().map_or(Vec::new(), |table| table.take().into_columns())
    }

    fn export(&mut self, groups: usize, keys: Vec<Column>) -> Result<DataFrame, OperatorError> {
        let mut columns = keys;
        for slot in &mut self.slots {
            slot.accumulator.resize(groups);
            columns.extend(slot.accumulator.take()?.into_iter().map(IntoColumn::into_column));
        }
        self.len = 0;
        self.plan.named(groups, columns)
    }

    /// Keys and states of all groups, which stay.
    pub fn copy(&mut self) -> Result<DataFrame, OperatorError> {
        let states = self.take()?;
        self.merge(&states)?;
        Ok(states)
    }
}

/// Folds the rows of inputs into an accumulator.
fn update(slot: &mut Slot, rows: Rows<'_>, inputs: &[Column]) -> Result<(), OperatorError> {
    let input = slot.partial.input.map(|input| slot.partial.input_of(&inputs[input])).transpose()?;
    slot.accumulator.update(rows, input.as_slice())
}
