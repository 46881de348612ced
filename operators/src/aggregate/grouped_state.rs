//! The state of a partial or final aggregate: groups, and what was accumulated for each.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, IntoColumn};
use quokka_engine::error::OperatorError;
use quokka_engine::physical::physical_schema;

use super::accumulator::{FEW, Rows, count_by_group};
use super::groups::{GroupTable, Groups};
use super::plan::{Slot, TwoPhase};
use crate::state::foreign;

/// Groups with their accumulators.
pub(crate) struct GroupedState {
    plan: Arc<TwoPhase>,
    /// `None` without keys: all rows are one group.
    table: Option<GroupTable>,
    slots: Vec<Slot>,
    /// Groups of the current batch.
    groups: Groups,
    len: usize,
}

impl GroupedState {
    pub fn new(plan: Arc<TwoPhase>) -> Result<Self, OperatorError> {
        let keyed = !plan.key_names().is_empty();
        Ok(Self {
            table: keyed.then(|| GroupTable::new(plan.key_schema().clone())),
            slots: plan.accumulators()?,
            groups: Groups::default(),
            len: 0,
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

    /// Folds in rows of keys and inputs, which the worker `origin` sent.
    pub fn update(&mut self, rows: &DataFrame, origin: usize) -> Result<(), OperatorError> {
        self.fold(rows, origin, |slot, rows, inputs| {
            let input = slot.partial.input.map(|input| slot.partial.input_of(&inputs[input])).transpose()?;
            slot.accumulator.update(rows, input.as_slice())
        })
    }

    /// Folds in groups of keys and states, whoever sent them: states know all that matters.
    pub fn merge(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        self.fold(states, 0, |slot, rows, states| slot.accumulator.merge(rows, &states[slot.states.clone()]))
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

    fn fold(
        &mut self,
        frame: &DataFrame,
        origin: usize,
        mut fold: impl FnMut(&mut Slot, Rows<'_>, &[Column]) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        if frame.height() == 0 {
            return Ok(());
        }
        let (keys, values) = frame.columns().split_at(self.plan.key_names().len());
        let counts: [i64; FEW];
        let mut rows = Rows { len: frame.height(), groups: None, counts: None, founders: &[], origin };
        match &mut self.table {
            Some(table) => {
                table.lookup(keys, &mut self.groups)?;
                self.len = table.len();
                rows.groups = Some(&self.groups.of_rows);
                rows.founders = &self.groups.founders;
                if self.len <= FEW {
                    counts = count_by_group(&self.groups.of_rows);
                    rows.counts = Some(&counts);
                }
            },
            None => self.len = 1,
        }
        for slot in &mut self.slots {
            slot.accumulator.resize(self.len);
            fold(slot, rows, values)?;
        }
        Ok(())
    }

    /// Keys and states of all groups; the state is empty afterwards, and keeps memory for as many groups.
    pub fn take(&mut self) -> Result<DataFrame, OperatorError> {
        self.export(self.len)
    }

    /// Like [`take`](Self::take), with the group of an aggregate without keys even if no row was seen.
    pub fn take_at_least_one(&mut self) -> Result<DataFrame, OperatorError> {
        self.export(if self.table.is_none() { 1 } else { self.len })
    }

    fn export(&mut self, groups: usize) -> Result<DataFrame, OperatorError> {
        let mut columns = self.table.as_mut().map_or(Vec::new(), |table| table.take().into_columns());
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
