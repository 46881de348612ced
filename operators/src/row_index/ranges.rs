//! Numbers for the rows of a sorted stream, of which each worker holds one range.

use std::collections::{BTreeMap, VecDeque};

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, Field};
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::RowNumber;
use crate::state::{foreign, number, read_number};

const WORKER: &str = "worker";
const ROWS: &str = "rows";

/// Tells how many rows its worker has, in one row when all have come.
///
/// Blocks; holds the count.
#[derive(Clone, Copy, Debug)]
pub struct RowCount;

impl RowCount {
    /// The columns of what it tells.
    pub fn schema() -> SchemaRef {
        Schema::from_iter([WORKER, ROWS].map(|name| Field::new(name.into(), DataType::UInt64))).into()
    }
}

impl OperatorFactory for RowCount {
    fn describe(&self) -> Description {
        Description::blocks("row-count")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(RowCountChannel { worker: context.worker as u64, rows: 0 }))
    }
}

struct RowCountChannel {
    worker: u64,
    rows: u64,
}

impl Operator for RowCountChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.rows += batch.height() as u64;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        output.push(df!(WORKER => [self.worker], ROWS => [self.rows])?);
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(vec![number(ROWS, self.rows)?]))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (_, frame) in state {
            self.rows = read_number(&frame)?;
        }
        Ok(())
    }
}

/// Puts the number of each row in front of it, where worker `i` has the `i`-th range of the rows: those of the first input.
/// The second input are the [counts](RowCount) of all workers.
///
/// Holds the rows of its worker until the counts are there, which is when the last row has come; streams then.
#[derive(Clone, Debug)]
pub struct IndexRanges {
    number: RowNumber,
    offset: u64,
}

impl IndexRanges {
    /// Numbers from `offset` on.
    pub fn new(number: RowNumber, offset: u64) -> Self {
        Self { number, offset }
    }
}

impl OperatorFactory for IndexRanges {
    fn describe(&self) -> Description {
        let description = Description::blocks("row-index").with("name", &self.number.name).with("order", "by worker");
        if self.offset > 0 { description.with("offset", self.offset) } else { description }
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(IndexRangesChannel {
            index: self.clone(),
            worker: context.worker as u64,
            counts: BTreeMap::new(),
            next: None,
            held: VecDeque::new(),
            bytes: 0,
        }))
    }
}

struct IndexRangesChannel {
    index: IndexRanges,
    worker: u64,
    /// Rows of each worker.
    counts: BTreeMap<u64, u64>,
    /// The number of the next row, when it is known.
    next: Option<u64>,
    held: VecDeque<DataFrame>,
    bytes: usize,
}

impl Operator for IndexRangesChannel {
    fn on_batch(&mut self, input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        if input > 0 {
            let workers = batch.column(WORKER)?.u64()?.iter().flatten();
            self.counts.extend(workers.zip(batch.column(ROWS)?.u64()?.iter().flatten()));
            return Ok(Progress::Done);
        }
        self.bytes += batch.estimated_size();
        self.held.push_back(batch.into_frame());
        if self.next.is_some() { self.resume(output) } else { Ok(Progress::Done) }
    }

    fn on_input_end(&mut self, input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if input > 0 {
            let before: u64 = self.counts.range(..self.worker).map(|(_, rows)| rows).sum();
            self.next = Some(self.index.offset + before);
        }
        if self.next.is_some() { self.resume(output) } else { Ok(Progress::Done) }
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if let (Some(next), Some(rows)) = (self.next, self.held.pop_front()) {
            output.push(self.index.number.put_before(&rows, next)?);
            self.next = Some(next + rows.height() as u64);
        }
        if self.held.is_empty() {
            self.bytes = 0;
            return Ok(Progress::Done);
        }
        Ok(Progress::More)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let mut state: State = self.held.iter().map(|rows| ("held".into(), rows.clone())).collect();
        let (workers, rows): (Vec<u64>, Vec<u64>) = self.counts.iter().unzip();
        state.push(("counts".into(), df!(WORKER => workers, ROWS => rows)?));
        if let Some(next) = self.next {
            state.push(number("next", next)?);
        }
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            match name.as_str() {
                "held" => {
                    self.bytes += frame.estimated_size();
                    self.held.push_back(frame);
                },
                "counts" => {
                    let workers = frame.column(WORKER)?.u64()?.iter().flatten();
                    self.counts.extend(workers.zip(frame.column(ROWS)?.u64()?.iter().flatten()));
                },
                "next" => self.next = Some(read_number(&frame)?),
                other => return Err(foreign(other)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    fn on(worker: usize, batch_rows: usize) -> WorkerContext {
        WorkerContext { worker, workers: 3, ..single_worker(batch_rows) }
    }

    #[test]
    fn numbers_go_on_where_the_worker_before_ends() {
        let ranges =
            [df!("a" => (0..20).collect::<Vec<i32>>()), df!("a" => Vec::<i32>::new()), df!("a" => [20, 21, 22])];
        let ranges = ranges.map(Result::unwrap);
        for batch_rows in [1, 7, 65_536] {
            for restore in [Restore::Never, Restore::EveryBatch] {
                let count = |(worker, rows): (usize, &DataFrame)| {
                    drive(&RowCount, &on(worker, batch_rows), vec![batches(rows, batch_rows)], restore).unwrap()
                };
                let counts: Vec<DataFrame> = ranges.iter().enumerate().flat_map(count).collect();
                assert!(counts.iter().all(|count| count.schema() == &RowCount::schema()));
                for (worker, (rows, first)) in ranges.iter().zip([5u32, 25, 25]).enumerate() {
                    let index = IndexRanges::new(RowNumber::new("row"), 5);
                    let given = vec![batches(rows, batch_rows), counts.clone()];
                    let sent = drive(&index, &on(worker, batch_rows), given, restore).unwrap();
                    let expected = rows.with_row_index("row".into(), Some(first)).unwrap();
                    let sent = concatenate(sent.into_iter()).unwrap();
                    assert_eq!(sent.unwrap_or_else(|| expected.clear()), expected);
                }
            }
        }
    }

    #[test]
    fn rows_that_come_late_pass() {
        let mut channel = IndexRanges::new(RowNumber::new("row"), 0).create(&on(1, 7)).unwrap();
        let mut output = Output::default();
        let rows = |values: &[i32]| Batch::new(df!("a" => values).unwrap(), 1);
        let mut sent = |channel: &mut dyn Operator, input: usize, batch: Option<Batch>| {
            let mut progress = match batch {
                Some(batch) => channel.on_batch(input, batch, &mut output).unwrap(),
                None => channel.on_input_end(input, &mut output).unwrap(),
            };
            while progress == Progress::More {
                progress = channel.resume(&mut output).unwrap();
            }
            let numbers = |frame: DataFrame| frame.column("row").unwrap().u32().unwrap().iter().flatten().collect();
            output.drain().map(numbers).collect::<Vec<Vec<u32>>>()
        };
        assert!(sent(channel.as_mut(), 0, Some(rows(&[1, 2]))).is_empty());
        assert!(sent(channel.as_mut(), 0, Some(rows(&[3]))).is_empty());
        let counts = df!(WORKER => [0u64, 1], ROWS => [100u64, 4]).unwrap();
        assert!(sent(channel.as_mut(), 1, Some(Batch::new(counts, 0))).is_empty());
        assert_eq!(sent(channel.as_mut(), 1, None), [vec![100, 101], vec![102]]);
        assert_eq!(sent(channel.as_mut(), 0, Some(rows(&[4]))), [vec![103]]);
        assert!(sent(channel.as_mut(), 0, None).is_empty());
        assert_eq!(channel.state_bytes(), 0);
    }
}
