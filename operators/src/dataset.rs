//! Rows that outlive their query, where they are.
//!
//! ```text
//!  … ─▶ keep-dataset, on every worker: keeps its rows ══ what is known of them ══▶ number-dataset, on worker 0 ══▶ …
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IdxSize, SchemaRef};
use quokka_engine::batch::Batch;
use quokka_engine::dataset::{Part, no_bounds, no_part, set_number};
use quokka_engine::error::OperatorError;
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};
use quokka_engine::physical::physical_schema;
use quokka_engine::sample::places;

use crate::detach::detach;
use crate::gather::gather;
use crate::kept_batches::KeptBatches;

/// Rows of the samples of all workers together: some more than are needed, as workers hold unequal parts.
const SAMPLED_ROWS: usize = 4 * 4096;
/// Rows of the sample of one worker, whatever their number.
const LEAST_SAMPLE: usize = 256;
const MOST_SAMPLE: usize = 4096;
/// Bytes of the sample of one worker.
const SAMPLED_BYTES: usize = 1 << 20;

/// Hands all rows of its input over to a [`Materialized`], each worker its own, and sends what is known of them: their
/// number, bounds of their columns and a sample, with the columns of [`parts_schema`](quokka_engine::dataset::parts_schema).
///
/// Blocks. State: all rows. Small batches are put together.
pub struct KeepDataset {
    into: Arc<Materialized>,
}

impl KeepDataset {
    /// Keeps rows in `into`.
    pub fn new(into: Arc<Materialized>) -> Self {
        Self { into }
    }
}

impl OperatorFactory for KeepDataset {
    fn describe(&self) -> Description {
        Description::blocks("keep-dataset")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(Keeper {
            into: self.into.clone(),
            context: *context,
            kept: KeptBatches::new(context.batch_rows),
            bounds: Bounds::default(),
        }))
    }
}

struct Keeper {
    into: Arc<Materialized>,
    context: WorkerContext,
    kept: KeptBatches,
    bounds: Bounds,
}

impl Keeper {
    fn keep(&mut self, batch: DataFrame) -> Result<(), OperatorError> {
        let batch = self.kept.keep(batch)?;
        self.bounds.extend(&batch)
    }

    /// Rows from all over `batches`, at [places].
    fn sample(&self, batches: &[DataFrame]) -> Result<DataFrame, OperatorError> {
        let count = (SAMPLED_ROWS / self.context.workers).clamp(LEAST_SAMPLE, MOST_SAMPLE);
        let mut drawn = places(count, self.kept.rows()).peekable();
        let mut sample: Option<DataFrame> = None;
        let mut start = 0;
        for batch in batches {
            let end = start + batch.height();
            let rows: Vec<IdxSize> =
                std::iter::from_fn(|| drawn.next_if(|row| *row < end)).map(|row| (row - start) as IdxSize).collect();
            let rows = gather(batch, &rows)?;
            match &mut sample {
                Some(sample) => {
                    sample.vstack_mut_owned(rows)?;
                },
                None => sample = Some(rows),
            }
            start = end;
        }
        let mut sample = detach(sample.unwrap_or_default())?;
        sample.rechunk_mut();
        while sample.estimated_size() > SAMPLED_BYTES && sample.height() > 1 {
            let half: Vec<IdxSize> = places(sample.height() / 2, sample.height()).map(|row| row as IdxSize).collect();
            sample = detach(gather(&sample, &half)?)?;
        }
        Ok(sample)
    }
}

impl Operator for Keeper {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.keep(batch.into_frame())?;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let (rows, bytes) = (self.kept.rows() as u64, self.kept.bytes() as u64);
        let batches = self.kept.finish()?;
        if let Some(bounds) = self.bounds.finish()? {
            let sample = self.sample(&batches)?;
            output.push(Part { worker: self.context.worker as u64, rows, bytes, bounds, sample }.to_frame()?);
        }
        self.into.publish(&self.context, batches);
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.kept.iter().map(|batch| ("rows".to_owned(), batch.clone())).collect()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(_, batch)| self.keep(batch))
    }

    fn state_bytes(&self) -> usize {
        self.kept.bytes()
    }
}

/// The smallest and the largest value of each column.
#[derive(Default)]
struct Bounds {
    /// Of several batches; two rows each.
    rows: Option<DataFrame>,
}

/// Bounds of so many batches are put together at once.
const BATCHES: usize = 64;

impl Bounds {
    fn extend(&mut self, batch: &DataFrame) -> Result<(), OperatorError> {
        let bounds = bounds(batch)?;
        match &mut self.rows {
            None => self.rows = Some(bounds),
            Some(rows) => {
                rows.vstack_mut_owned(bounds)?;
                if rows.height() >= 2 * BATCHES {
                    *rows = self::bounds(rows)?;
                }
            },
        }
        Ok(())
    }

    /// Two rows; `None` if there was no batch.
    fn finish(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        self.rows.take().map(|rows| bounds(&rows)).transpose()
    }
}

/// Two rows: the smallest and the largest value of each column, null where they are not worth their time.
fn bounds(batch: &DataFrame) -> Result<DataFrame, OperatorError> {
    let unknown = no_bounds(batch.schema());
    let bounds = |(column, unknown): (&Column, &Column)| -> Result<Column, OperatorError> {
        let dtype = column.dtype();
        if !dtype.is_primitive_numeric() && !dtype.is_temporal() && *dtype != DataType::Boolean {
            return Ok(unknown.clone());
        }
        let (min, max) = (column.min_reduce()?, column.max_reduce()?);
        let mut bounds = min.into_column(column.name().clone());
        bounds.append(&max.into_column(column.name().clone()))?;
        Ok(bounds)
    };
    let columns = batch.columns().iter().zip(unknown.columns()).map(bounds).collect::<Result<_, _>>()?;
    Ok(DataFrame::new(2, columns)?)
}

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// Gives what all [`KeepDataset`] have sent, on worker 0, the number of a new dataset. If none has sent anything, it says
/// that there are no rows.
///
/// Streams. Holds nothing.
pub struct NumberDataset {
    /// Of the rows that are kept.
    schema: SchemaRef,
}

impl NumberDataset {
    /// For rows with the columns of `schema`.
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema }
    }
}

impl OperatorFactory for NumberDataset {
    fn describe(&self) -> Description {
        Description::streams("number-dataset")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let number = (context.worker == 0).then(|| NEXT_NUMBER.fetch_add(1, Ordering::Relaxed));
        Ok(Box::new(Numberer { schema: self.schema.clone(), number, is_empty: true }))
    }
}

struct Numberer {
    schema: SchemaRef,
    /// On worker 0.
    number: Option<u64>,
    is_empty: bool,
}

impl Operator for Numberer {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        self.is_empty = false;
        output.push(set_number(batch.into_frame(), self.number.unwrap_or_default())?);
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if let (Some(number), true) = (self.number, self.is_empty) {
            output.push(set_number(no_part(&physical_schema(&self.schema))?, number)?);
        }
        Ok(Progress::Done)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::dataset::parts;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;

    fn all(frames: &[DataFrame]) -> DataFrame {
        frames.iter().cloned().reduce(|one, other| one.vstack(&other).unwrap()).unwrap()
    }

    #[test]
    fn rows_stay_and_what_is_known_of_them_is_sent() {
        let numbers: Vec<Option<i64>> = (0..10_000).map(|n| (n % 7 != 0).then_some((n * 37) % 10_007)).collect();
        let text: Vec<String> = (0..10_000).map(|n| format!("a text that does not fit its view {n}")).collect();
        let input = df!("n" => &numbers, "t" => &text).unwrap();
        for restore in [Restore::Never, Restore::EveryBatch] {
            let into = Arc::new(Materialized::new());
            let sent = drive(&KeepDataset::new(into.clone()), &single_worker(64), vec![batches(&input, 50)], restore);
            assert!(all(into.batches()).equals_missing(&input));
            let numbered = vec![sent.unwrap()];
            let number = NumberDataset::new(input.schema().clone());
            let (first, parts) =
                parts(&all(&drive(&number, &single_worker(64), numbered.clone(), restore).unwrap())).unwrap();
            let second = all(&drive(&number, &single_worker(64), numbered, restore).unwrap());
            assert!(quokka_engine::dataset::parts(&second).unwrap().0 > first);
            let [part] = parts.as_slice() else { panic!("{parts:?}") };
            assert_eq!((part.worker, part.rows, part.sample.height()), (0, 10_000, MOST_SAMPLE));
            assert!(part.bytes > 10_000 * 40);
            let known =
                df!("n" => [numbers.iter().flatten().min().copied(), numbers.iter().flatten().max().copied()]).unwrap();
            assert_eq!(part.bounds.column("n").unwrap(), known.column("n").unwrap());
            assert_eq!(part.bounds.column("t").unwrap().null_count(), 2);
            // Values of a row stay together.
            let (n, t) =
                (part.sample.column("n").unwrap().i64().unwrap(), part.sample.column("t").unwrap().str().unwrap());
            let row = |text: &str| text.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
            assert!(n.iter().zip(t.iter()).all(|(n, text)| numbers[row(text.unwrap())] == n));
        }
    }

    #[test]
    fn large_texts_make_a_small_sample() {
        let input = df!("t" => (0..500).map(|n| format!("{n}").repeat(10_000)).collect::<Vec<_>>()).unwrap();
        let keep = KeepDataset::new(Arc::new(Materialized::new()));
        let sent = drive(&keep, &single_worker(64), vec![batches(&input, 10)], Restore::Never).unwrap();
        let (_, parts) = parts(&all(&sent)).unwrap();
        assert!((2..500).contains(&parts[0].sample.height()) && parts[0].sample.estimated_size() <= SAMPLED_BYTES);
    }

    #[test]
    fn no_rows_are_a_dataset_too() {
        let schema = df!("a" => [1]).unwrap().schema().clone();
        let keep = KeepDataset::new(Arc::new(Materialized::new()));
        let sent = drive(&keep, &single_worker(64), vec![vec![]], Restore::Never).unwrap();
        assert!(sent.is_empty());
        let sent = drive(&NumberDataset::new(schema), &single_worker(64), vec![sent], Restore::Never).unwrap();
        let (number, parts) = parts(&all(&sent)).unwrap();
        assert!(number > 0);
        assert_eq!((parts.len(), parts[0].rows), (1, 0));
    }
}
