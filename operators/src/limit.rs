//! The first rows of a stream, or a slice of it.

use std::collections::VecDeque;

use polars_core::frame::DataFrame;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use crate::ordered_batches::OrderedBatches;
use crate::state::{number, read_number};

/// Skips `offset` rows, passes `length` rows, and is satisfied then.
///
/// A limit over all workers takes two of them: [`local`](Limit::local) fused to what feeds it, so that no worker sends more
/// rows than can matter, and the limit itself on worker 0 behind a gather.
///
/// Streams. Holds a row count, and [`by_origin`](Limit::by_origin) at most `offset + length` rows of each worker. Without
/// `by_origin` it is unspecified which rows of a stream with several workers pass.
///
/// ```
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::limit::Limit;
///
/// let rows = df!("a" => [1, 2, 3, 4, 5]).unwrap();
/// let sent = drive(&Limit::new(1, 2), &single_worker(7), vec![batches(&rows, 7)], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => [2, 3]).unwrap()]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    offset: usize,
    length: usize,
    by_origin: bool,
}

impl Limit {
    /// Rows `offset..offset + length` in the order of arrival.
    pub fn new(offset: usize, length: usize) -> Self {
        Self { offset, length, by_origin: false }
    }

    /// Counts rows in the order of the workers that sent them, as a sorted stream stands: worker `i` has the `i`-th range.
    /// Batches of later workers wait for the end of the input, as earlier ones may still send.
    pub fn by_origin(mut self) -> Self {
        self.by_origin = true;
        self
    }

    /// The part to fuse to what feeds this limit: the first `offset + length` rows of each worker.
    pub fn local(&self) -> Self {
        Self::new(0, self.end())
    }

    fn end(&self) -> usize {
        self.offset.saturating_add(self.length)
    }
}

impl OperatorFactory for Limit {
    fn describe(&self) -> Description {
        let mut description = Description::streams("limit");
        if self.offset > 0 {
            description = description.with("offset", self.offset);
        }
        description = description.with("length", self.length);
        if self.by_origin { description.with("order", "by origin") } else { description }
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(LimitChannel {
            limit: self.clone(),
            seen: 0,
            waiting: OrderedBatches::default(),
            leaving: VecDeque::new(),
        }))
    }
}

struct LimitChannel {
    limit: Limit,
    /// Rows counted, passed or not; never more than the end of the limit.
    seen: usize,
    /// Batches whose place is not known yet.
    waiting: OrderedBatches,
    /// Batches in order, after the end of the input.
    leaving: VecDeque<DataFrame>,
}

impl LimitChannel {
    fn pass(&mut self, frame: DataFrame, output: &mut Output) {
        let rows = frame.height();
        let start = self.limit.offset.saturating_sub(self.seen).min(rows);
        let end = self.limit.end().saturating_sub(self.seen).min(rows);
        self.seen += end;
        if start < end {
            output.push(frame.slice(start as i64, end - start));
        }
    }
}

impl Operator for LimitChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        let origin = batch.origin();
        if !self.limit.by_origin || origin == 0 {
            self.pass(batch.into_frame(), output);
        } else {
            let room = self.limit.end().saturating_sub(self.waiting.rows_of(origin));
            if room > 0 {
                self.waiting.push(Batch::new(batch.slice(0, room), origin));
            }
        }
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        self.leaving = self.waiting.take().collect();
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        while let Some(frame) = self.leaving.pop_front() {
            self.pass(frame, output);
            if self.is_satisfied() {
                self.leaving.clear();
            }
            if !output.is_empty() {
                return Ok(if self.leaving.is_empty() { Progress::Done } else { Progress::More });
            }
        }
        Ok(Progress::Done)
    }

    fn is_satisfied(&self) -> bool {
        self.seen >= self.limit.end()
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let mut state = self.waiting.snapshot();
        state.push(number("seen", self.seen as u64)?);
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            if name == "seen" {
                self.seen = read_number(&frame)? as usize;
            } else {
                self.waiting.restore(&name, frame)?;
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.waiting.bytes() + self.leaving.iter().map(DataFrame::estimated_size).sum::<usize>()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    fn rows(count: usize) -> DataFrame {
        let values: Vec<u64> = (0..count as u64).collect();
        df!("a" => &values, "b" => values.iter().map(u64::to_string).collect::<Vec<_>>()).unwrap()
    }

    fn whole(sent: Vec<DataFrame>, like: &DataFrame) -> DataFrame {
        concatenate(sent.into_iter()).unwrap().unwrap_or_else(|| like.clear())
    }

    #[test]
    fn equals_a_slice_of_the_frame() {
        let input = rows(50);
        for (offset, length) in
            [(0, 0), (0, 1), (0, 7), (0, 50), (0, 51), (3, 0), (3, 10), (49, 5), (50, 1), (60, 3), (5, usize::MAX)]
        {
            let expected = input.slice(offset as i64, length);
            for batch_rows in [1, 7, 65_536] {
                for restore in [Restore::Never, Restore::EveryBatch] {
                    for limit in [Limit::new(offset, length), Limit::new(offset, length).by_origin()] {
                        let given = vec![batches(&input, batch_rows)];
                        let sent = drive(&limit, &single_worker(batch_rows), given, restore).unwrap();
                        assert_eq!(whole(sent, &input), expected, "{limit:?} batch_rows={batch_rows} {restore:?}");
                    }
                }
            }
        }
    }

    /// Sends batches with origins, with a restore after each if asked; stops when satisfied.
    fn run(limit: &Limit, given: &[(usize, DataFrame)], restore: bool) -> (DataFrame, usize) {
        let context = single_worker(7);
        let mut channel = limit.create(&context).unwrap();
        let mut output = Output::default();
        let mut sent = Vec::new();
        let mut taken = 0;
        for (origin, frame) in given {
            if channel.is_satisfied() {
                break;
            }
            taken += 1;
            let progress = channel.on_batch(0, Batch::new(frame.clone(), *origin), &mut output).unwrap();
            assert_eq!(progress, Progress::Done);
            sent.extend(output.drain());
            if restore {
                let state = channel.snapshot().unwrap().unwrap();
                channel = limit.create(&context).unwrap();
                channel.restore(state).unwrap();
            }
        }
        let mut progress = channel.on_input_end(0, &mut output).unwrap();
        sent.extend(output.drain());
        while progress == Progress::More {
            progress = channel.resume(&mut output).unwrap();
            sent.extend(output.drain());
        }
        assert_eq!(channel.state_bytes(), 0);
        (whole(sent, &given[0].1), taken)
    }

    #[test]
    fn by_origin_takes_workers_in_order_however_they_arrive() {
        let input = rows(40);
        // Worker i holds rows 10 i .. 10 (i + 1), in batches of 3; arrival interleaves the workers from the last.
        let mut given = Vec::new();
        for start in (0..10).step_by(3) {
            for origin in (0..4).rev() {
                given.push((origin, input.slice((origin * 10 + start) as i64, 3.min(10 - start))));
            }
        }
        for (offset, length) in [(0, 5), (0, 15), (4, 6), (12, 9), (25, 100), (39, 1), (40, 1)] {
            for restore in [false, true] {
                let (got, _) = run(&Limit::new(offset, length).by_origin(), &given, restore);
                assert_eq!(got, input.slice(offset as i64, length), "{offset} {length}");
            }
        }
    }

    #[test]
    fn by_origin_holds_no_more_of_a_worker_than_can_matter() {
        let limit = Limit::new(2, 3).by_origin();
        let mut channel = limit.create(&single_worker(7)).unwrap();
        let mut output = Output::default();
        for _ in 0..1_000 {
            for origin in [1, 2] {
                let _ = channel.on_batch(0, Batch::new(rows(2), origin), &mut output).unwrap();
            }
        }
        let held: usize = channel.snapshot().unwrap().unwrap().iter().map(|(_, frame)| frame.height()).sum();
        assert_eq!(held, 2 * 5 + 1);
    }

    #[test]
    fn is_satisfied_as_soon_as_the_rows_are_there() {
        let given: Vec<_> = (0..20).map(|_| (0, rows(4))).collect();
        for limit in [Limit::new(0, 10), Limit::new(0, 10).by_origin(), Limit::new(3, 7)] {
            assert_eq!(run(&limit, &given, false).1, 3);
        }
        assert_eq!(run(&Limit::new(0, 0), &given, false).1, 0);
    }

    #[test]
    fn the_local_part_keeps_offset_and_length() {
        assert_eq!(Limit::new(3, 4).by_origin().local(), Limit::new(0, 7));
        assert_eq!(Limit::new(3, usize::MAX).local(), Limit::new(0, usize::MAX));
    }
}
