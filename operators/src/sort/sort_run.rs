//! All rows of a worker, sorted.

use std::collections::BTreeMap;

use polars_core::frame::DataFrame;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::merge::{Merge, block_rows};
use super::order::SortOrder;
use super::run::Run;
use crate::ordered_batches::concatenate;
use crate::state::foreign;

/// Up to as many runs of a batch each are merged at once; beyond, runs grow.
const RUNS: usize = 64;

/// Sorts all rows of its worker, with the order and the options of Polars' `sort`. With one worker this is the whole sort;
/// behind a range exchange it is the last step of a [distributed sort](super).
///
/// Blocks; holds its whole input. Rows are sorted in runs of about a batch as they come, and the runs are merged at the
/// end: that is up to twice as fast as one large sort and needs two thirds of its memory, as all of it happens in the cache,
/// and every step is short.
///
/// With `maintain_order` equal rows keep the order of the stream: by the worker that sent them, then as they were sent.
/// Without, they leave as they arrived.
///
/// ```
/// use polars_core::df;
/// use polars_core::prelude::SortMultipleOptions;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::sort::{SortOrder, SortRun};
///
/// let rows = df!("a" => [3, 1, 2], "b" => ["x", "y", "z"]).unwrap();
/// let sort = SortRun::new(SortOrder::new(["a"], SortMultipleOptions::default()).unwrap());
/// let sent = drive(&sort, &single_worker(65_536), vec![batches(&rows, 2)], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => [1, 2, 3], "b" => ["y", "z", "x"]).unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct SortRun {
    order: SortOrder,
}

impl SortRun {
    /// Sorts by `order`.
    pub fn new(order: SortOrder) -> Self {
        Self { order }
    }
}

impl OperatorFactory for SortRun {
    fn describe(&self) -> Description {
        let description = Description::blocks("sort").with("by", &self.order);
        if self.order.options().maintain_order { description.with("maintain-order", true) } else { description }
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(SortChannel {
            order: self.order.clone(),
            batch_rows: context.batch_rows.max(1),
            origins: BTreeMap::new(),
            run_rows: 0,
            merge: Merge::default(),
        }))
    }
}

struct SortChannel {
    order: SortOrder,
    batch_rows: usize,
    /// Rows by the worker that sent them if their order matters, else all under 0.
    origins: BTreeMap<usize, Origin>,
    /// Rows in runs.
    run_rows: usize,
    merge: Merge,
}

#[derive(Default)]
struct Origin {
    runs: Vec<Run>,
    /// Rows that came after those in the runs.
    rest: Vec<DataFrame>,
    rest_rows: usize,
    rest_bytes: usize,
}

impl Origin {
    /// Makes a run of the rest; returns its rows.
    fn close(&mut self, order: &SortOrder, block_rows: usize) -> Result<usize, OperatorError> {
        self.rest_rows = 0;
        self.rest_bytes = 0;
        let Some(frame) = concatenate(self.rest.drain(..))? else { return Ok(0) };
        let rows = frame.height();
        self.runs.push(Run::sort(frame, order, block_rows)?);
        Ok(rows)
    }
}

impl SortChannel {
    fn add(&mut self, origin: usize, frame: DataFrame) -> Result<(), OperatorError> {
        let origin = self.origins.entry(origin).or_default();
        origin.rest_rows += frame.height();
        origin.rest_bytes += frame.estimated_size();
        origin.rest.push(frame);
        if origin.rest_rows >= self.batch_rows.max(self.run_rows / RUNS) {
            self.run_rows += origin.close(&self.order, block_rows(self.batch_rows))?;
        }
        Ok(())
    }
}

impl Operator for SortChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let origin = if self.order.options().maintain_order { batch.origin() } else { 0 };
        self.add(origin, batch.into_frame())?;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let mut runs = Vec::new();
        for (_, mut origin) in std::mem::take(&mut self.origins) {
            origin.close(&self.order, block_rows(self.batch_rows))?;
            runs.append(&mut origin.runs);
        }
        self.merge = Merge::new(runs, &self.order, self.batch_rows)?;
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        self.merge.push_next(&self.order, self.batch_rows, output)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let mut state = State::new();
        for (index, origin) in &self.origins {
            for run in &origin.runs {
                if let Some(frame) = concatenate(run.blocks().cloned())? {
                    state.push((format!("run {index}"), frame));
                }
            }
            state.extend(origin.rest.iter().map(|frame| (format!("rest {index}"), frame.clone())));
        }
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            let (kind, origin) = name.split_once(' ').ok_or_else(|| foreign(&name))?;
            let origin = origin.parse().map_err(|_| foreign(&name))?;
            match kind {
                "run" => {
                    self.run_rows += frame.height();
                    let run = Run::from_sorted(frame, block_rows(self.batch_rows));
                    self.origins.entry(origin).or_default().runs.push(run);
                },
                "rest" => self.add(origin, frame)?,
                _ => return Err(foreign(&name)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let bytes = |origin: &Origin| origin.rest_bytes + origin.runs.iter().map(Run::bytes).sum::<usize>();
        self.origins.values().map(bytes).sum::<usize>() + self.merge.bytes()
    }
}
