//! The state of a final aggregate, in parts that fit the caches once there are many groups.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;
use quokka_engine::error::OperatorError;
use quokka_engine::hash::{hash_rows, part_of};
use quokka_engine::operator::Progress;

use super::grouped_state::GroupedState;
use super::plan::TwoPhase;
use crate::detach::detach;
use crate::gather::gather;

/// Parts that the groups are divided into, by the hash of their keys.
const PARTS: usize = 64;
/// Rows that are divided together. As long as there are fewer, they are not divided.
const DIVIDED_ROWS: usize = 1 << 16;
/// Rows that are merged together, at least, if none were merged before: their table and states fit the second cache.
const MERGED_ROWS: usize = 1 << 14;
/// Bytes of rows that may wait, however few groups there are.
const MOST_WAITING: usize = 64 << 20;

/// Groups with their accumulators, divided by the hash of their keys.
///
/// Rows wait, divided, until the input ends or they take more memory than may wait and than the groups take. Then the
/// groups of one part are merged after those of another, so that no table grows beyond the caches; if that happens at the
/// end only, in the same memory.
pub(crate) struct PartitionedState {
    plan: Arc<TwoPhase>,
    /// Workers among which the exchange divides the hashes.
    workers: usize,
    /// Rows that are not divided yet.
    fresh: Vec<DataFrame>,
    fresh_rows: usize,
    fresh_bytes: usize,
    divided: Vec<Divided>,
    /// Bytes of all rows that wait.
    waiting_bytes: usize,
    /// [`MOST_WAITING`].
    most_waiting: usize,
    /// Parts whose rows were merged, while all others wait for that.
    merged: usize,
    /// The groups of each part, or empty if nothing was merged yet.
    parts: Vec<GroupedState>,
    /// For groups that are not held: of rows that are merged when the input has ended. The only group without keys.
    passing: GroupedState,
    /// Parts that were not taken yet.
    left: usize,
}

/// Rows, part by part.
struct Divided {
    rows: DataFrame,
    /// First row of each part, and the number of rows.
    starts: [usize; PARTS + 1],
}

impl PartitionedState {
    pub fn new(plan: Arc<TwoPhase>, workers: usize) -> Result<Self, OperatorError> {
        Ok(Self {
            workers,
            fresh: Vec::new(),
            fresh_rows: 0,
            fresh_bytes: 0,
            divided: Vec::new(),
            waiting_bytes: 0,
            most_waiting: MOST_WAITING,
            merged: 0,
            parts: Vec::new(),
            passing: GroupedState::new(plan.clone())?,
            left: PARTS,
            plan,
        })
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        self.passing.bytes() + self.waiting_bytes + self.parts_bytes()
    }

    fn parts_bytes(&self) -> usize {
        self.parts.iter().map(GroupedState::bytes).sum()
    }

    /// Folds in groups of keys and states. If there is [`Progress::More`] to do, [`merge_next`](Self::merge_next) does it.
    pub fn merge(&mut self, states: &DataFrame) -> Result<Progress, OperatorError> {
        if self.plan.key_names().is_empty() {
            self.passing.merge(states)?;
            return Ok(Progress::Done);
        }
        let states = detach(states.clone())?;
        let bytes = states.estimated_size();
        self.waiting_bytes += bytes;
        self.fresh_bytes += bytes;
        self.fresh_rows += states.height();
        self.fresh.push(states);
        if self.fresh_rows >= DIVIDED_ROWS {
            self.divide_fresh()?;
        }
        if self.waiting_bytes < self.most_waiting.max(self.parts_bytes()) {
            return Ok(Progress::Done);
        }
        self.divide_fresh()?;
        Ok(Progress::More)
    }

    /// Merges the rows of the next part.
    pub fn merge_next(&mut self) -> Result<Progress, OperatorError> {
        if self.parts.is_empty() {
            let part = || GroupedState::new(self.plan.clone());
            self.parts = std::iter::repeat_with(part).take(PARTS).collect::<Result<_, _>>()?;
        }
        let rows = waiting(&self.divided, self.merged, self.merged + 1)?;
        self.parts[self.merged].merge(&rows)?;
        self.merged += 1;
        if self.merged < PARTS {
            return Ok(Progress::More);
        }
        self.merged = 0;
        self.divided.clear();
        self.waiting_bytes = 0;
        Ok(Progress::Done)
    }

    /// Takes up groups of keys and states that were written out.
    pub fn restore(&mut self, states: &DataFrame) -> Result<(), OperatorError> {
        self.passing.check(states)?;
        let mut progress = self.merge(states)?;
        while progress == Progress::More {
            progress = self.merge_next()?;
        }
        Ok(())
    }

    /// Divides the rows that were not divided yet.
    fn divide_fresh(&mut self) -> Result<(), OperatorError> {
        self.fresh_rows = 0;
        self.waiting_bytes -= std::mem::take(&mut self.fresh_bytes);
        let rows = whole(self.fresh.drain(..))?;
        if rows.height() == 0 {
            return Ok(());
        }
        // Where a hash lies in the range of this worker.
        let part = |hash: u64| part_of(hash.wrapping_mul(self.workers as u64), PARTS) as u8;
        let parts: Vec<u8> = hash_rows(&rows, self.plan.key_names())?.into_iter().map(part).collect();
        let mut starts = [0; PARTS + 1];
        parts.iter().for_each(|part| starts[usize::from(*part) + 1] += 1);
        (0..PARTS).for_each(|part| starts[part + 1] += starts[part]);
        let mut places = starts;
        let mut order: Vec<IdxSize> = vec![0; parts.len()];
        for (row, part) in parts.into_iter().enumerate() {
            let place = &mut places[usize::from(part)];
            order[*place] = row as IdxSize;
            *place += 1;
        }
        let rows = gather(&rows, &order)?;
        self.waiting_bytes += rows.estimated_size();
        self.divided.push(Divided { rows, starts });
        Ok(())
    }

    /// Keys and states of some of the groups, which are no longer held, and whether there are more. The only group of an
    /// aggregate without keys is there even if no row was seen, if there must be `at_least_one`.
    pub fn take_next(&mut self, at_least_one: bool) -> Result<(DataFrame, bool), OperatorError> {
        if self.divided.is_empty() && self.parts.is_empty() {
            self.passing.merge(&whole(self.fresh.drain(..))?)?;
            let groups = if at_least_one { self.passing.take_at_least_one()? } else { self.passing.take()? };
            self.clear()?;
            return Ok((groups, false));
        }
        self.divide_fresh()?;
        let end = self.left;
        self.left -= 1;
        let groups = match self.parts.pop() {
            Some(mut groups) => {
                groups.merge(&waiting(&self.divided, self.left, end)?)?;
                groups.take()?
            },
            None => {
                let rows =
                    |from: usize| self.divided.iter().map(|rows| rows.starts[end] - rows.starts[from]).sum::<usize>();
                while self.left > 0 && rows(self.left) < MERGED_ROWS {
                    self.left -= 1;
                }
                self.passing.merge(&waiting(&self.divided, self.left, end)?)?;
                self.passing.take()?
            },
        };
        let more = self.left > 0;
        if !more {
            self.clear()?;
        }
        Ok((groups, more))
    }

    /// Gives all memory back.
    fn clear(&mut self) -> Result<(), OperatorError> {
        *self = Self::new(self.plan.clone(), self.workers)?;
        Ok(())
    }

    /// Keys and states of all groups, which stay.
    pub fn copy(&mut self) -> Result<Vec<DataFrame>, OperatorError> {
        let mut states = vec![self.passing.copy()?];
        for part in &mut self.parts {
            states.push(part.copy()?);
        }
        states.extend(self.divided.iter().map(|rows| rows.rows.clone()));
        states.extend(self.fresh.iter().cloned());
        Ok(states)
    }
}

/// The rows of the parts from `first` on and before `end`.
fn waiting(divided: &[Divided], first: usize, end: usize) -> Result<DataFrame, OperatorError> {
    let slice = |rows: &Divided| {
        let (start, end) = (rows.starts[first], rows.starts[end]);
        rows.rows.slice(start as i64, end - start)
    };
    whole(divided.iter().map(slice))
}

/// All rows of some frames, in one chunk.
fn whole(frames: impl Iterator<Item = DataFrame>) -> Result<DataFrame, OperatorError> {
    let mut frames = frames.filter(|frame| frame.height() > 0);
    let Some(mut whole) = frames.next() else { return Ok(DataFrame::default()) };
    for frame in frames {
        whole.vstack_mut_owned(frame)?;
    }
    whole.rechunk_mut();
    Ok(whole)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::HashMap;

    use polars_core::df;
    use quokka_engine::expr::prelude::{col, len};

    use super::super::plan::Named;
    use super::*;

    const ROWS: i64 = 200_000;

    fn plan() -> Arc<TwoPhase> {
        let named = |expr, name: &str| Named { name: name.into(), expr };
        let schema = df!("k" => [0i64], "v" => [0i64]).unwrap().schema().clone();
        let aggs = [named(col("v").sum(), "sum"), named(len(), "rows")];
        Arc::new(TwoPhase::new(&[named(col("k"), "k")], &aggs, &schema).unwrap().unwrap())
    }

    /// Rows of so many groups, as states.
    fn states(plan: &TwoPhase, groups: i64, batch_rows: i64) -> Vec<DataFrame> {
        let batch = |start: i64| {
            let rows = start..(start + batch_rows).min(ROWS);
            let keys: Vec<i64> = rows.clone().map(|row| row * 7 % groups).collect();
            let frame = df!("k" => keys, "v" => rows.collect::<Vec<i64>>()).unwrap();
            plan.single_rows(plan.inputs(&frame).unwrap(), 0).unwrap()
        };
        (0..ROWS).step_by(batch_rows as usize).map(batch).collect()
    }

    fn drain(state: &mut PartitionedState, known: &mut HashMap<i64, (i64, u32)>) -> usize {
        let mut frames = 0;
        loop {
            let (groups, more) = state.take_next(false).unwrap();
            let groups = state.plan.finish(&groups).unwrap();
            let keys = groups.column("k").unwrap().i64().unwrap().into_no_null_iter();
            let sums = groups.column("sum").unwrap().i64().unwrap().into_no_null_iter();
            let rows = groups.column("rows").unwrap().u32().unwrap().into_no_null_iter();
            for ((key, sum), rows) in keys.zip(sums).zip(rows) {
                assert!(known.insert(key, (sum, rows)).is_none(), "group {key} came twice");
            }
            frames += 1;
            if !more {
                return frames;
            }
        }
    }

    #[test]
    fn every_row_counts_once_however_long_it_waits() {
        let plan = plan();
        for (groups, batch_rows) in [(1, 5000), (1000, 65_536), (150_000, 7000), (ROWS, 40_000)] {
            let mut expected: HashMap<i64, (i64, u32)> = HashMap::new();
            for row in 0..ROWS {
                let group = expected.entry(row * 7 % groups).or_default();
                *group = (group.0 + row, group.1 + 1);
            }
            for most_waiting in [0, 100_000, 1 << 20, usize::MAX] {
                let mut state = PartitionedState::new(plan.clone(), 3).unwrap();
                state.most_waiting = most_waiting;
                let mut merged = 0;
                for batch in states(&plan, groups, batch_rows) {
                    let mut progress = state.merge(&batch).unwrap();
                    merged += usize::from(progress == Progress::More);
                    while progress == Progress::More {
                        progress = state.merge_next().unwrap();
                    }
                    assert!(state.waiting_bytes <= most_waiting.max(state.parts_bytes()));
                    assert!(state.bytes() >= state.waiting_bytes);
                }
                assert_eq!(merged > 0, most_waiting <= 1 << 20);
                let mut copy = PartitionedState::new(plan.clone(), 3).unwrap();
                copy.most_waiting = most_waiting;
                for states in state.copy().unwrap() {
                    copy.restore(&states).unwrap();
                }
                for mut state in [state, copy] {
                    let mut known = HashMap::new();
                    drain(&mut state, &mut known);
                    assert_eq!(known, expected);
                    assert_eq!(state.bytes(), 0);
                }
            }
        }
    }

    #[test]
    fn few_rows_are_merged_at_once() {
        let plan = plan();
        let mut state = PartitionedState::new(plan.clone(), 1).unwrap();
        for batch in states(&plan, 50_000, 10_000).into_iter().take(6) {
            assert_eq!(state.merge(&batch).unwrap(), Progress::Done);
        }
        let mut known = HashMap::new();
        assert_eq!(drain(&mut state, &mut known), 1);
        assert_eq!(known.len(), 50_000);
    }
}
