//! What a sort sorts by.

use std::fmt;
use std::sync::Arc;

use polars_arrow::array::BinaryArray;
use polars_core::frame::DataFrame;
use polars_core::prelude::{IdxSize, SortMultipleOptions, SortOptions};
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::partitioning::{RangePartitioning, sort_keys};

use super::keys::sort_keys_by_words;

/// Sort columns with direction and place of nulls for each, as in Polars' `sort`.
///
/// ```
/// use polars_core::prelude::SortMultipleOptions;
/// use quokka_operators::sort::SortOrder;
///
/// let options = SortMultipleOptions::default().with_order_descending_multi([true, false]).with_nulls_last(true);
/// let order = SortOrder::new(["revenue", "date"], options).unwrap();
/// assert_eq!(order.to_string(), "revenue desc nulls last, date nulls last");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortOrder {
    by: Vec<PlSmallStr>,
    options: SortMultipleOptions,
}

impl SortOrder {
    /// Sorts by the columns `by`, most significant first. Options that are given once hold for all columns. Fails without
    /// columns, or if the number of options is not that of the columns.
    pub fn new(
        by: impl IntoIterator<Item = impl Into<PlSmallStr>>,
        options: SortMultipleOptions,
    ) -> Result<Self, OperatorError> {
        let given: Vec<PlSmallStr> = by.into_iter().map(Into::into).collect();
        if given.is_empty() {
            return Err(OperatorError::message(ErrorKind::InvalidQuery, "a sort needs a column to sort by"));
        }
        let per_column = |values: &[bool], name: &str| match values {
            [value] => Ok(vec![*value; given.len()]),
            values if values.len() == given.len() => Ok(values.to_vec()),
            values => {
                let (values, columns) = (values.len(), given.len());
                let message = format!(
                    "`{name}` has {values} values for {columns} sort columns: give one, or one for each column"
                );
                Err(OperatorError::message(ErrorKind::InvalidQuery, message))
            },
        };
        let descending = per_column(&options.descending, "descending")?;
        let nulls_last = per_column(&options.nulls_last, "nulls_last")?;
        let mut order = Self {
            by: Vec::new(),
            options: SortMultipleOptions {
                descending: Vec::new(),
                nulls_last: Vec::new(),
                multithreaded: false,
                maintain_order: options.maintain_order,
                limit: None,
            },
        };
        // A column that is named again decides nothing: all rows that reach it are equal in it.
        for (column, (descending, nulls_last)) in given.iter().zip(descending.into_iter().zip(nulls_last)) {
            if !order.by.contains(column) {
                order.by.push(column.clone());
                order.options.descending.push(descending);
                order.options.nulls_last.push(nulls_last);
            }
        }
        Ok(order)
    }

    /// The sort columns, most significant first.
    pub fn by(&self) -> &[PlSmallStr] {
        &self.by
    }

    /// Polars' options, with one value for each column.
    pub fn options(&self) -> &SortMultipleOptions {
        &self.options
    }

    /// Ranges of this order, whose splitters are not known yet.
    pub fn range_partitioning(&self) -> RangePartitioning {
        RangePartitioning { by: self.by.clone(), options: self.options.clone(), splitters: Arc::default() }
    }

    /// Ranges of the first column of this order.
    pub(crate) fn first_column(&self) -> RangePartitioning {
        let mut range = self.range_partitioning();
        range.by.truncate(1);
        range.options.descending.truncate(1);
        range.options.nulls_last.truncate(1);
        range
    }

    /// A key for each row of `frame`; keys compare as the rows do.
    pub(crate) fn keys(&self, frame: &DataFrame) -> Result<BinaryArray<i64>, OperatorError> {
        sort_keys(frame, &self.by, &self.options)
    }

    /// The indices of the rows of `frame` in order; equal rows stay as they are.
    pub(crate) fn sorted_indices(&self, frame: &DataFrame) -> Result<Vec<IdxSize>, OperatorError> {
        if let Some(indices) = self.sorted_by_number(frame)? {
            return Ok(indices);
        }
        let keys = self.keys(frame)?;
        Ok(sort_keys_by_words(&keys.values_iter().collect::<Vec<_>>()))
    }

    /// What [`sorted_indices`](Self::sorted_indices) yields if the rows are sorted by a single number: it needs no key then,
    /// and Polars sorts numbers a third faster than keys are.
    pub(crate) fn sorted_by_number(&self, frame: &DataFrame) -> Result<Option<Vec<IdxSize>>, OperatorError> {
        let ([name], [descending], [nulls_last]) =
            (self.by.as_slice(), self.options.descending.as_slice(), self.options.nulls_last.as_slice())
        else {
            return Ok(None);
        };
        let column = frame.column(name)?;
        // Categories are numbers that sort as strings.
        if !column.dtype().to_physical().is_primitive_numeric() || column.dtype().is_categorical() {
            return Ok(None);
        }
        let options = SortOptions {
            descending: *descending,
            nulls_last: *nulls_last,
            multithreaded: false,
            maintain_order: true,
            limit: None,
        };
        Ok(Some(column.arg_sort(options).into_no_null_iter().collect()))
    }

    /// The sort columns of a frame with columns `input`.
    pub(crate) fn schema(&self, input: &Schema) -> Result<Schema, OperatorError> {
        let mut schema = Schema::default();
        for name in &self.by {
            schema.insert(name.clone(), input.try_get(name)?.clone());
        }
        Ok(schema)
    }

    /// The sort columns of `frame`.
    pub(crate) fn columns_of(&self, frame: &DataFrame) -> Result<DataFrame, OperatorError> {
        Ok(frame.select(&self.by)?)
    }
}

impl fmt::Display for SortOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, column) in self.by.iter().enumerate() {
            let set = |values: &[bool]| values.get(i).copied().unwrap_or_default();
            let descending = if set(&self.options.descending) { " desc" } else { "" };
            let nulls_last = if set(&self.options.nulls_last) { " nulls last" } else { "" };
            write!(f, "{}{column}{descending}{nulls_last}", if i > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn options_stand_for_each_column_once() {
        let options = SortMultipleOptions::default().with_order_descending_multi([true, false, false]);
        let order = SortOrder::new(["a", "b", "a"], options.with_nulls_last(true)).unwrap();
        assert_eq!(order.by(), ["a", "b"]);
        assert_eq!(order.options().descending, [true, false]);
        assert_eq!(order.options().nulls_last, [true, true]);
        assert!(!order.options().multithreaded);
    }

    #[test]
    fn refuses_options_that_do_not_fit() {
        let none: [&str; 0] = [];
        assert_eq!(SortOrder::new(none, SortMultipleOptions::default()).unwrap_err().kind(), ErrorKind::InvalidQuery);
        for flags in [vec![], vec![true; 2]] {
            let options = SortMultipleOptions::default().with_order_descending_multi(flags.clone());
            assert_eq!(SortOrder::new(["a", "b", "c"], options).unwrap_err().kind(), ErrorKind::InvalidQuery);
            let options = SortMultipleOptions::default().with_nulls_last_multi(flags);
            let error = SortOrder::new(["a", "b", "c"], options).unwrap_err();
            assert!(error.to_string().contains("`nulls_last`"), "{error}");
        }
    }
}
