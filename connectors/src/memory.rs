//! DataFrames in memory as a table.

pub(crate) mod sample;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::physical::to_physical;
use quokka_engine::source::{ColumnStatistics, Scan, ScanRequest, Source, Split, SplitReader};

use self::sample::Sample;
use crate::batches::Batches;
use crate::request::Request;

/// Rows of a split: enough work to share out, small enough to share it evenly.
const SPLIT_ROWS: usize = 64 * 1024;

/// DataFrames in memory, read one after the other as one table. Batches are slices: nothing is copied but the rows that
/// a predicate picks.
///
/// In a cluster every process holds the frames and reads its share of them.
///
/// ```
/// use polars_core::df;
/// use quokka_connectors::memory::MemoryScan;
/// use quokka_engine::source::Scan;
///
/// let scan = MemoryScan::new(vec![df!("a" => [1, 2])?, df!("a" => [3])?])?;
/// assert_eq!(scan.rows(), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryScan {
    frames: Arc<[DataFrame]>,
    schema: SchemaRef,
    sample: Sample,
}

/// Why DataFrames do not make a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryScanError {
    /// The list of frames is empty.
    #[error("a table needs at least one DataFrame, which gives it its columns: pass one without rows")]
    NoFrame,
    /// Two frames have different columns.
    #[error(
        "DataFrame {index} has the columns [{found}], the first one has [{expected}]: select and cast them to the same \
         columns"
    )]
    Schema {
        /// Index of the frame that differs.
        index: usize,
        /// Its columns.
        found: String,
        /// The columns of the first frame.
        expected: String,
    },
}

impl From<MemoryScanError> for OperatorError {
    fn from(error: MemoryScanError) -> Self {
        let kind = match error {
            MemoryScanError::NoFrame => ErrorKind::InvalidQuery,
            MemoryScanError::Schema { .. } => ErrorKind::SchemaMismatch,
        };
        Self::new(kind, error)
    }
}

impl MemoryScan {
    /// A table of the rows of `frames`.
    ///
    /// # Errors
    /// No frame, or frames with different columns.
    pub fn new(frames: Vec<DataFrame>) -> Result<Self, MemoryScanError> {
        let schema = frames.first().ok_or(MemoryScanError::NoFrame)?.schema().clone();
        if let Some((index, frame)) = frames.iter().enumerate().find(|(_, frame)| *frame.schema() != schema) {
            let (found, expected) = (list(frame.schema()), list(&schema));
            return Err(MemoryScanError::Schema { index, found, expected });
        }
        Ok(Self { sample: Sample::new(&frames, &schema), frames: frames.into(), schema })
    }
}

impl From<DataFrame> for MemoryScan {
    fn from(frame: DataFrame) -> Self {
        let schema = frame.schema().clone();
        let frames: Arc<[DataFrame]> = [frame].into();
        Self { sample: Sample::new(&frames, &schema), frames, schema }
    }
}

fn list(schema: &Schema) -> String {
    schema.iter().map(|(name, dtype)| format!("{name}: {dtype}")).collect::<Vec<_>>().join(", ")
}

fn describe(frames: &[DataFrame]) -> Description {
    Description::streams("memory-scan").with("rows", frames.iter().map(DataFrame::height).sum::<usize>())
}

impl Scan for MemoryScan {
    fn describe(&self) -> Description {
        describe(&self.frames)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.frames.iter().map(|frame| frame.height() as u64).sum())
    }

    fn statistics(&self, column: &str) -> ColumnStatistics {
        let index = self.schema.index_of(column);
        index.map(|index| self.sample.statistics(&self.frames, index)).unwrap_or_default()
    }

    fn sample(&self, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        let mut sampled = Vec::with_capacity(columns.len());
        for column in columns {
            let index = self.schema.try_index_of(column)?;
            sampled.push(self.sample.column(&self.frames, index)?);
        }
        Ok(Some(DataFrame::new_infer_height(sampled)?))
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        let request = Request::new(request, &self.schema)?;
        let mut splits = Vec::new();
        for (frame, height) in self.frames.iter().map(DataFrame::height).enumerate() {
            let starts = (0..height).step_by(SPLIT_ROWS);
            splits.extend(starts.map(|start| (frame, start..(start + SPLIT_ROWS).min(height))));
        }
        if request.is_never_true {
            splits.clear();
        }
        let table = self.schema.clone();
        let (frames, request) = (self.frames.clone(), Arc::new(request));
        Ok(Arc::new(MemorySource { frames, table, request, splits, bytes_read: AtomicU64::new(0) }))
    }
}

struct MemorySource {
    frames: Arc<[DataFrame]>,
    table: SchemaRef,
    request: Arc<Request>,
    /// A frame and rows of it.
    splits: Vec<(usize, Range<usize>)>,
    /// Of the columns that are read, in the splits that were opened.
    bytes_read: AtomicU64,
}

impl Source for MemorySource {
    fn describe(&self) -> Description {
        self.request.describe(describe(&self.frames), &self.table)
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        let split = |(frame, rows): &(usize, Range<usize>)| Split {
            name: format!("DataFrame {frame}, rows {} to {}", rows.start, rows.end),
            rows: Some(rows.len() as u64),
        };
        Ok(self.splits.iter().map(split).collect())
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let found = self.splits.get(split).and_then(|(frame, rows)| Some((self.frames.get(*frame)?, rows)));
        let Some((frame, rows)) = found else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        let columns = self.request.columns();
        let read = columns.iter().filter_map(|column| frame.column(column).ok());
        let bytes: usize = read.map(|column| column.as_materialized_series().estimated_size()).sum();
        let share = rows.len() as f64 / frame.height().max(1) as f64;
        self.bytes_read.fetch_add((bytes as f64 * share) as u64, Ordering::Relaxed);
        let frame = frame.slice(rows.start as i64, rows.len());
        Ok(Box::new(MemoryReader::new(frame, self.request.clone(), context)))
    }
}

/// Reads the rows of one frame.
pub(crate) struct MemoryReader {
    request: Arc<Request>,
    /// Columns that are delivered or decide which rows are.
    read: Vec<PlSmallStr>,
    batches: Batches,
}

impl MemoryReader {
    pub(crate) fn new(frame: DataFrame, request: Arc<Request>, context: &WorkerContext) -> Self {
        Self { read: request.columns(), request, batches: Batches::new(frame, context.batch_rows) }
    }
}

impl SplitReader for MemoryReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let batch = to_physical(batch.select(self.read.iter().cloned())?)?;
        Ok(Some(self.request.deliver(&batch)?))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::scalar::Scalar;
    use quokka_engine::expr::prelude::{col, lit};
    use quokka_engine::operator::testing::single_worker;

    use super::*;
    use crate::testing::{assert_same, expected, read_scan, request};

    fn frame(rows: Range<i64>) -> DataFrame {
        let text: Vec<Option<String>> = rows.clone().map(|i| (i % 3 != 0).then(|| i.to_string())).collect();
        df!("i" => rows.collect::<Vec<_>>(), "t" => text).unwrap()
    }

    #[test]
    fn rows_come_in_order_with_the_columns_and_rows_asked_for() {
        let scan = MemoryScan::new(vec![frame(0..10), frame(0..0), frame(10..100)]).unwrap();
        let all = frame(0..100);
        assert_eq!((scan.rows(), scan.schema()), (Some(100), all.schema().clone()));
        let predicates = [None, Some(col("i").gt(lit(7)).and(col("t").is_not_null())), Some(col("i").lt(lit(0)))];
        for predicate in predicates {
            for columns in [None, Some(&["t", "i"][..]), Some(&["t"]), Some(&[])] {
                let request = request(columns, predicate.clone());
                let expected = expected(&all, &request);
                for batch_rows in [1, 7, 65536] {
                    let found = read_scan(&scan, &request, batch_rows).unwrap();
                    assert_same(&found, &expected);
                    assert_eq!(found.height(), expected.height());
                }
            }
        }
    }

    #[test]
    fn a_long_frame_is_shared_out() {
        let rows = 2 * SPLIT_ROWS + 1;
        let scan = MemoryScan::from(df!("i" => (0..rows as i64).collect::<Vec<_>>()).unwrap());
        let splits = scan.source(&ScanRequest::default()).unwrap().splits().unwrap();
        assert_eq!(splits.iter().map(|split| split.rows).sum::<Option<u64>>(), Some(rows as u64));
        assert_eq!(splits.len(), 3);
        assert_eq!(splits[1].name, "DataFrame 0, rows 65536 to 131072");
        assert_eq!(read_scan(&scan, &ScanRequest::default(), 1000).unwrap().height(), rows);
    }

    #[test]
    fn batches_share_the_memory_of_the_frame() {
        let df = df!("i" => (0..100i64).collect::<Vec<_>>()).unwrap();
        let scan = MemoryScan::from(df.clone());
        let mut reader = scan.source(&ScanRequest::default()).unwrap().open(0, &single_worker(50)).unwrap();
        let batch = reader.next().unwrap().unwrap();
        let start = |df: &DataFrame| df.column("i").unwrap().i64().unwrap().cont_slice().unwrap().as_ptr();
        assert_eq!((batch.height(), start(&batch)), (50, start(&df)));
    }

    #[test]
    fn a_description_holds_rows_columns_and_predicate() {
        let scan = MemoryScan::from(frame(0..10));
        assert_eq!(scan.describe().to_string(), "memory-scan rows=[10]");
        let source = scan.source(&request(Some(&["t"]), Some(col("i").gt(lit(7))))).unwrap();
        let expected = r#"memory-scan rows=[10] columns=[t] predicate=[[(col("i")) > (dyn int: 7)]]"#;
        assert_eq!(source.describe().to_string(), expected);
        let never = scan.source(&request(None, Some(lit(false)))).unwrap();
        assert_eq!(never.splits().unwrap(), []);
    }

    #[test]
    fn a_small_table_is_its_own_sample() {
        let scan = MemoryScan::new(vec![frame(0..4), frame(0..10)]).unwrap();
        let sample = scan.sample(&["t".into(), "i".into()]).unwrap().unwrap();
        assert_eq!(sample, frame(0..4).vstack(&frame(0..10)).unwrap().select(["t", "i"]).unwrap());
        let statistics = scan.statistics("i");
        assert_eq!((statistics.min, statistics.max), (Some(Scalar::from(0i64)), Some(Scalar::from(9i64))));
        assert_eq!((statistics.nulls, statistics.distinct), (Some(0), Some(10)));
        let statistics = scan.statistics("t");
        assert_eq!((statistics.nulls, statistics.distinct), (Some(6), Some(6)));
        assert_eq!(scan.statistics("nothing"), ColumnStatistics::default());
    }

    #[test]
    fn a_large_table_is_sampled_all_over() {
        let rows = 100_000i64;
        // Half in each frame; a pattern that even steps through the rows would miss.
        let part = |range: Range<i64>| df!("unique" => range.clone().collect::<Vec<_>>(), "few" => range.map(|i| i % 8).collect::<Vec<_>>());
        let scan = MemoryScan::new(vec![part(0..rows / 2).unwrap(), part(rows / 2..rows).unwrap()]).unwrap();
        let sample = scan.sample(&["unique".into(), "few".into()]).unwrap().unwrap();
        assert_eq!(sample.height(), 4096);
        let upper = sample.column("unique").unwrap().i64().unwrap().iter().filter(|value| *value >= Some(rows / 2));
        assert!((2040..=2056).contains(&upper.count()));
        for (unique, few) in sample
            .column("unique")
            .unwrap()
            .i64()
            .unwrap()
            .iter()
            .zip(sample.column("few").unwrap().i64().unwrap().iter())
        {
            assert_eq!(unique.unwrap() % 8, few.unwrap());
        }
        let statistics = scan.statistics("few");
        assert_eq!((statistics.distinct, statistics.min), (Some(8), None));
        assert_eq!(scan.statistics("unique").distinct, Some(rows as u64));
    }

    #[test]
    fn a_sample_of_nothing() {
        let scan = MemoryScan::from(frame(0..0));
        assert_eq!(scan.sample(&["i".into()]).unwrap().unwrap().height(), 0);
        assert_eq!(scan.statistics("i"), ColumnStatistics { nulls: Some(0), distinct: Some(0), ..Default::default() });
        assert!(scan.sample(&["nothing".into()]).is_err());
    }

    #[test]
    fn frames_must_have_the_same_columns() {
        assert!(matches!(MemoryScan::new(Vec::new()).err(), Some(MemoryScanError::NoFrame)));
        let error = MemoryScan::new(vec![frame(0..1), df!("i" => [1i32]).unwrap()]).err().unwrap();
        assert!(matches!(error, MemoryScanError::Schema { index: 1, .. }));
        assert_eq!(OperatorError::from(error).kind(), ErrorKind::SchemaMismatch);
    }
}
