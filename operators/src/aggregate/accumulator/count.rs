//! Counts.

use polars_arrow::array::BooleanArray;
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, native, nulls, series_of, unexpected};

/// Which rows are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Every row.
    Rows,
    /// Rows whose value is not null.
    Values,
    /// Rows whose value is null.
    Nulls,
    /// Rows whose value, a boolean, is true.
    True,
}

impl Counted {
    /// Which rows of `input` count; `None` if all do.
    pub fn select(self, input: &Column) -> Result<Option<Bitmap>, OperatorError> {
        let series = input.as_materialized_series();
        Ok(match self {
            Counted::Rows => None,
            Counted::Values => series.rechunk_validity().filter(|validity| validity.unset_bits() > 0),
            Counted::Nulls => match series.rechunk_validity() {
                Some(validity) => Some(!&validity),
                None => Some(Bitmap::new_zeroed(series.len())),
            },
            Counted::True => {
                let series = series.rechunk();
                let Some(array) = series.chunks()[0].as_any().downcast_ref::<BooleanArray>() else {
                    return Err(unexpected(input));
                };
                Some(match nulls(array) {
                    Some(validity) => array.values() & validity,
                    None => array.values().clone(),
                })
            },
        })
    }
}

/// Number of rows of a kind. State: the count, 64 bits wide whatever the width of Polars' index type.
pub(crate) struct Count {
    counted: Counted,
    counts: Vec<u64>,
}

impl Count {
    pub fn new(counted: Counted) -> Self {
        Self { counted, counts: Vec::new() }
    }
}

impl Accumulator for Count {
    fn resize(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        let selected = match input.first() {
            Some(input) => self.counted.select(input)?,
            None => None,
        };
        match (rows.groups, selected) {
            (None, selected) => {
                if let Some(count) = self.counts.first_mut() {
                    *count += selected.map_or(rows.len, |selected| selected.set_bits()) as u64;
                }
            },
            (Some(groups), None) => match rows.counts {
                Some(counted) => {
                    self.counts.iter_mut().zip(counted).for_each(|(count, counted)| *count += *counted as u64);
                },
                None => {
                    for &group in groups {
                        self.counts[group as usize] += 1;
                    }
                },
            },
            (Some(groups), Some(selected)) => {
                for (&group, counts) in groups.iter().zip(selected.iter()) {
                    self.counts[group as usize] += u64::from(counts);
                }
            },
        }
        Ok(())
    }

    fn merge(&mut self, rows: Rows<'_>, state: &[Column]) -> Result<(), OperatorError> {
        for column in state {
            let added = native::<u64>(column)?;
            for (row, &count) in added.values().iter().enumerate() {
                let group = rows.groups.map_or(0, |groups| groups[row] as usize);
                self.counts[group] += count;
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        Ok(vec![series_of(std::mem::take(&mut self.counts), None, &DataType::UInt64)])
    }

    fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }
}
