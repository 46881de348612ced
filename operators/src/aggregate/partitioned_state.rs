//! The state of a final aggregate, in parts that fit the caches once there are many groups.

use std::sync::Arc;

use polars_arrow::array::builder::ShareStrategy;
use polars_core::frame::DataFrame;
use polars_core::frame::builder::DataFrameBuilder;
use polars_core::prelude::IdxSize;
use quokka_engine::error::OperatorError;
use quokka_engine::hash::{hash_rows, part_of};
use quokka_engine::physical::physical_schema;

use super::grouped_state::GroupedState;
use super::plan::TwoPhase;

/// Parts that the groups are divided into, by the hash of their keys.
const PARTS: usize = 64;
/// Groups from which on they are divided: their table and states no longer fit the second cache.
const MANY_GROUPS: usize = 1 << 16;
/// Rows that a part collects before they are merged, at least.
const LEAST_ROWS: usize = 1 << 13;

/// Groups with their accumulators. Few groups are one [`GroupedState`]. Many are divided by the hash of their keys: rows
/// then wait until their part has about as many of them as it has groups, so that its memory is fetched once for all of
/// them, and no table grows beyond a cache.
pub(crate) struct PartitionedState {
    plan: Arc<TwoPhase>,
    /// Workers among which the exchange divides the hashes.
    workers: usize,
    whole: GroupedState,
    parts: Vec<Part>,
    /// Rows of a batch by part, kept for their memory.
    rows: Vec<Vec<IdxSize>>,
}

struct Part {
    state: GroupedState,
    waiting: DataFrameBuilder,
}

impl PartitionedState {
    pub fn new(plan: Arc<TwoPhase>, workers: usize) -> Result<Self, OperatorError> {
        let whole = GroupedState::new(plan.clone())?;
        Ok(Self { plan, workers, whole, parts: Vec::new(), rows: Vec::new() })
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        let width = self.plan.partial_schema().len() * size_of::<u64>();
        self.whole.bytes()
            + self.parts.iter().map(|part| part.state.bytes() + part.waiting.len() * width).sum::<usize>()
    }

    /// Folds in groups of keys and states.
    pub fn merge(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        if !self.parts.is_empty() {
            return self.scatter(states);
        }
        self.whole.merge(states)?;
        if self.whole.len() < MANY_GROUPS || self.plan.key_names().is_empty() {
            return Ok(());
        }
        let part = || {
            let waiting = DataFrameBuilder::new(physical_schema(self.plan.partial_schema()));
            Ok(Part { state: GroupedState::new(self.plan.clone())?, waiting })
        };
        self.parts = std::iter::repeat_with(part).take(PARTS).collect::<Result<_, OperatorError>>()?;
        self.rows = vec![Vec::new(); PARTS];
        let groups = self.take_whole()?.take()?;
        self.scatter(&groups)
    }

    /// Takes up groups of keys and states that were written out.
    pub fn restore(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        self.whole.check(states)?;
        self.merge(states)
    }

    fn scatter(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        self.rows.iter_mut().for_each(Vec::clear);
        for (row, hash) in hash_rows(states, self.plan.key_names())?.into_iter().enumerate() {
            // Where the hash lies in the range of this worker.
            let place = hash.wrapping_mul(self.workers as u64);
            self.rows[part_of(place, PARTS)].push(row as IdxSize);
        }
        let mut states = states.clone();
        states.rechunk_mut();
        for (part, rows) in self.parts.iter_mut().zip(&self.rows) {
            // SAFETY: the rows are row numbers of `states`, whose columns have one chunk.
            unsafe { part.waiting.gather_extend(&states, rows, ShareStrategy::Never) };
            if part.waiting.len() >= part.state.len().max(LEAST_ROWS) {
                part.merge()?;
            }
        }
        Ok(())
    }

    /// Keys and states of some of the groups, which are no longer held, and whether there are more. The only group of an
    /// aggregate without keys is there even if no row was seen, if there must be `at_least_one`.
    pub fn take_next(&mut self, at_least_one: bool) -> Result<(DataFrame, bool), OperatorError> {
        match self.parts.pop() {
            Some(mut part) => {
                part.merge()?;
                Ok((part.state.take()?, !self.parts.is_empty()))
            },
            None if at_least_one => Ok((self.take_whole()?.take_at_least_one()?, false)),
            None => Ok((self.take_whole()?.take()?, false)),
        }
    }

    fn take_whole(&mut self) -> Result<GroupedState, OperatorError> {
        Ok(std::mem::replace(&mut self.whole, GroupedState::new(self.plan.clone())?))
    }

    /// Keys and states of all groups, which stay.
    pub fn copy(&mut self) -> Result<Vec<DataFrame>, OperatorError> {
        if self.parts.is_empty() {
            return Ok(vec![self.whole.copy()?]);
        }
        let copy = |part: &mut Part| {
            part.merge()?;
            part.state.copy()
        };
        self.parts.iter_mut().map(copy).collect()
    }
}

impl Part {
    fn merge(&mut self) -> Result<(), OperatorError> {
        self.state.merge(&self.waiting.freeze_reset())
    }
}
