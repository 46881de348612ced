//! Rows from all over a table in memory, and what they tell of its columns.

use std::sync::OnceLock;

use polars_core::frame::DataFrame;
use polars_core::frame::column::Column;
use polars_core::prelude::IdxSize;
use polars_core::schema::Schema;
use quokka_engine::error::OperatorError;
use quokka_engine::hash::hash_rows;
use quokka_engine::sample::places;
use quokka_engine::source::ColumnStatistics;

/// Rows of a sample; a smaller table is its own sample.
pub(crate) const ROWS: usize = 4096;

/// The sample of a table, column by column as they are asked for.
pub(super) struct Sample {
    rows: usize,
    columns: Vec<OnceLock<(Column, ColumnStatistics)>>,
}

impl Sample {
    /// A sample of frames with the columns of `schema`.
    pub(super) fn new(frames: &[DataFrame], schema: &Schema) -> Self {
        let rows = frames.iter().map(DataFrame::height).sum();
        Self { rows, columns: schema.iter().map(|_| OnceLock::new()).collect() }
    }

    /// The sample of the column at `index` of `frames`.
    pub(super) fn column(&self, frames: &[DataFrame], index: usize) -> Result<Column, OperatorError> {
        Ok(self.get(frames, index)?.map(|(column, _)| column.clone()).unwrap_or_default())
    }

    /// What the sample tells of the column at `index` of `frames`.
    pub(super) fn statistics(&self, frames: &[DataFrame], index: usize) -> ColumnStatistics {
        self.get(frames, index).ok().flatten().map(|(_, statistics)| statistics.clone()).unwrap_or_default()
    }

    fn get(&self, frames: &[DataFrame], index: usize) -> Result<Option<&(Column, ColumnStatistics)>, OperatorError> {
        let Some(cell) = self.columns.get(index) else { return Ok(None) };
        if let Some(made) = cell.get() {
            return Ok(Some(made));
        }
        let Some(values) = gather(frames, index, self.rows)? else { return Ok(None) };
        let statistics = statistics(frames, index, &values, self.rows);
        Ok(Some(cell.get_or_init(|| (values, statistics))))
    }
}

/// The values of a column at [places] spread over all rows.
fn gather(frames: &[DataFrame], index: usize, rows: usize) -> Result<Option<Column>, OperatorError> {
    let mut gathered: Option<Column> = None;
    let mut places = places(ROWS, rows).peekable();
    let mut start = 0;
    for frame in frames {
        let Some(column) = frame.columns().get(index) else { return Ok(None) };
        let end = start + frame.height();
        let part = if rows <= ROWS {
            column.clone()
        } else {
            let rows: Vec<IdxSize> =
                std::iter::from_fn(|| places.next_if(|row| *row < end)).map(|row| (row - start) as IdxSize).collect();
            column.take_slice(&rows)?
        };
        match &mut gathered {
            Some(gathered) => {
                gathered.append(&part)?;
            },
            None => gathered = Some(part),
        }
        start = end;
    }
    Ok(gathered.map(|column| column.rechunk()))
}

fn statistics(frames: &[DataFrame], index: usize, sample: &Column, rows: usize) -> ColumnStatistics {
    let is_whole = sample.len() == rows;
    let nulls: usize = frames.iter().filter_map(|frame| frame.columns().get(index)).map(Column::null_count).sum();
    let bound = |bound: polars_core::error::PolarsResult<polars_core::scalar::Scalar>| {
        bound.ok().filter(|value| is_whole && !value.is_null())
    };
    ColumnStatistics {
        min: bound(sample.min_reduce()),
        max: bound(sample.max_reduce()),
        nulls: Some(nulls as u64),
        distinct: distinct(sample, rows - nulls),
    }
}

/// About how many different values a column of `rows` values has: exact if the sample has them all, else the estimator
/// Duj1 of Haas and Stokes ("Estimating the number of classes in a finite population", 1998), which asks how many values
/// the sample has once.
pub(crate) fn distinct(sample: &Column, rows: usize) -> Option<u64> {
    let sample = sample.drop_nulls();
    let name = sample.name().clone();
    let size = sample.len() as f64;
    let frame = DataFrame::new(sample.len(), vec![sample]).ok()?;
    let mut hashes = hash_rows(&frame, &[name]).ok()?;
    hashes.sort_unstable();
    let counts: Vec<usize> = hashes.chunk_by(|a, b| a == b).map(<[u64]>::len).collect();
    let (values, once) = (counts.len() as f64, counts.iter().filter(|count| **count == 1).count() as f64);
    if counts.is_empty() {
        return Some(0);
    }
    let all = size * values / (size - once + once * size / rows as f64);
    Some(all.clamp(values, rows as f64).round() as u64)
}
