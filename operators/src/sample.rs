//! Rows that are drawn by chance.

use std::collections::BinaryHeap;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, Float64Chunked, IdxSize, IntoColumn};
use polars_utils::pl_str::PlSmallStr;
use polars_utils::total_ord::TotalOrdWrap;
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use crate::gather::gather;
use crate::state::{number, read_number};

/// How many rows a [`Draw`] is to yield.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DrawSize {
    /// That many of all rows: those with the least ranks, which a top-k behind it finds.
    Rows(usize),
    /// A share of the rows, from 0 on.
    Share(f64),
}

/// Draws rows by chance. Each gets a rank that depends on a seed and its number alone; ranks of all rows are
/// independent. With replacement a row is drawn each time an event of its own Poisson process comes up, which is what
/// drawing from all rows again and again is to one of them (the first `n` events of all processes are `n` draws).
///
/// The number of a row is a column, or else its place on its worker. Streams. Holds the ranks of as many rows as are to be
/// drawn with replacement, else nothing.
///
/// ```
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, drive, single_worker};
/// use quokka_operators::sample::{Draw, DrawSize};
///
/// let rows = df!("row" => (0..1000u64).collect::<Vec<_>>()).unwrap();
/// let draw = Draw::new(DrawSize::Share(0.1), 7).with_number("row").with_rank("rank");
/// let sent = drive(&draw, &single_worker(65_536), vec![vec![rows]], Restore::Never).unwrap();
/// assert!((50..150).contains(&sent[0].height()));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    size: DrawSize,
    seed: u64,
    with_replacement: bool,
    number: Option<PlSmallStr>,
    rank: Option<PlSmallStr>,
}

impl Draw {
    /// Draws without replacement.
    pub fn new(size: DrawSize, seed: u64) -> Self {
        Self { size, seed, with_replacement: false, number: None, rank: None }
    }

    /// Whether a row may be drawn several times.
    pub fn with_replacement(mut self, with_replacement: bool) -> Self {
        self.with_replacement = with_replacement;
        self
    }

    /// The column of row numbers, of 64 bits.
    pub fn with_number(mut self, number: impl Into<PlSmallStr>) -> Self {
        self.number = Some(number.into());
        self
    }

    /// The name of a column, added as the last one, for the ranks.
    pub fn with_rank(mut self, rank: impl Into<PlSmallStr>) -> Self {
        self.rank = Some(rank.into());
        self
    }

    /// The column of row numbers, if there is one.
    pub fn number(&self) -> Option<&PlSmallStr> {
        self.number.as_ref()
    }

    /// The column that is added, if there is one.
    pub fn rank(&self) -> Option<&PlSmallStr> {
        self.rank.as_ref()
    }

    /// How many rows it is to yield.
    pub fn size(&self) -> DrawSize {
        self.size
    }
}

impl OperatorFactory for Draw {
    fn describe(&self) -> Description {
        let description = match self.size {
            DrawSize::Rows(rows) => Description::streams("sample").with("rows", rows),
            DrawSize::Share(share) => Description::streams("sample").with("share", share),
        };
        let description = description.with("seed", self.seed);
        if self.with_replacement { description.with("with-replacement", true) } else { description }
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        // Rows without a number have one of their own on each worker.
        let next = (context.worker as u64) << 40;
        Ok(Box::new(DrawChannel { draw: self.clone(), next, least: BinaryHeap::new() }))
    }
}

struct DrawChannel {
    draw: Draw,
    next: u64,
    /// With replacement, the least ranks so far, as many as rows are to be drawn.
    least: BinaryHeap<TotalOrdWrap<f64>>,
}

impl DrawChannel {
    /// The numbers of the rows of a batch.
    fn numbers(&mut self, batch: &DataFrame) -> Result<Vec<u64>, OperatorError> {
        Ok(match &self.draw.number {
            Some(name) => batch.column(name)?.u64()?.iter().map(Option::unwrap_or_default).collect(),
            None => {
                let first = self.next;
                self.next += batch.height() as u64;
                (first..self.next).collect()
            },
        })
    }

    /// The rank beyond which no row is drawn any more.
    fn bound(&self) -> f64 {
        match (self.draw.size, self.draw.with_replacement) {
            (DrawSize::Share(share), _) => share,
            (DrawSize::Rows(_), false) => f64::INFINITY,
            (DrawSize::Rows(0), true) => 0.0,
            (DrawSize::Rows(rows), true) if self.least.len() < rows => f64::INFINITY,
            (DrawSize::Rows(_), true) => self.least.peek().map_or(f64::INFINITY, |rank| rank.0),
        }
    }

    fn note(&mut self, rank: f64) {
        if let (DrawSize::Rows(rows), true) = (self.draw.size, self.draw.with_replacement) {
            self.least.push(TotalOrdWrap(rank));
            if self.least.len() > rows {
                self.least.pop();
            }
        }
    }

    /// Rows of a batch with their ranks, a row as often as it is drawn.
    fn draw(&mut self, numbers: &[u64]) -> (Vec<IdxSize>, Vec<f64>) {
        let (mut rows, mut ranks) = (Vec::new(), Vec::new());
        for (row, number) in numbers.iter().enumerate() {
            let mut chance = Chance::new(self.draw.seed, *number);
            let mut rank = if self.draw.with_replacement { chance.wait() } else { chance.uniform() };
            while rank < self.bound() {
                self.note(rank);
                rows.push(row as IdxSize);
                ranks.push(rank);
                if !self.draw.with_replacement {
                    break;
                }
                rank += chance.wait();
            }
        }
        (rows, ranks)
    }
}

impl Operator for DrawChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        let numbers = self.numbers(&batch)?;
        let (rows, ranks) = self.draw(&numbers);
        let drawn = gather(&batch, &rows)?;
        output.push(match &self.draw.rank {
            None => drawn,
            Some(name) => {
                let ranks: Column = Float64Chunked::from_vec(name.clone(), ranks).into_column();
                let columns = drawn.columns().iter().cloned().chain([ranks]).collect();
                DataFrame::new(rows.len(), columns)?
            },
        });
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let least: Vec<f64> = self.least.iter().map(|rank| rank.0).collect();
        Ok(Some(vec![number("next", self.next)?, ("least".into(), polars_core::df!("rank" => least)?)]))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            match name.as_str() {
                "next" => self.next = read_number(&frame)?,
                _ => self.least = frame.column("rank")?.f64()?.iter().flatten().map(TotalOrdWrap).collect(),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.least.len() * size_of::<f64>()
    }
}

/// Random numbers of one row (splitmix64).
struct Chance(u64);

impl Chance {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(seed: u64, number: u64) -> Self {
        Self(mix(mix(seed.wrapping_add(Self::STEP)) ^ number.wrapping_mul(Self::STEP)))
    }

    /// From 0 to 1, exclusive.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        (mix(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The time until the next event of a Poisson process with rate 1.
    fn wait(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Too few rows to draw from.
#[derive(Debug, thiserror::Error)]
#[error(
    "{wanted} rows are to be drawn, but there are {found}: draw fewer, or with replacement from a stream that has rows"
)]
struct TooFew {
    wanted: usize,
    found: usize,
}

/// Passes all rows and fails if they were fewer than a number. For the one worker that has them, behind a draw.
///
/// Streams; holds the count.
#[derive(Clone, Copy, Debug)]
pub struct AtLeast {
    rows: usize,
    worker: usize,
}

impl AtLeast {
    /// Fails with fewer than `rows` rows on `worker`.
    pub fn new(rows: usize, worker: usize) -> Self {
        Self { rows, worker }
    }
}

impl OperatorFactory for AtLeast {
    fn describe(&self) -> Description {
        Description::streams("at-least").with("rows", self.rows)
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let wanted = if context.worker == self.worker { self.rows } else { 0 };
        Ok(Box::new(AtLeastChannel { wanted, found: 0 }))
    }
}

struct AtLeastChannel {
    wanted: usize,
    found: usize,
}

impl Operator for AtLeastChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        self.found += batch.height();
        output.push(batch.into_frame());
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<Progress, OperatorError> {
        if self.found < self.wanted {
            let error = TooFew { wanted: self.wanted, found: self.found };
            return Err(OperatorError::new(ErrorKind::Compute, error));
        }
        Ok(Progress::Done)
    }

    /// Rows that nobody wants count.
    fn needs_all_input(&self) -> bool {
        true
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(vec![number("found", self.found as u64)?]))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (_, frame) in state {
            self.found = read_number(&frame)? as usize;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    fn rows(count: u64) -> DataFrame {
        df!("row" => (0..count).collect::<Vec<_>>()).unwrap()
    }

    fn drawn(draw: &Draw, count: u64, batch_rows: usize) -> DataFrame {
        let given = vec![batches(&rows(count), batch_rows)];
        let sent = drive(draw, &single_worker(batch_rows), given, Restore::EveryBatch).unwrap();
        concatenate(sent.into_iter()).unwrap().unwrap_or_default()
    }

    fn numbers(frame: &DataFrame) -> Vec<u64> {
        frame.column("row").unwrap().u64().unwrap().iter().flatten().collect()
    }

    #[test]
    fn a_share_is_the_same_however_rows_are_cut() {
        for with_replacement in [false, true] {
            for share in [0.0, 0.05, 0.7, 1.0] {
                let draw = Draw::new(DrawSize::Share(share), 3).with_replacement(with_replacement).with_number("row");
                let whole = drawn(&draw, 20_000, 65_536);
                assert_eq!(drawn(&draw, 20_000, 7), whole);
                // Five standard deviations.
                let (expected, deviation) = (20_000.0 * share, (20_000.0 * share).sqrt());
                assert!((whole.height() as f64 - expected).abs() <= 5.0 * deviation, "{} of {share}", whole.height());
                if with_replacement && share == 1.0 {
                    let mut once = numbers(&whole);
                    once.dedup();
                    // 1 - 1/e of all rows are drawn at all.
                    assert!((once.len() as f64 / 20_000.0 - 0.632).abs() < 0.02, "{}", once.len());
                }
            }
        }
        let other = Draw::new(DrawSize::Share(0.5), 4).with_number("row");
        assert_ne!(drawn(&other, 1000, 7), drawn(&Draw { seed: 5, ..other.clone() }, 1000, 7));
    }

    #[test]
    fn the_least_ranks_are_those_of_all_events() {
        let count = 500;
        let least = |frame: &DataFrame, n: usize| {
            let ranks = frame.column("rank").unwrap().f64().unwrap();
            let mut pairs: Vec<(f64, u64)> = ranks.iter().flatten().zip(numbers(frame)).collect();
            pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
            pairs.truncate(n);
            pairs
        };
        for n in [0, 1, 30, 2000] {
            let draw = |size| Draw::new(size, 11).with_replacement(true).with_number("row").with_rank("rank");
            // A long enough time holds them all.
            let all = least(&drawn(&draw(DrawSize::Share(20.0)), 500, 65_536), n);
            assert_eq!(all.len(), n);
            for batch_rows in [1, 7, 65_536] {
                let some = drawn(&draw(DrawSize::Rows(n)), count, batch_rows);
                let some = if n == 0 { Vec::new() } else { least(&some, n) };
                assert_eq!(some, all);
            }
        }
        let once = Draw::new(DrawSize::Rows(3), 11).with_number("row").with_rank("rank");
        assert_eq!(drawn(&once, 500, 7).height(), 500);
    }

    #[test]
    fn rows_without_numbers_differ_by_worker() {
        let draw = Draw::new(DrawSize::Share(0.5), 1);
        let on = |worker| {
            let context = WorkerContext { worker, workers: 2, ..single_worker(7) };
            let sent = drive(&draw, &context, vec![batches(&rows(200), 7)], Restore::EveryBatch).unwrap();
            numbers(&concatenate(sent.into_iter()).unwrap().unwrap())
        };
        assert_eq!(on(0), on(0));
        assert_ne!(on(0), on(1));
    }

    #[test]
    fn too_few_rows_are_an_error_on_one_worker() {
        let run = |wanted, worker| {
            let context = WorkerContext { worker, workers: 2, ..single_worker(7) };
            drive(&AtLeast::new(wanted, 1), &context, vec![batches(&rows(10), 7)], Restore::EveryBatch)
        };
        assert_eq!(run(10, 1).unwrap().len(), 2);
        assert_eq!(run(11, 0).unwrap().len(), 2);
        let error = run(11, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Compute);
        assert!(error.to_string().starts_with("11 rows are to be drawn, but there are 10"));
    }
}
