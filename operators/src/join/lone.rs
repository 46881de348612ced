//! Build rows that leave on their own when the whole probe side has been seen: those without a match in an outer join, the
//! result of a semi or anti join that builds its left side.

use polars_core::prelude::*;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Output, Progress, State, WorkerContext};

use super::gather::gather_lone;
use super::options::JoinType;
use super::shared::{Local, Shared};
use super::side::BuildSide;

/// Build rows that one step looks at.
const SCAN: u32 = 1 << 20;

/// How far a probe channel is with emitting lone rows. It waits for all other probe channels of the process, because any of
/// them may still mark a row; then those on workers that hold build rows share out the partitions.
#[derive(Default)]
pub(super) struct LoneRows {
    ended: bool,
    partition: Option<(usize, u32)>,
}

impl LoneRows {
    pub(super) fn step(
        &mut self,
        shared: &Shared,
        local: &Local,
        side: &BuildSide,
        context: &WorkerContext,
        output: &mut Output,
    ) -> Result<Progress, OperatorError> {
        let limit = context.batch_rows.max(1);
        if !self.ended {
            local.end_probe();
            self.ended = true;
        }
        if !local.is_probed() {
            // The others are about to end: they share the frontier of the probe side.
            std::thread::yield_now();
            return Ok(Progress::More);
        }
        if !shared.options.build_channels.contains(context.worker) {
            return Ok(Progress::Done);
        }
        let Some((part, from)) = self.partition.take().or_else(|| local.claim().map(|part| (part, 0))) else {
            return Ok(Progress::Done);
        };
        let partition = &side.partitions()[part];
        let Some(marks) = partition.marks() else {
            return Ok(Progress::More);
        };
        let wanted = shared.options.how == JoinType::Semi;
        let until = partition.height().min(from.saturating_add(SCAN));
        let mut next = from;
        let mut rows = Vec::with_capacity(limit.min(partition.height() as usize));
        while next < until && rows.len() < limit {
            if marks.get(next) == wanted {
                rows.push(next);
            }
            next += 1;
        }
        output.push(gather_lone(&shared.layout.lone, partition, &rows)?);
        self.partition = (next < partition.height()).then_some((part, next));
        Ok(Progress::More)
    }
}

/// The marks of the partition of a worker: a row for each build row.
pub(super) fn snapshot(local: &Local, context: &WorkerContext) -> Result<State, OperatorError> {
    let Some(partition) = local.partition(context.local_worker()) else {
        return Ok(State::new());
    };
    let Some(marks) = partition.marks() else {
        return Ok(State::new());
    };
    let marked: BooleanChunked = (0..partition.height()).map(|row| marks.get(row)).collect();
    let part = Column::new_scalar("part".into(), Scalar::from(context.local_worker() as u32), marked.len());
    let columns = vec![part, marked.with_name("marked".into()).into_column()];
    Ok(vec![("marks".to_string(), DataFrame::new(partition.height() as usize, columns)?)])
}

/// Sets the marks of a snapshot again.
pub(super) fn restore(side: &BuildSide, state: State) -> Result<(), OperatorError> {
    for (_, frame) in state {
        let parts = frame.column("part")?.as_materialized_series().u32()?;
        let marked = frame.column("marked")?.as_materialized_series().bool()?;
        let Some(marks) = parts.first().and_then(|part| side.partitions().get(part as usize)?.marks()) else {
            continue;
        };
        for (row, _) in (0u32..).zip(marked.iter()).filter(|(_, marked)| *marked == Some(true)) {
            marks.set(row);
        }
    }
    Ok(())
}
