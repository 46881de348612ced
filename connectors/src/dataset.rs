//! Rows that earlier queries have left in the memory of the workers, as a table.

use std::sync::{Arc, OnceLock};

use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, IdxSize, PlSmallStr, SchemaRef};
use quokka_engine::dataset;
use quokka_engine::error::OperatorError;
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::Description;
use quokka_engine::sample::places;
use quokka_engine::source::{ColumnStatistics, Parts, Scan, ScanRequest, Source};

use crate::materialized::MaterializedSource;
use crate::memory::sample::{ROWS, distinct};

/// A table whose rows are in the memory of the workers of all processes. Each process reads those that it has.
///
/// Its columns have exact bounds where these are numbers or times; the rest is known from a sample of about 4,096 rows.
pub struct DatasetScan {
    table: Arc<Table>,
    parts: Parts,
}

struct Table {
    number: u64,
    schema: SchemaRef,
    rows: u64,
    bytes: u64,
    bounds: Vec<DataFrame>,
    sample: DataFrame,
    /// Of each column, when it was asked for.
    statistics: Vec<OnceLock<ColumnStatistics>>,
    held: Arc<Materialized>,
}

impl DatasetScan {
    /// The table of the rows in `held`, which have the columns of `schema`, and of those in other processes. `told`: what
    /// the workers have told of them, with Polars' types.
    ///
    /// # Errors
    /// A frame that does not tell of parts.
    pub fn new(
        held: Arc<Materialized>,
        schema: SchemaRef,
        parts: Parts,
        told: &DataFrame,
    ) -> Result<Self, OperatorError> {
        let (number, told) = dataset::parts(told)?;
        let rows: u64 = told.iter().map(|part| part.rows).sum();
        let bytes = told.iter().map(|part| part.bytes).sum();
        let mut sample = DataFrame::empty_with_schema(&schema);
        for part in &told {
            let fair = (part.rows as u128 * ROWS as u128).div_ceil(u128::from(rows.max(1)));
            let fair = usize::try_from(fair).unwrap_or(ROWS);
            sample.vstack_mut_owned(draw(&part.sample, if rows <= ROWS as u64 { ROWS } else { fair })?)?;
        }
        sample.rechunk_mut();
        let bounds = told.into_iter().map(|part| part.bounds).collect();
        let statistics = schema.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { table: Arc::new(Table { number, schema, rows, bytes, bounds, sample, statistics, held }), parts })
    }

    /// Estimated bytes of all rows.
    pub fn bytes(&self) -> u64 {
        self.table.bytes
    }

    /// The rows that the workers of this process have, as they lie in [batches](quokka_engine::physical), in order.
    pub fn batches(&self) -> &[DataFrame] {
        self.table.held.batches()
    }

    /// The same rows, whose order counts whether they were sorted or not.
    pub fn in_order(&self) -> Self {
        Self { table: self.table.clone(), parts: Parts::Sorted }
    }
}

impl Table {
    fn statistics(&self, name: &str, sampled: &Column) -> ColumnStatistics {
        let share = self.rows as f64 / (sampled.len() as f64).max(1.0);
        let nulls = ((sampled.null_count() as f64 * share).round() as u64).min(self.rows);
        let min = self.bound(name, 0).and_then(|bounds| bounds.min_reduce().ok());
        let max = self.bound(name, 1).and_then(|bounds| bounds.max_reduce().ok());
        ColumnStatistics {
            min: min.filter(|min| !min.is_null()),
            max: max.filter(|max| !max.is_null()),
            nulls: Some(nulls),
            distinct: distinct(sampled, usize::try_from(self.rows - nulls).unwrap_or(usize::MAX)),
        }
    }

    /// The smallest or the largest value of a column in all parts.
    fn bound(&self, column: &str, row: i64) -> Option<Column> {
        let mut bounds: Option<Column> = None;
        for part in &self.bounds {
            let bound = part.column(column).ok()?.slice(row, 1);
            match &mut bounds {
                Some(bounds) => {
                    bounds.append(&bound).ok()?;
                },
                None => bounds = Some(bound),
            }
        }
        bounds
    }
}

/// So many rows of a sample.
fn draw(sample: &DataFrame, count: usize) -> PolarsResult<DataFrame> {
    if sample.height() <= count {
        return Ok(sample.clone());
    }
    let rows: Vec<IdxSize> = places(count, sample.height()).map(|row| row as IdxSize).collect();
    let columns = sample.columns().iter().map(|column| column.take_slice(&rows)).collect::<PolarsResult<_>>()?;
    DataFrame::new(rows.len(), columns)
}

impl Scan for DatasetScan {
    fn describe(&self) -> Description {
        Description::streams("dataset-scan").with("dataset", self.table.number).with("rows", self.table.rows)
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema.clone()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.table.rows)
    }

    fn parts(&self) -> Option<Parts> {
        Some(self.parts)
    }

    fn statistics(&self, column: &str) -> ColumnStatistics {
        let table = &self.table;
        let found = table.sample.get_column_index(column);
        let known = found.and_then(|index| Some((table.statistics.get(index)?, table.sample.columns().get(index)?)));
        let known = known.map(|(cell, sampled)| cell.get_or_init(|| table.statistics(column, sampled)));
        known.cloned().unwrap_or_default()
    }

    fn sample(&self, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        Ok(Some(self.table.sample.select(columns.iter().cloned())?))
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        let table = &self.table;
        let source = MaterializedSource::new(self.describe(), table.held.clone(), table.schema.clone(), request)?;
        Ok(Arc::new(source))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::scalar::Scalar;
    use quokka_engine::dataset::Part;

    use super::*;

    fn rows(numbers: std::ops::Range<i64>) -> DataFrame {
        let text: Vec<_> = numbers.clone().map(|n| (n % 4 != 0).then(|| format!("{}", n % 10))).collect();
        df!("n" => numbers.collect::<Vec<_>>(), "t" => text).unwrap()
    }

    /// What a worker tells of `rows`, of which it sends every `step`-th.
    fn told(worker: u64, rows: &DataFrame, step: i64) -> DataFrame {
        let n = rows.column("n").unwrap().i64().unwrap();
        let (first, last) = (n.get(0).unwrap(), n.get(rows.height() - 1).unwrap());
        let bounds = df!("n" => [first, last], "t" => [None::<&str>, None]).unwrap();
        let chosen: Vec<IdxSize> = (0..rows.height() as i64).step_by(step as usize).map(|row| row as IdxSize).collect();
        let sample = rows.columns().iter().map(|column| column.take_slice(&chosen).unwrap()).collect();
        let sample = DataFrame::new(chosen.len(), sample).unwrap();
        Part { worker, rows: rows.height() as u64, bytes: 5, bounds, sample }.to_frame().unwrap()
    }

    fn scan(told: &DataFrame) -> DatasetScan {
        DatasetScan::new(Arc::default(), rows(0..1).schema().clone(), Parts::Unsorted, told).unwrap()
    }

    #[test]
    fn a_small_dataset_is_known_in_full() {
        let scan = scan(&told(1, &rows(100..300), 1).vstack(&told(0, &rows(0..100), 1)).unwrap());
        assert_eq!((scan.rows(), scan.bytes()), (Some(300), 10));
        assert_eq!(scan.sample(&["t".into()]).unwrap(), Some(rows(0..300).select(["t"]).unwrap()));
        let statistics = scan.statistics("n");
        let known = ColumnStatistics {
            min: Some(Scalar::from(0i64)),
            max: Some(Scalar::from(299i64)),
            nulls: Some(0),
            distinct: Some(300),
        };
        assert_eq!(statistics, known);
        let text = scan.statistics("t");
        assert_eq!((text.min, text.max, text.nulls, text.distinct), (None, None, Some(75), Some(10)));
        assert_eq!(scan.statistics("no"), ColumnStatistics::default());
        assert_eq!(scan.in_order().parts(), Some(Parts::Sorted));
    }

    #[test]
    fn large_parts_count_for_more_in_the_sample() {
        let scan = scan(&told(0, &rows(0..90_000), 25).vstack(&told(1, &rows(90_000..100_000), 25)).unwrap());
        let sample = scan.sample(&["n".into()]).unwrap().unwrap();
        let numbers = sample.column("n").unwrap().i64().unwrap();
        let first = numbers.iter().flatten().filter(|n| *n < 90_000).count();
        // The first part has sent fewer rows than its fair share.
        assert_eq!((first, numbers.len() - first), (3_600, 400));
        let nulls = scan.statistics("t").nulls.unwrap();
        assert!((20_000..30_000).contains(&nulls), "{nulls}");
        assert_eq!(scan.statistics("n").max, Some(Scalar::from(99_999i64)));
    }
}
