//! First and last values.

use polars_arrow::array::builder::ShareStrategy;
use polars_core::prelude::{Column, DataType, Series};
use polars_core::series::builder::SeriesBuilder;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, native, series_of};

/// The value of each group's first or last row. State: that value, and the worker that sent the row.
///
/// Rows are ordered by the worker that sent them, then as they were sent. After a sort, worker `i` holds the `i`-th range,
/// so this is the order of the rows; without one it is some order.
///
/// The rows of a batch that come to stand at the end of their group are appended; values that they replaced are dropped
/// when they are the most.
pub(crate) struct EndValue {
    last: bool,
    values: SeriesBuilder,
    /// Bytes of a value, roughly.
    width: usize,
    ends: Vec<End>,
    /// The highest origin of all ends.
    highest: u32,
    /// For each group the row of the current batch that takes its end; [`NOWHERE`] between batches.
    takers: Vec<u32>,
    /// The groups whose end is taken by the current batch.
    taken: Vec<u32>,
}

/// The row at the end of a group.
#[derive(Clone, Copy)]
struct End {
    /// [`NOWHERE`] before the group's first row.
    origin: u32,
    /// Where its value lies.
    place: u32,
}

const NOWHERE: u32 = u32::MAX;
/// Replaced values that are always tolerated.
const SLACK: usize = 1 << 16;

impl EndValue {
    pub fn new(last: bool, dtype: DataType) -> Self {
        Self {
            last,
            width: width(&dtype),
            values: SeriesBuilder::new(dtype),
            ends: Vec::new(),
            highest: 0,
            takers: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Offers a row to the end of its group.
    #[inline(always)]
    fn offer(&mut self, group: u32, row: usize, origin: u32) {
        let end = &mut self.ends[group as usize];
        let before = if self.last { origin < end.origin } else { origin >= end.origin };
        if before && end.origin != NOWHERE {
            return;
        }
        end.origin = origin;
        let taker = &mut self.takers[group as usize];
        if *taker == NOWHERE {
            self.taken.push(group);
        }
        *taker = row as u32;
    }

    fn offer_all(&mut self, rows: Rows<'_>, origin: impl Fn(usize) -> u32) {
        match rows.groups {
            Some(groups) => {
                groups.iter().enumerate().for_each(|(row, &group)| self.offer(group, row, origin(row)));
            },
            None => (0..rows.len).for_each(|row| self.offer(0, row, origin(row))),
        }
    }

    /// Stores the values of the rows that take an end. `values` has all rows of the batch.
    fn store(&mut self, values: &Column) {
        let mut rows = Vec::with_capacity(self.taken.len());
        for group in self.taken.drain(..) {
            let end = &mut self.ends[group as usize];
            end.place = (self.values.len() + rows.len()) as u32;
            self.highest = self.highest.max(end.origin);
            rows.push(std::mem::replace(&mut self.takers[group as usize], NOWHERE));
        }
        let values = values.as_materialized_series().rechunk();
        // SAFETY: takers are row numbers of the batch, and `values` is one chunk of it.
        unsafe { self.values.gather_extend(&values, &rows, ShareStrategy::Never) };
        if self.values.len() > 2 * self.ends.len() + SLACK {
            self.compact();
        }
    }

    /// Keeps only the values at the end of a group, in group order.
    fn compact(&mut self) {
        let values = self.values.freeze_reset(PlSmallStr::EMPTY);
        if self.ends.iter().any(|end| end.origin == NOWHERE) {
            // Only the group of an aggregate without keys can be without rows, and it is the only group then.
            self.values.extend_nulls(self.ends.len());
            return;
        }
        let places: Vec<u32> = self.ends.iter().map(|end| end.place).collect();
        // SAFETY: a place is the index of a value that was appended.
        unsafe { self.values.gather_extend(&values, &places, ShareStrategy::Never) };
        for (group, end) in self.ends.iter_mut().enumerate() {
            end.place = group as u32;
        }
    }
}

impl Accumulator for EndValue {
    fn resize(&mut self, groups: usize) {
        self.ends.resize(groups, End { origin: NOWHERE, place: 0 });
        self.takers.resize(groups, NOWHERE);
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        let origin = rows.origin as u32;
        match rows.groups {
            // No group that has a row already can get an earlier one.
            Some(groups) if !self.last && origin >= self.highest => {
                for &row in rows.founders {
                    self.offer(groups[row as usize], row as usize, origin);
                }
            },
            _ => self.offer_all(rows, |_| origin),
        }
        input.iter().for_each(|values| self.store(values));
        Ok(())
    }

    fn merge(&mut self, rows: Rows<'_>, state: &[Column]) -> Result<(), OperatorError> {
        let [values, origins] = state else { return Ok(()) };
        let origins = native::<u32>(origins)?;
        let origins = origins.values().as_slice();
        self.offer_all(rows, |row| origins[row]);
        self.store(values);
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        self.compact();
        let origins = self.ends.drain(..).map(|end| end.origin).collect();
        self.takers.clear();
        self.highest = 0;
        Ok(vec![self.values.freeze_reset(PlSmallStr::EMPTY), series_of(origins, None, &DataType::UInt32)])
    }

    fn bytes(&self) -> usize {
        self.values.len() * self.width + self.ends.capacity() * (size_of::<End>() + size_of::<u32>())
    }
}

/// Bytes of a value, a guess for types without a fixed width.
fn width(dtype: &DataType) -> usize {
    match dtype.to_physical() {
        DataType::Boolean | DataType::Int8 | DataType::UInt8 => 1,
        DataType::Int16 | DataType::UInt16 => 2,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 => 4,
        DataType::Int64 | DataType::UInt64 | DataType::Float64 => 8,
        DataType::Int128 | DataType::UInt128 => 16,
        _ => 32,
    }
}
