//! The probe side of a hash join: looks each batch up in the finished build side.

use std::sync::Arc;

use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::build::{list, select};
use super::compare::KeyColumns;
use super::gather::{gather_pairs, gather_probe};
use super::keys::KeyFormat;
use super::lone::LoneRows;
use super::lookup::lookup;
use super::matches::{Cursor, Match, NO_ROW, Pairs};
use super::options::JoinType;
use super::shared::Shared;
use super::side::{BuildSide, JoinTable};

/// Makes the probe channels of one join. See [`HashJoin`](super::HashJoin).
///
/// Streams: pairs leave batch by batch, in the order of the probe rows of the batch, about
/// [`batch_rows`](WorkerContext::batch_rows) at a time however many matches a row has. Build rows that leave on their own
/// (outer joins that preserve the build side; semi and anti joins that build their left side) follow when all probe
/// channels of the process have ended. State: for these joins one bit a build row, else none.
pub struct HashJoinProbe {
    pub(super) shared: Arc<Shared>,
}

impl OperatorFactory for HashJoinProbe {
    fn describe(&self) -> Description {
        let shared = &self.shared;
        let options = &shared.options;
        let columns: Vec<PlSmallStr> = match options.how.filters() && options.emits_build_rows() {
            true => shared.layout.lone.iter().map(|column| column.name.clone()).collect(),
            false => shared.layout.pairs.iter().map(|column| column.name.clone()).collect(),
        };
        let mut description = Description::streams("hash-join")
            .with("how", options.how)
            .with("probe", list(&shared.probe_keys))
            .with("build", format_args!("{} {}", options.build, list(&shared.build_keys)))
            .with("distribution", options.distribution);
        if options.nulls_equal {
            description = description.with("nulls", "equal");
        }
        if let Some(condition) = &options.condition {
            description = description.with("condition", condition);
        }
        description.with("columns", list(&columns))
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(ProbeChannel {
            shared: self.shared.clone(),
            context: *context,
            side: None,
            pending: None,
            lone: None,
            restored: None,
        }))
    }
}

struct ProbeChannel {
    shared: Arc<Shared>,
    context: WorkerContext,
    side: Option<Arc<BuildSide>>,
    pending: Option<Pending>,
    lone: Option<LoneRows>,
    restored: Option<State>,
}

/// A probe batch whose matches have not all been given out.
struct Pending {
    frame: DataFrame,
    cursor: Cursor,
    /// For semi and anti joins that return probe rows and have a condition: which rows have met it.
    met: Vec<bool>,
}

impl ProbeChannel {
    fn side(&mut self) -> Result<Arc<BuildSide>, OperatorError> {
        if let Some(side) = &self.side {
            return Ok(side.clone());
        }
        let side = self.shared.local(&self.context).side()?;
        self.side = Some(side.clone());
        Ok(side)
    }

    fn start(&mut self, frame: DataFrame) -> Result<Pending, OperatorError> {
        let side = self.side()?;
        let shared = &self.shared;
        let height = frame.height();
        let keys = shared.keys(&frame, &shared.probe_keys)?;
        let mut matches = lookup(&side, &shared.ownership(&self.context), &keys)?;
        if shared.format == KeyFormat::Hashed {
            let keys = KeyColumns::of(&frame, &shared.probe_keys)?;
            matches.retain(|found| is_equal(&side, &keys, found));
        }
        let by_row = shared.options.how.filters() && !shared.options.emits_build_rows();
        let met = if by_row && shared.condition.is_some() { vec![false; height] } else { Vec::new() };
        let frame = select(&frame, &shared.layout.probe)?;
        Ok(Pending { cursor: Cursor::new(matches, height as u32), frame, met })
    }

    fn step(&mut self, mut pending: Pending, output: &mut Output) -> Result<Progress, OperatorError> {
        let side = self.side()?;
        let how = self.shared.options.how;
        let done = if !how.filters() {
            self.step_pairs(&side, &mut pending, output)?
        } else if self.shared.options.emits_build_rows() {
            self.step_marks(&side, &mut pending)?
        } else {
            self.step_rows(&side, &mut pending, output)?
        };
        if done {
            return Ok(Progress::Done);
        }
        self.pending = Some(pending);
        Ok(Progress::More)
    }

    /// Inner, outer and cross joins: pairs, and probe rows without a match.
    fn step_pairs(&self, side: &BuildSide, pending: &mut Pending, output: &mut Output) -> Result<bool, OperatorError> {
        let options = &self.shared.options;
        let pairs = pending.cursor.expand(side, self.limit(), |_| false);
        let mut pairs = self.meet(side, &pending.frame, pairs)?;
        mark(side, &pairs);
        if options.how.preserves(options.probe()) {
            pairs = pending.cursor.fill(pairs);
        }
        if pairs.len() > 0 {
            output.push(gather_pairs(&self.shared.layout.pairs, &pending.frame, side, &pairs)?);
        }
        Ok(pending.cursor.is_done())
    }

    /// Semi and anti joins that build their left side: only marks the build rows that match.
    fn step_marks(&self, side: &BuildSide, pending: &mut Pending) -> Result<bool, OperatorError> {
        let conditional = self.shared.condition.is_some();
        // Without a condition the rows of a key are marked together and in order, so its last row stands for all.
        let pairs = pending.cursor.expand(side, self.limit(), |found| {
            let partition = side.partition(found.part);
            !conditional && partition.marks().is_some_and(|marks| marks.get(partition.last_row(found)))
        });
        mark(side, &self.meet(side, &pending.frame, pairs)?);
        Ok(pending.cursor.is_done())
    }

    /// Semi and anti joins that return probe rows.
    fn step_rows(&self, side: &BuildSide, pending: &mut Pending, output: &mut Output) -> Result<bool, OperatorError> {
        let matched = if self.shared.condition.is_none() {
            pending.cursor.matched_rows()
        } else {
            let met = &pending.met;
            let pairs = pending.cursor.expand(side, self.limit(), |found| met[found.row as usize]);
            for row in self.meet(side, &pending.frame, pairs)?.probe {
                pending.met[row as usize] = true;
            }
            if !pending.cursor.is_done() {
                return Ok(false);
            }
            (0..).zip(&pending.met).filter(|(_, met)| **met).map(|(row, _)| row).collect()
        };
        let rows = match self.shared.options.how {
            JoinType::Anti => others(&matched, pending.frame.height() as u32),
            _ => matched,
        };
        output.push(gather_probe(&self.shared.layout.pairs, &pending.frame, &rows)?);
        Ok(true)
    }

    /// Keeps the pairs that meet the condition.
    fn meet(&self, side: &BuildSide, frame: &DataFrame, mut pairs: Pairs) -> Result<Pairs, OperatorError> {
        if let Some(condition) = &self.shared.condition
            && pairs.len() > 0
        {
            let columns = gather_pairs(&self.shared.layout.condition, frame, side, &pairs)?;
            let met = condition.met(&columns)?;
            pairs.retain(|pair| met.get_bit(pair));
        }
        Ok(pairs)
    }

    fn limit(&self) -> usize {
        self.context.batch_rows.max(1)
    }

    /// Takes up marks that were restored, once there are partitions to mark.
    fn apply_restored(&mut self) -> Result<(), OperatorError> {
        if let Some(state) = self.restored.take() {
            let side = self.side()?;
            super::lone::restore(&side, state)?;
        }
        Ok(())
    }
}

/// Whether the keys of a match are equal and not only their hashes.
fn is_equal(side: &BuildSide, keys: &KeyColumns, found: &Match) -> bool {
    let partition = side.partition(found.part);
    match partition.table() {
        JoinTable::Hashed(_, build_keys) => {
            keys.equal(found.row as usize, build_keys, partition.last_row(found) as usize)
        },
        _ => true,
    }
}

fn mark(side: &BuildSide, pairs: &Pairs) {
    let Some(marks) = side.partitions().first().and_then(|partition| partition.marks()) else {
        return;
    };
    if pairs.parts.is_empty() {
        pairs.build.iter().filter(|row| **row != NO_ROW).for_each(|row| marks.set(*row));
        return;
    }
    for (row, part) in pairs.build.iter().zip(&pairs.parts) {
        if let Some(marks) = side.partition(*part).marks() {
            marks.set(*row);
        }
    }
}

/// The numbers below `height` that are not in `rows`, which is in order.
fn others(rows: &[u32], height: u32) -> Vec<u32> {
    let mut others = Vec::with_capacity(height as usize - rows.len());
    let mut next = 0;
    for row in rows {
        others.extend(next..*row);
        next = row + 1;
    }
    others.extend(next..height);
    others
}

impl Operator for ProbeChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        self.apply_restored()?;
        let pending = self.start(batch.into_frame())?;
        self.step(pending, output)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if !self.shared.options.emits_build_rows() {
            return Ok(Progress::Done);
        }
        self.lone = Some(LoneRows::default());
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if let Some(pending) = self.pending.take() {
            return self.step(pending, output);
        }
        if self.lone.is_none() {
            return Ok(Progress::Done);
        }
        self.apply_restored()?;
        let side = self.side()?;
        let local = self.shared.local(&self.context);
        match &mut self.lone {
            Some(lone) => lone.step(&self.shared, local, &side, &self.context, output),
            None => Ok(Progress::Done),
        }
    }

    fn is_ready(&self, _input: usize) -> bool {
        self.shared.gate.is_open()
    }

    /// Nothing comes of any probe row if there is no build row to match and rows without a match do not count.
    fn is_satisfied(&self) -> bool {
        self.shared.options.drops_probe_rows() && self.shared.local(&self.context).is_empty()
    }

    /// Rows that leave on their own are those that no channel of the process has found a match for.
    fn needs_all_input(&self) -> bool {
        self.shared.options.emits_build_rows() && self.context.workers_per_process() > 1
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        if !self.shared.options.emits_build_rows() {
            return Ok(None);
        }
        match self.restored.clone() {
            Some(state) => Ok(Some(state)),
            None => super::lone::snapshot(self.shared.local(&self.context), &self.context).map(Some),
        }
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        self.restored = Some(state);
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let partition = self.shared.local(&self.context).partition(self.context.local_worker());
        partition.and_then(|partition| partition.marks()).map_or(0, |marks| marks.bytes())
    }
}
