//! A row for each element of a list.

use polars_core::chunked_array::ops::{ChunkExplode, ExplodeOptions};
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};
use quokka_engine::physical::to_physical;

use crate::slices::Slices;

/// Makes a row for each element of the lists (or arrays) in some columns; the other columns are repeated. Lists of one row
/// must have the same length. An empty list or a null makes a row with null, unless the options leave it out.
///
/// Streams; holds a batch while its rows leave in batches.
///
/// ```
/// use polars_core::df;
/// use polars_core::prelude::{ExplodeOptions, NamedFrom, Series};
/// use quokka_engine::operator::testing::{Restore, drive, single_worker};
/// use quokka_operators::explode::Explode;
///
/// let lists = [Series::new("".into(), [1, 2]), Series::new("".into(), [3])];
/// let rows = df!("a" => ["x", "y"], "b" => lists).unwrap();
/// let options = ExplodeOptions { empty_as_null: true, keep_nulls: true };
/// let sent = drive(&Explode::new(["b"], options), &single_worker(7), vec![vec![rows]], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => ["x", "x", "y"], "b" => [1, 2, 3]).unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Explode {
    columns: Vec<PlSmallStr>,
    options: ExplodeOptions,
}

impl Explode {
    /// Takes the lists in `columns` apart.
    pub fn new<S: Into<PlSmallStr>>(columns: impl IntoIterator<Item = S>, options: ExplodeOptions) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), options }
    }
}

impl OperatorFactory for Explode {
    fn describe(&self) -> Description {
        let names: Vec<&str> = self.columns.iter().map(PlSmallStr::as_str).collect();
        let mut description = Description::streams("explode").with("columns", names.join(", "));
        if !self.options.empty_as_null {
            description = description.with("empty", "dropped");
        }
        if self.options.keep_nulls { description } else { description.with("nulls", "dropped") }
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let batch_rows = context.batch_rows.max(1);
        Ok(Box::new(ExplodeChannel {
            explode: self.clone(),
            batch_rows,
            rows: DataFrame::default(),
            ends: Vec::new(),
            next: 0,
            exploded: Slices::default(),
        }))
    }
}

struct ExplodeChannel {
    explode: Explode,
    batch_rows: usize,
    /// The batch that is taken apart.
    rows: DataFrame,
    /// For each of its rows, about how many rows it and those before it make.
    ends: Vec<usize>,
    /// Its first row that was not taken yet.
    next: usize,
    /// What was made of the rows before, and has not left.
    exploded: Slices,
}

impl ExplodeChannel {
    /// Takes as many rows as make a batch, at least one.
    fn explode_next(&mut self) -> Result<(), OperatorError> {
        let made = if self.next == 0 { 0 } else { self.ends[self.next - 1] };
        let fitting = self.ends[self.next..].partition_point(|end| end - made <= self.batch_rows).max(1);
        let rows = self.rows.slice(self.next as i64, fitting);
        self.next += fitting;
        if self.next >= self.ends.len() {
            (self.rows, self.next) = (DataFrame::default(), 0);
            self.ends.clear();
        }
        // The types were checked before; what is left is lists of different lengths.
        let exploded = rows.explode(self.explode.columns.iter(), self.explode.options);
        let exploded = exploded.map_err(|error| OperatorError::new(ErrorKind::InvalidData, error))?;
        self.exploded = Slices::new(to_physical(exploded)?);
        Ok(())
    }
}

impl Operator for ExplodeChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        self.rows = batch.into_frame();
        self.ends = match self.explode.columns.first() {
            Some(name) => ends(self.rows.column(name)?)?,
            None => (1..=self.rows.height()).collect(),
        };
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if self.exploded.is_empty() && !self.ends.is_empty() {
            self.explode_next()?;
        }
        let progress = self.exploded.push_next(self.batch_rows, output);
        Ok(if self.ends.is_empty() { progress } else { Progress::More })
    }

    fn state_bytes(&self) -> usize {
        self.rows.estimated_size() + self.exploded.bytes()
    }
}

/// For each row of a column of lists, about how many elements it and those before it have; a list without any counts one.
fn ends(column: &Column) -> Result<Vec<usize>, OperatorError> {
    let series = column.as_materialized_series().rechunk();
    let offsets = match series.dtype() {
        DataType::Array(..) => series.array()?.offsets()?,
        _ => series.list()?.offsets()?,
    };
    let mut end = 0;
    let lengths = offsets.as_slice().windows(2).map(|pair| usize::try_from(pair[1] - pair[0]).unwrap_or(1).max(1));
    let ends = lengths.map(|length| {
        end += length;
        end
    });
    Ok(ends.collect())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::prelude::{NamedFrom, Series};
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    const ALL: ExplodeOptions = ExplodeOptions { empty_as_null: true, keep_nulls: true };

    /// 40 rows with lists of up to 5 elements, some empty, some null.
    fn rows() -> DataFrame {
        let list = |row: i32| match row % 7 {
            6 => None,
            length => Some(Series::new("".into(), (0..length % 6).map(|i| row * 10 + i).collect::<Vec<_>>())),
        };
        let texts = |row: i32| list(row).map(|list| list.cast(&DataType::String).unwrap());
        df!(
            "id" => (0..40).collect::<Vec<i32>>(),
            "list" => (0..40).map(list).collect::<Vec<_>>(),
            "texts" => (0..40).map(texts).collect::<Vec<_>>(),
        )
        .unwrap()
    }

    #[test]
    fn equals_polars() {
        let input = rows();
        for (empty_as_null, keep_nulls) in [(true, true), (false, true), (true, false), (false, false)] {
            let options = ExplodeOptions { empty_as_null, keep_nulls };
            for columns in [&["list"][..], &["texts", "list"]] {
                let expected = input.explode(columns, options).unwrap();
                for batch_rows in [1, 7, 65_536] {
                    let explode = Explode::new(columns.iter().copied(), options);
                    let given = vec![batches(&input, batch_rows.max(3))];
                    let sent = drive(&explode, &single_worker(batch_rows), given, Restore::EveryBatch).unwrap();
                    assert!(sent.iter().all(|batch| batch.height() <= batch_rows));
                    assert!(concatenate(sent.into_iter()).unwrap().unwrap().equals_missing(&expected));
                }
            }
        }
    }

    #[test]
    fn a_long_list_leaves_in_steps() {
        let list = [Series::new("".into(), (0..100).collect::<Vec<i32>>())];
        let frame = df!("list" => list, "id" => [7]).unwrap();
        let sent = drive(&Explode::new(["list"], ALL), &single_worker(30), vec![vec![frame]], Restore::Never).unwrap();
        assert_eq!(sent.iter().map(DataFrame::height).collect::<Vec<_>>(), [30, 30, 30, 10]);
    }

    #[test]
    fn lists_of_a_row_must_have_one_length() {
        let list = |values: &[i32]| Series::new("".into(), values);
        let frame = df!("a" => [list(&[1, 2]), list(&[3])], "b" => [list(&[1, 2]), list(&[3, 4])]).unwrap();
        let given = vec![vec![frame]];
        let error = drive(&Explode::new(["a", "b"], ALL), &single_worker(7), given, Restore::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
}
