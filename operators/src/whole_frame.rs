//! A function of all rows at once.

use std::fmt;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};
use quokka_engine::physical::physical_schema;

use crate::ordered_batches::{OrderedBatches, concatenate};
use crate::slices::Slices;

/// What a [`WholeFrame`] applies.
pub type FrameFunction = Arc<dyn Fn(DataFrame) -> Result<DataFrame, OperatorError> + Send + Sync>;

/// Collects all rows of its worker, applies a function to them once, and sends the result: for expressions that need
/// every row (an order, a median, a rank).
///
/// Blocks, and holds its whole input. Behind a gather this is the whole stream; behind a hash exchange it is all rows of
/// some keys. Rows stand in the order of the stream: by the worker that sent them, then as they were sent.
///
/// ```
/// use std::sync::Arc;
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::whole_frame::WholeFrame;
///
/// let rows = df!("a" => [3, 1, 2]).unwrap();
/// let last = WholeFrame::new("last", rows.schema().clone(), Arc::new(|df| Ok(df.tail(Some(1)))));
/// let sent = drive(&last, &single_worker(2), vec![batches(&rows, 2)], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => [2]).unwrap()]);
/// ```
#[derive(Clone)]
pub struct WholeFrame {
    what: String,
    input: SchemaRef,
    function: FrameFunction,
    run_on_empty: Option<usize>,
}

impl WholeFrame {
    /// Applies `function`, described to the user as `what`, to all rows; the columns of the rows are `input`. Workers that
    /// get no rows send none.
    pub fn new(what: impl Into<String>, input: SchemaRef, function: FrameFunction) -> Self {
        Self { what: what.into(), input, function, run_on_empty: None }
    }

    /// This worker applies the function even if it got no row, as a mean of nothing is one row too. For the operator behind
    /// a gather.
    pub fn with_run_on_empty(mut self, worker: usize) -> Self {
        self.run_on_empty = Some(worker);
        self
    }
}

impl fmt::Debug for WholeFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.describe())
    }
}

impl OperatorFactory for WholeFrame {
    fn describe(&self) -> Description {
        let description = Description::blocks("whole-frame").with("function", &self.what);
        match self.run_on_empty {
            Some(worker) => description.with("run-on-empty", worker),
            None => description,
        }
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(WholeFrameChannel {
            input: self.input.clone(),
            function: self.function.clone(),
            run_on_empty: self.run_on_empty == Some(context.worker),
            batch_rows: context.batch_rows,
            held: OrderedBatches::default(),
            result: Slices::default(),
        }))
    }
}

struct WholeFrameChannel {
    input: SchemaRef,
    function: FrameFunction,
    run_on_empty: bool,
    batch_rows: usize,
    held: OrderedBatches,
    result: Slices,
}

impl Operator for WholeFrameChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.held.push(batch);
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let mut whole = match concatenate(self.held.take())? {
            Some(whole) => whole,
            None if self.run_on_empty => DataFrame::empty_with_schema(&physical_schema(&self.input)),
            None => return Ok(Progress::Done),
        };
        // Column by column, so that no more than one column is held twice.
        whole.rechunk_mut();
        self.result = Slices::new((self.function)(whole)?);
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        Ok(self.result.push_next(self.batch_rows, output))
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.held.snapshot()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(name, frame)| self.held.restore(&name, frame))
    }

    fn state_bytes(&self) -> usize {
        self.held.bytes() + self.result.bytes()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::prelude::{NamedFrom, Series};
    use quokka_engine::error::ErrorKind;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;

    fn cumulated(run_on_empty: bool) -> WholeFrame {
        let schema = df!("a" => [0i64]).unwrap().schema().clone();
        let function = |df: DataFrame| -> Result<DataFrame, OperatorError> {
            let sum = df.column("a")?.i64()?.iter().flatten().sum::<i64>();
            let mut total = 0;
            let mut sums: Vec<i64> = df
                .column("a")?
                .i64()?
                .iter()
                .flatten()
                .map(|value| {
                    total += value;
                    total
                })
                .collect();
            sums.push(sum);
            Ok(df!("a" => sums)?)
        };
        let cumulated = WholeFrame::new("cumulated", schema, Arc::new(function));
        if run_on_empty { cumulated.with_run_on_empty(0) } else { cumulated }
    }

    #[test]
    fn sees_all_rows_once_and_in_order() {
        let values: Vec<i64> = (0..100).collect();
        let rows = df!("a" => &values).unwrap();
        let expected: Vec<i64> = (0..100).map(|n| n * (n + 1) / 2).chain([4950]).collect();
        for batch_rows in [1, 7, 65_536] {
            for restore in [Restore::Never, Restore::EveryBatch] {
                let input = vec![batches(&rows, batch_rows)];
                let sent = drive(&cumulated(false), &single_worker(batch_rows), input, restore).unwrap();
                assert!(sent.iter().all(|batch| batch.height() <= batch_rows));
                let whole = concatenate(sent.into_iter()).unwrap().unwrap();
                assert_eq!(whole, df!("a" => &expected).unwrap());
            }
        }
    }

    #[test]
    fn rows_stand_by_origin_and_leave_in_steps() {
        let mut channel = cumulated(false).create(&single_worker(2)).unwrap();
        let mut output = Output::default();
        for (value, origin) in [(30, 2), (1, 0), (20, 1), (40, 2), (2, 0)] {
            let batch = Batch::new(df!("a" => [value as i64]).unwrap(), origin);
            assert_eq!(channel.on_batch(0, batch, &mut output).unwrap(), Progress::Done);
        }
        assert!(channel.state_bytes() >= 5 * 8);
        assert!(output.is_empty());
        let mut sent = Vec::new();
        let mut progress = channel.on_input_end(0, &mut output).unwrap();
        loop {
            let batch = output.drain().collect::<Vec<_>>();
            assert_eq!(batch.len(), 1);
            sent.extend(batch[0].column("a").unwrap().i64().unwrap().iter().flatten());
            if progress == Progress::Done {
                break;
            }
            progress = channel.resume(&mut output).unwrap();
        }
        assert_eq!(sent, [1, 3, 23, 53, 93, 93]);
        assert_eq!(channel.state_bytes(), 0);
    }

    #[test]
    fn an_empty_input_counts_on_worker_zero_only() {
        let run = |run_on_empty, worker| {
            let context = WorkerContext { worker, workers: 2, ..single_worker(7) };
            drive(&cumulated(run_on_empty), &context, vec![vec![]], Restore::Never).unwrap()
        };
        assert_eq!(run(true, 0), [df!("a" => [0i64]).unwrap()]);
        assert!(run(true, 1).is_empty());
        assert!(run(false, 0).is_empty());
    }

    #[test]
    fn errors_keep_their_kind() {
        let other = df!("b" => [1i64]).unwrap();
        let error = drive(&cumulated(false), &single_worker(7), vec![vec![other.clone()]], Restore::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
        let mut channel = cumulated(false).create(&single_worker(7)).unwrap();
        let error = channel.restore(vec![("elsewhere".into(), other)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn a_frame_without_columns_keeps_its_rows() {
        let rows = DataFrame::new(5, vec![]).unwrap();
        let count = |df: DataFrame| Ok(DataFrame::new(1, vec![Series::new("n".into(), [df.height() as i64]).into()])?);
        let count = WholeFrame::new("count", rows.schema().clone(), Arc::new(count));
        let sent = drive(&count, &single_worker(2), vec![batches(&rows, 2)], Restore::EveryBatch).unwrap();
        assert_eq!(sent[0].column("n").unwrap().i64().unwrap().get(0), Some(5));
    }
}
