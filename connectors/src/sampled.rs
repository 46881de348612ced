//! Rows from a few places of the files of a table, and what they tell of its columns.

use parking_lot::Mutex;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, PlHashMap};
use polars_core::scalar::Scalar;
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::source::ColumnStatistics;

use crate::estimate::distinct;

/// Places that a sample is taken from, unless the table is small.
pub(crate) const PLACES: usize = 16;
/// Rows of a place.
pub(crate) const PLACE_ROWS: usize = 128;

/// The sample of a table: some consecutive rows of each of several places, or all rows. Every column of it has the same
/// rows; a column is read when it is first asked for.
pub(crate) struct Sampled {
    /// Rows of each place.
    places: Vec<usize>,
    /// About how many rows the table has.
    rows: u64,
    columns: Mutex<PlHashMap<PlSmallStr, Column>>,
    /// What was found out of columns, which is asked for with every plan.
    summaries: Mutex<PlHashMap<PlSmallStr, ColumnStatistics>>,
}

impl Sampled {
    /// The sample of a table of about `rows` rows; `None` without rows.
    pub(crate) fn new(places: Vec<usize>, rows: u64) -> Option<Self> {
        let sampled = Self { places, rows, columns: Mutex::default(), summaries: Mutex::default() };
        (sampled.height() > 0).then_some(sampled)
    }

    /// About how many rows the table has.
    pub(crate) fn table_rows(&self) -> u64 {
        self.rows
    }

    fn height(&self) -> usize {
        self.places.iter().sum()
    }

    /// The sample of some columns; `read` reads a column at all places.
    pub(crate) fn frame(
        &self,
        columns: &[PlSmallStr],
        read: impl Fn(&PlSmallStr) -> Result<Vec<Column>, OperatorError>,
    ) -> Result<DataFrame, OperatorError> {
        let columns = columns.iter().map(|name| self.column(name, &read)).collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(self.height(), columns)?)
    }

    /// What the sample tells of a column. Bounds are known if it has all rows.
    pub(crate) fn statistics(
        &self,
        name: &str,
        read: impl Fn(&PlSmallStr) -> Result<Vec<Column>, OperatorError>,
    ) -> ColumnStatistics {
        if let Some(known) = self.summaries.lock().get(name) {
            return known.clone();
        }
        // Estimates only help: a column that cannot be read is reported when the query reads it.
        let column = self.column(&name.into(), &read).ok();
        let found = column.and_then(|column| self.summarize(&column).ok()).unwrap_or_default();
        self.summaries.lock().insert(name.into(), found.clone());
        found
    }

    fn column(
        &self,
        name: &PlSmallStr,
        read: &impl Fn(&PlSmallStr) -> Result<Vec<Column>, OperatorError>,
    ) -> Result<Column, OperatorError> {
        if let Some(column) = self.columns.lock().get(name) {
            return Ok(column.clone());
        }
        let mut column: Option<Column> = None;
        for place in read(name)? {
            match &mut column {
                Some(column) => column.append(&place).map(|_| ())?,
                None => column = Some(place),
            }
        }
        let column = column.unwrap_or_default().rechunk();
        self.columns.lock().insert(name.clone(), column.clone());
        Ok(column)
    }

    fn summarize(&self, column: &Column) -> PolarsResult<ColumnStatistics> {
        let share = self.rows as f64 / self.height() as f64;
        let nulls = ((column.null_count() as f64 * share).round() as u64).min(self.rows);
        let statistics = ColumnStatistics { nulls: Some(nulls), ..ColumnStatistics::default() };
        if column.dtype().is_nested() {
            return Ok(statistics);
        }
        if self.height() as u64 == self.rows {
            let known = |bound: PolarsResult<Scalar>| bound.ok().filter(|bound| !bound.value().is_null());
            let distinct = Some(column.drop_nulls().n_unique()? as u64);
            let (min, max) = (known(column.min_reduce()), known(column.max_reduce()));
            return Ok(ColumnStatistics { min, max, distinct, ..statistics });
        }
        let mut start = 0;
        let values = column.as_materialized_series();
        let places = self.places.iter().map(|rows| {
            start += rows;
            values.slice((start - rows) as i64, *rows)
        });
        let distinct = distinct(&places.collect::<Vec<Series>>(), (self.rows - nulls) as f64)?;
        Ok(ColumnStatistics { distinct: Some(distinct.round() as u64), ..statistics })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::cell::Cell;

    use polars_core::df;

    use super::*;

    fn places(column: &Column, lengths: &[usize]) -> Vec<Column> {
        let mut start = 0;
        let slice = |length: &usize| {
            start += length;
            column.slice((start - length) as i64, *length)
        };
        lengths.iter().map(slice).collect()
    }

    #[test]
    fn a_column_is_read_once() {
        let reads = Cell::new(0);
        let rows = df!("a" => [Some(3i64), None, Some(1), Some(1)], "b" => ["x", "y", "z", "z"]).unwrap();
        let read = |name: &PlSmallStr| {
            reads.set(reads.get() + 1);
            Ok(places(rows.column(name)?, &[1, 3]))
        };
        let sampled = Sampled::new(vec![1, 3], 4).unwrap();
        assert_eq!(sampled.frame(&["b".into(), "a".into()], read).unwrap(), rows.select(["b", "a"]).unwrap());
        assert_eq!(sampled.frame(&["a".into()], read).unwrap(), rows.select(["a"]).unwrap());
        let (min, max) = (Some(Scalar::from(1i64)), Some(Scalar::from(3i64)));
        let expected = ColumnStatistics { min, max, nulls: Some(1), distinct: Some(2) };
        assert_eq!(sampled.statistics("a", read), expected);
        assert_eq!(sampled.statistics("a", read), expected);
        assert_eq!(reads.get(), 2);
        assert_eq!(sampled.statistics("none", read), ColumnStatistics::default());
        assert_eq!(sampled.frame(&[], read).unwrap().height(), 4);
    }

    #[test]
    fn a_part_of_a_table_stands_for_all_of_it() {
        let rows = df!(
            "key" => (0..2048i64).map(|row| row * 50).collect::<Vec<_>>(),
            "half" => (0..2048i64).map(|row| (row % 2 == 0).then_some(row % 10)).collect::<Vec<_>>(),
        );
        let rows = rows.unwrap();
        let lengths = [PLACE_ROWS; PLACES];
        let sampled = Sampled::new(lengths.to_vec(), 100_000).unwrap();
        let read = |name: &PlSmallStr| Ok(places(rows.column(name)?, &lengths));
        let key = sampled.statistics("key", read);
        assert_eq!((key.min, key.max, key.nulls, key.distinct), (None, None, Some(0), Some(100_000)));
        let half = sampled.statistics("half", read);
        assert_eq!((half.nulls, half.distinct), (Some(50_000), Some(5)));
    }

    #[test]
    fn nothing_is_no_sample() {
        assert!(Sampled::new(Vec::new(), 10).is_none());
        assert!(Sampled::new(vec![0, 0], 0).is_none());
    }
}
