//! First and last values, in order of arrival.

use polars_arrow::array::builder::ShareStrategy;
use polars_core::prelude::{Column, DataType, Series};
use polars_core::series::builder::SeriesBuilder;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows};

/// The value of each group's first row. State: that value.
///
/// Group numbers are given in order of first rows, so the values only ever need to be appended.
pub(crate) struct First {
    values: SeriesBuilder,
    width: usize,
    groups: usize,
}

impl First {
    pub fn new(dtype: DataType) -> Self {
        Self { width: width(&dtype), values: SeriesBuilder::new(dtype), groups: 0 }
    }
}

impl Accumulator for First {
    fn resize(&mut self, groups: usize) {
        self.groups = groups;
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        let founders = match rows.groups {
            Some(_) => rows.founders,
            None if self.values.is_empty() && rows.len > 0 => &[0],
            None => return Ok(()),
        };
        for input in input {
            let values = input.as_materialized_series().rechunk();
            // SAFETY: founders are row numbers of the batch, and `values` is one chunk of it.
            unsafe { self.values.gather_extend(&values, founders, ShareStrategy::Never) };
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        self.values.extend_nulls(self.groups - self.values.len());
        self.groups = 0;
        Ok(vec![self.values.freeze_reset(PlSmallStr::EMPTY)])
    }

    fn bytes(&self) -> usize {
        self.values.len() * self.width
    }
}

/// The value of each group's last row. State: that value.
///
/// The last rows of every batch are appended; values that a later batch replaced are dropped when they are the most.
pub(crate) struct Last {
    values: SeriesBuilder,
    width: usize,
    /// Where the value of each group lies in `values`; [`NOWHERE`] before its first row.
    places: Vec<u32>,
    /// For each group the last batch that had a row of it.
    batches: Vec<u64>,
    batch: u64,
}

const NOWHERE: u32 = u32::MAX;
/// Replaced values that are always tolerated.
const SLACK: usize = 1 << 16;

impl Last {
    pub fn new(dtype: DataType) -> Self {
        Self {
            width: width(&dtype),
            values: SeriesBuilder::new(dtype),
            places: Vec::new(),
            batches: Vec::new(),
            batch: 0,
        }
    }

    /// Keeps only the values that groups refer to, in group order.
    fn compact(&mut self) {
        let values = self.values.freeze_reset(PlSmallStr::EMPTY);
        if self.places.contains(&NOWHERE) {
            // Only the group of a query without keys can be without rows, and it is the only group then.
            self.values.extend_nulls(self.places.len());
            return;
        }
        // SAFETY: a place is the index of a value that was appended.
        unsafe { self.values.gather_extend(&values, &self.places, ShareStrategy::Never) };
        for (group, place) in self.places.iter_mut().enumerate() {
            *place = group as u32;
        }
    }
}

impl Accumulator for Last {
    fn resize(&mut self, groups: usize) {
        self.places.resize(groups, NOWHERE);
        self.batches.resize(groups, 0);
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        self.batch += 1;
        let mut last = Vec::new();
        match rows.groups {
            None => {
                if let (Some(row), Some(place)) = (rows.len.checked_sub(1), self.places.first_mut()) {
                    *place = self.values.len() as u32;
                    last.push(row as u32);
                }
            },
            Some(groups) => {
                for (row, &group) in groups.iter().enumerate().rev() {
                    let group = group as usize;
                    if self.batches[group] != self.batch {
                        self.batches[group] = self.batch;
                        self.places[group] = (self.values.len() + last.len()) as u32;
                        last.push(row as u32);
                    }
                }
            },
        }
        for input in input {
            let values = input.as_materialized_series().rechunk();
            // SAFETY: `last` holds row numbers of the batch, and `values` is one chunk of it.
            unsafe { self.values.gather_extend(&values, &last, ShareStrategy::Never) };
        }
        if self.values.len() > 2 * self.places.len() + SLACK {
            self.compact();
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        self.compact();
        self.places.clear();
        self.batches.clear();
        Ok(vec![self.values.freeze_reset(PlSmallStr::EMPTY)])
    }

    fn bytes(&self) -> usize {
        self.values.len() * self.width + self.places.capacity() * (size_of::<u32>() + size_of::<u64>())
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
