//! Dynamic filters on the columns of a table.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_arrow::bitmap::Bitmap;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::DataType;
use polars_core::schema::Schema;
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::dynamic_filter::{ScanFilter, Usefulness};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::ExprError;

use crate::effort::Effort;
use quokka_engine::physical::to_physical;

/// A dynamic filter, and how much it has helped the workers of this process.
pub(crate) struct RowFilter {
    scan: ScanFilter,
    usefulness: Usefulness,
    pub(crate) effort: Effort,
    dropped: AtomicU64,
}

impl RowFilter {
    /// Checks a filter against a table with the columns of `schema`.
    pub(crate) fn new(scan: &ScanFilter, schema: &Schema) -> Result<Self, OperatorError> {
        for name in &scan.columns {
            if !schema.contains(name) {
                let available = schema.iter_names().cloned().collect();
                return Err(ExprError::ColumnNotFound { name: name.clone(), available }.into());
            }
        }
        Ok(Self {
            scan: scan.clone(),
            usefulness: Usefulness::default(),
            effort: Effort::default(),
            dropped: AtomicU64::new(0),
        })
    }

    /// Columns that it reads.
    pub(crate) fn columns(&self) -> &[PlSmallStr] {
        &self.scan.columns
    }

    /// Which rows of `frame`, which holds [`columns`](Self::columns), may have a match; `None` if they are all, or so many
    /// that it does not pay to drop the others. `is_free`: rows are dropped anyway, so that to drop more of them costs
    /// nothing.
    pub(crate) fn mask(&self, frame: &DataFrame, is_free: bool) -> Result<Option<Bitmap>, OperatorError> {
        let frame = self.cast(frame)?;
        let Some(mask) = self.scan.filter.mask(&frame, &self.scan.columns)? else {
            self.usefulness.record(frame.height(), frame.height());
            return Ok(None);
        };
        let passed = mask.set_bits();
        let helps = self.usefulness.record(frame.height(), passed);
        Ok((helps || (is_free && passed < frame.height())).then_some(mask))
    }

    /// The columns as those of the keys lie in batches.
    fn cast(&self, frame: &DataFrame) -> Result<DataFrame, OperatorError> {
        let frame = to_physical(frame.clone())?;
        let columns = frame.columns().iter().zip(self.scan.filter.dtypes());
        if columns.clone().all(|(column, dtype)| !is_cast(column.dtype(), dtype)) {
            return Ok(frame);
        }
        let columns = columns.map(|(column, dtype)| match is_cast(column.dtype(), dtype) {
            true => column.cast(dtype),
            false => Ok(column.clone()),
        });
        Ok(DataFrame::new(frame.height(), columns.collect::<PolarsResult<Vec<_>>>()?)?)
    }

    /// So many rows were dropped because of it.
    pub(crate) fn count_dropped(&self, rows: usize) {
        self.dropped.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Rows that were dropped because of it.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether a row may have a match if its columns lie between the values that `bounds` says, each the smallest and the
    /// largest one of a column, null if it is not known.
    pub(crate) fn may_match(&self, mut bounds: impl FnMut(&PlSmallStr) -> Option<(Series, Series)>) -> bool {
        let filter = &self.scan.filter;
        !filter.is_empty()
            && self.scan.columns.iter().enumerate().all(|(key, name)| match bounds(name) {
                Some((min, max)) => match filter.dtypes().get(key) {
                    Some(dtype) if is_cast(min.dtype(), dtype) => match (min.cast(dtype), max.cast(dtype)) {
                        (Ok(min), Ok(max)) => filter.may_match_between(key, &min, &max),
                        _ => true,
                    },
                    _ => filter.may_match_between(key, &min, &max),
                },
                None => true,
            })
    }
}

/// Whether numbers of a column are cast before they are compared with keys. Other types are the same.
fn is_cast(column: &DataType, key: &DataType) -> bool {
    column != key && column.is_primitive_numeric() && key.is_primitive_numeric()
}

impl fmt::Display for RowFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt(f)
    }
}

/// The filters that are worth a try on the next rows.
pub(crate) fn due(filters: &[RowFilter]) -> impl Iterator<Item = &RowFilter> {
    filters.iter().filter(|filter| filter.usefulness.is_due())
}
