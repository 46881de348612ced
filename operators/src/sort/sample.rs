//! A sample of the sort columns of a stream.

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IdxSize};
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use super::order::SortOrder;
use crate::detach::detach;
use crate::gather::gather;
use crate::state::foreign;

/// Rows of a sample. The range of a worker is cut from as many sampled rows as one channel keeps, which puts its size within
/// a few percent of what it should be.
const SAMPLE_ROWS: usize = 1_024;

/// Draws 1,024 rows of each channel with equal chances, and sends their sort columns with the number of rows that each
/// stands for. The first step of a [distributed sort](super).
///
/// Blocks; holds no more than four samples. Reservoir sampling, which skips from one drawn row to the next (Li, "Reservoir
/// sampling algorithms of time complexity O(n(1 + log(N/n)))", 1994); the seed is fixed.
#[derive(Clone, Debug)]
pub struct SortSample {
    order: SortOrder,
}

impl SortSample {
    /// Samples the columns of `order`.
    pub fn new(order: SortOrder) -> Self {
        Self { order }
    }

    /// Columns that are sent, for an input with columns `input`.
    pub fn schema(&self, input: &Schema) -> Result<Schema, OperatorError> {
        let mut schema = self.order.schema(input)?;
        schema.insert(weight_column(&self.order), DataType::Float64);
        Ok(schema)
    }
}

/// The column of a sample that holds the number of rows that a sampled row stands for.
pub(super) fn weight_column(order: &SortOrder) -> PlSmallStr {
    let mut name = String::from("weight");
    while order.by().iter().any(|column| *column == name.as_str()) {
        name.push('_');
    }
    name.into()
}

impl OperatorFactory for SortSample {
    fn describe(&self) -> Description {
        Description::blocks("sort-sample").with("by", &self.order)
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(SampleChannel {
            order: self.order.clone(),
            drawn: DataFrame::default(),
            slots: Vec::new(),
            draw: Draw { seen: 0, next: 0, threshold: 1.0, random: Random(context.worker as u64) },
        }))
    }
}

struct SampleChannel {
    order: SortOrder,
    /// Rows that were drawn, with some that were replaced since.
    drawn: DataFrame,
    /// The sample: rows of `drawn`.
    slots: Vec<IdxSize>,
    draw: Draw,
}

impl SampleChannel {
    /// Forgets replaced rows.
    fn compact(&mut self) -> Result<(), OperatorError> {
        self.drawn = detach(gather(&self.drawn, &self.slots)?)?;
        self.slots = (0..self.slots.len() as IdxSize).collect();
        Ok(())
    }
}

impl Operator for SampleChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let mut rows: Vec<IdxSize> = Vec::new();
        while let Some((row, slot)) = self.draw.next(batch.height()) {
            let index = (self.drawn.height() + rows.len()) as IdxSize;
            match self.slots.get_mut(slot) {
                Some(slot) => *slot = index,
                None => self.slots.push(index),
            }
            rows.push(row);
        }
        if !rows.is_empty() {
            let rows = gather(&self.order.columns_of(&batch)?, &rows)?;
            if self.drawn.width() == 0 {
                self.drawn = rows;
            } else {
                self.drawn.vstack_mut_owned(rows)?;
            }
            if self.drawn.height() > 4 * SAMPLE_ROWS {
                self.compact()?;
            }
        }
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if !self.slots.is_empty() {
            self.compact()?;
            let mut sample = std::mem::take(&mut self.drawn);
            let weight = self.draw.seen as f64 / sample.height() as f64;
            sample.with_column(Column::new(weight_column(&self.order), vec![weight; sample.height()]))?;
            output.push(sample);
        }
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        let Draw { seen, next, threshold, random } = &self.draw;
        let mut state = vec![(
            "draw".to_owned(),
            df!("seen" => [*seen], "next" => [*next], "threshold" => [*threshold], "random" => [random.0])?,
        )];
        if !self.slots.is_empty() {
            self.compact()?;
            state.push(("sample".to_owned(), self.drawn.clone()));
        }
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (name, frame) in state {
            match name.as_str() {
                "draw" => {
                    let number = |column: &str| -> Result<u64, OperatorError> {
                        frame.column(column)?.u64()?.get(0).ok_or_else(|| foreign(column))
                    };
                    let threshold = frame.column("threshold")?.f64()?.get(0).ok_or_else(|| foreign("threshold"))?;
                    self.draw = Draw {
                        seen: number("seen")?,
                        next: number("next")?,
                        threshold,
                        random: Random(number("random")?),
                    };
                },
                "sample" => {
                    self.slots = (0..frame.height() as IdxSize).collect();
                    self.drawn = frame;
                },
                other => return Err(foreign(other)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.drawn.estimated_size() + self.slots.len() * size_of::<IdxSize>()
    }
}

/// Which rows of a stream to draw.
struct Draw {
    /// Rows of the batches before this one.
    seen: u64,
    /// The next row to draw, counted over all batches.
    next: u64,
    /// If each row had a random number, the largest number in the sample.
    threshold: f64,
    random: Random,
}

impl Draw {
    /// The next row to draw from a batch of `height` rows, and the place in the sample that it takes. `None`, once, at the
    /// end of the batch.
    fn next(&mut self, height: usize) -> Option<(IdxSize, usize)> {
        let row = self.next - self.seen;
        if row >= height as u64 {
            self.seen += height as u64;
            return None;
        }
        let filled = SAMPLE_ROWS as u64;
        let slot = if self.next < filled { self.next } else { self.random.number() % filled };
        self.next += 1;
        if self.next >= filled {
            self.threshold *= (self.random.fraction().ln() / SAMPLE_ROWS as f64).exp();
            let skip = self.random.fraction().ln() / (-self.threshold).ln_1p();
            // A threshold that rounds to nothing ends the draw.
            self.next = self.next.saturating_add(if skip.is_finite() { skip as u64 } else { u64::MAX });
        }
        Some((row as IdxSize, slot as usize))
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number above 0, up to 1.
    fn fraction(&mut self) -> f64 {
        ((self.number() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}
