//! What is counted of keys before a set of them is laid out.

use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;

use super::DynamicFilter;
use super::extent::Extent;
use crate::error::OperatorError;

/// How many keys there are and where they lie.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// At least as many as there are rows that can match.
    pub(super) rows: u64,
    /// Whether a row with a null matches a row with a null.
    pub(super) nulls: bool,
    /// Of each key of the filter.
    pub(super) extents: Vec<Extent>,
    nulls_equal: bool,
}

impl Summary {
    pub(super) fn new(filter: &DynamicFilter) -> Self {
        let extents = vec![Extent::Nothing; filter.keys.len()];
        Self { rows: 0, nulls: false, extents, nulls_equal: filter.nulls_equal }
    }

    pub(super) fn from_parts(rows: u64, nulls: bool, extents: Vec<Extent>) -> Self {
        Self { rows, nulls, extents, nulls_equal: nulls }
    }

    /// Counts the rows of `frame`, whose keys are `columns`.
    ///
    /// # Errors
    /// Columns that do not exist.
    pub fn add(&mut self, frame: &DataFrame, columns: &[PlSmallStr]) -> Result<(), OperatorError> {
        let mut most_nulls = 0;
        for (extent, name) in self.extents.iter_mut().zip(columns) {
            let series = frame.column(name)?.as_materialized_series();
            most_nulls = most_nulls.max(series.null_count());
            if *extent != Extent::Unknown {
                extent.merge(&Extent::of(series)?);
            }
        }
        if self.nulls_equal {
            self.nulls |= most_nulls > 0;
            most_nulls = 0;
        }
        self.rows += (frame.height() - most_nulls) as u64;
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Summary) {
        self.rows += other.rows;
        self.nulls |= other.nulls;
        for (extent, other) in self.extents.iter_mut().zip(&other.extents) {
            extent.merge(other);
        }
    }
}
