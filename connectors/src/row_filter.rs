//! Dynamic filters on the columns of a table.

use std::fmt;

use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::schema::Schema;
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::dynamic_filter::{ScanFilter, Usefulness};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::ExprError;

/// A dynamic filter, and how much it has helped the workers of this process.
pub(crate) struct RowFilter {
    scan: ScanFilter,
    usefulness: Usefulness,
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
        Ok(Self { scan: scan.clone(), usefulness: Usefulness::default() })
    }

    /// Columns that it reads.
    pub(crate) fn columns(&self) -> &[PlSmallStr] {
        &self.scan.columns
    }

    /// Which rows of `frame`, which holds [`columns`](Self::columns), may have a match; `None` if they are all, or so many
    /// that it does not pay to drop the others. `is_free`: rows are dropped anyway, so that to drop more of them costs
    /// nothing.
    pub(crate) fn mask(&self, frame: &DataFrame, is_free: bool) -> Result<Option<Bitmap>, OperatorError> {
        let Some(mask) = self.scan.filter.mask(frame, &self.scan.columns)? else {
            self.usefulness.record(frame.height(), frame.height());
            return Ok(None);
        };
        let passed = mask.set_bits();
        let helps = self.usefulness.record(frame.height(), passed);
        Ok((helps || (is_free && passed < frame.height())).then_some(mask))
    }

    /// Whether a row may have a match if its columns lie between the values that `bounds` says, each the smallest and the
    /// largest one of a column, null if it is not known.
    pub(crate) fn may_match(&self, mut bounds: impl FnMut(&PlSmallStr) -> Option<(Series, Series)>) -> bool {
        let filter = &self.scan.filter;
        !filter.is_empty()
            && self.scan.columns.iter().enumerate().all(|(key, name)| match bounds(name) {
                Some((min, max)) => filter.may_match_between(key, &min, &max),
                None => true,
            })
    }
}

impl fmt::Display for RowFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scan.fmt(f)
    }
}

/// The filters that are worth a try on the next rows, the most useful first.
pub(crate) fn due(filters: &[RowFilter]) -> Vec<&RowFilter> {
    let mut due: Vec<&RowFilter> = filters.iter().filter(|filter| filter.usefulness.is_due()).collect();
    due.sort_by_key(|filter| filter.usefulness.passing());
    due
}
