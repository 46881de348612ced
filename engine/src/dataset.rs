//! What workers tell of the rows that they keep for later queries.
//!
//! Each worker that has rows sends a [`Part`] as rows of an edge: some of its rows, with what is known of all of them
//! beside each. So what a later query is planned with is the same in every process.

use std::collections::BTreeMap;
use std::sync::Arc;

use polars_core::error::{PolarsResult, polars_err};
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IdxSize, IntoColumn, NamedFrom, PlSmallStr, Schema, SchemaRef, Series};

/// What one worker keeps.
#[derive(Clone, Debug)]
pub struct Part {
    /// Global index of the worker.
    pub worker: u64,
    /// Its rows.
    pub rows: u64,
    /// Their bytes, estimated.
    pub bytes: u64,
    /// Two rows: of each column the smallest and the largest value, null if they are not known.
    pub bounds: DataFrame,
    /// Rows from all over the part.
    pub sample: DataFrame,
}

/// Numbers that stand before the columns of the rows.
const NUMBERS: [&str; 5] = ["dataset", "worker", "rows", "bytes", "kind"];
const BOUND: u64 = 0;
const SAMPLE: u64 = 1;

/// Columns of the rows that tell of parts whose rows have the columns of `schema`.
pub fn parts_schema(schema: &Schema) -> SchemaRef {
    let numbers = number_names(schema).into_iter().map(|name| (name, DataType::UInt64));
    Arc::new(numbers.chain(schema.iter().map(|(name, dtype)| (name.clone(), dtype.clone()))).collect())
}

fn number_names(schema: &Schema) -> Vec<PlSmallStr> {
    let free = |name: &str| {
        let mut name = name.to_owned();
        while schema.contains(&name) {
            name.push('_');
        }
        name.into()
    };
    NUMBERS.into_iter().map(free).collect()
}

impl Part {
    /// Rows with the columns of [`parts_schema`], as they lie in batches.
    ///
    /// # Errors
    /// Bounds and sample whose columns differ.
    pub fn to_frame(&self) -> PolarsResult<DataFrame> {
        let rows = self.bounds.vstack(&self.sample)?;
        let kinds = (0..rows.height()).map(|row| if row < self.bounds.height() { BOUND } else { SAMPLE });
        let mut kinds = Some(Series::new("".into(), kinds.collect::<Vec<u64>>()));
        let columns = number_names(rows.schema()).into_iter().zip([0, self.worker, self.rows, self.bytes, 0]);
        let mut columns: Vec<Column> = columns
            .enumerate()
            .map(|(index, (name, number))| match kinds.take_if(|_| index == NUMBERS.len() - 1) {
                Some(kinds) => kinds.with_name(name).into_column(),
                None => Column::new_scalar(name, number.into(), rows.height()),
            })
            .collect();
        columns.extend(rows.columns().iter().cloned());
        DataFrame::new(rows.height(), columns)
    }
}

/// Gives the parts in `frame`, which is never empty, the number of their dataset.
///
/// # Errors
/// A frame that does not tell of parts.
pub fn set_number(frame: DataFrame, number: u64) -> PolarsResult<DataFrame> {
    let mut columns = frame.columns().to_vec();
    let first = columns.first_mut().ok_or_else(|| polars_err!(ShapeMismatch: "parts without columns"))?;
    *first = Column::new_scalar(first.name().clone(), number.into(), frame.height());
    DataFrame::new(frame.height(), columns)
}

/// A part without rows: what tells that there is a dataset if no worker has any.
///
/// # Errors
/// Columns that Polars refuses.
pub fn no_part(schema: &Schema) -> PolarsResult<DataFrame> {
    let bounds = no_bounds(schema);
    Part { worker: 0, rows: 0, bytes: 0, sample: bounds.clear(), bounds }.to_frame()
}

/// Bounds that are not known.
pub fn no_bounds(schema: &Schema) -> DataFrame {
    DataFrame::full_null(schema, 2)
}

/// The number of a dataset and its parts, in the order of their workers, from the rows that tell of them.
///
/// # Errors
/// A frame that does not tell of parts.
pub fn parts(frame: &DataFrame) -> PolarsResult<(u64, Vec<Part>)> {
    let columns = frame.columns();
    if columns.len() < NUMBERS.len() {
        return Err(polars_err!(ShapeMismatch: "parts with {} columns", columns.len()));
    }
    let (numbers, rows) = columns.split_at(NUMBERS.len());
    let number =
        |column: usize, row: usize| -> PolarsResult<u64> { Ok(numbers[column].u64()?.get(row).unwrap_or_default()) };
    let take = |indices: &[IdxSize]| {
        let columns = rows.iter().map(|column| column.take_slice(indices)).collect::<PolarsResult<_>>()?;
        DataFrame::new(indices.len(), columns)
    };
    // The rows of each part are in order, first its bounds; those of several parts may be mixed.
    let mut rows_of: BTreeMap<u64, (Vec<IdxSize>, Vec<IdxSize>)> = BTreeMap::new();
    for row in 0..frame.height() {
        let (bounds, sample) = rows_of.entry(number(1, row)?).or_default();
        if number(4, row)? == BOUND { bounds.push(row as IdxSize) } else { sample.push(row as IdxSize) }
    }
    let part = |(worker, (bounds, sample)): (u64, (Vec<IdxSize>, Vec<IdxSize>))| {
        let first = bounds.first().map_or(0, |row| *row as usize);
        Ok(Part {
            worker,
            rows: number(2, first)?,
            bytes: number(3, first)?,
            bounds: take(&bounds)?,
            sample: take(&sample)?,
        })
    };
    Ok((number(0, 0)?, rows_of.into_iter().map(part).collect::<PolarsResult<_>>()?))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;

    use super::*;

    #[test]
    fn parts_survive_the_way() {
        // Names that clash with the numbers beside them.
        let rows = df!("rows" => [7i64, 1, 9], "worker" => ["a", "b", "c"]).unwrap();
        let part = |worker, rows: DataFrame| {
            let bounds = rows.slice(0, 2);
            Part { worker, rows: 100 + worker, bytes: 3, bounds, sample: rows }
        };
        let schema = parts_schema(rows.schema());
        let frames = [part(3, rows.clone()), part(1, rows.slice(1, 2))].map(|part| part.to_frame().unwrap());
        assert_eq!(*frames[0].schema(), schema);
        // The second part arrives in the middle of the first.
        let mixed = frames[0].slice(0, 3).vstack(&frames[1]).unwrap().vstack(&frames[0].slice(3, 9)).unwrap();
        let frame = set_number(mixed, 42).unwrap();
        assert_eq!(*frame.schema(), schema);
        let (number, read) = parts(&frame).unwrap();
        assert_eq!(number, 42);
        assert_eq!(read.iter().map(|part| (part.worker, part.rows)).collect::<Vec<_>>(), [(1, 101), (3, 103)]);
        assert_eq!((&read[1].sample, &read[1].bounds), (&rows, &rows.slice(0, 2)));
        assert_eq!(read[0].sample, rows.slice(1, 2));
    }

    #[test]
    fn nothing_has_a_number_too() {
        let schema = df!("a" => [1], "b" => [Some("x")]).unwrap().schema().clone();
        let (number, read) = parts(&set_number(no_part(&schema).unwrap(), 7).unwrap()).unwrap();
        assert_eq!((number, read.len(), read[0].rows, read[0].sample.height()), (7, 1, 0, 0));
        assert!(parts(&DataFrame::empty()).is_err());
    }
}
