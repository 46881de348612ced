//! DataFrames in memory as a table.

use std::ops::Range;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::BooleanChunked;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{Scan, ScanRequest, Source, Split, SplitReader};

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
        Ok(Self { frames: frames.into(), schema })
    }
}

impl From<DataFrame> for MemoryScan {
    fn from(frame: DataFrame) -> Self {
        Self { schema: frame.schema().clone(), frames: [frame].into() }
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
        Ok(Arc::new(MemorySource { frames: self.frames.clone(), table, request: Arc::new(request), splits }))
    }
}

struct MemorySource {
    frames: Arc<[DataFrame]>,
    table: SchemaRef,
    request: Arc<Request>,
    /// A frame and rows of it.
    splits: Vec<(usize, Range<usize>)>,
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

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let found = self.splits.get(split).and_then(|(frame, rows)| Some((self.frames.get(*frame)?, rows)));
        let Some((frame, rows)) = found else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        let frame = frame.slice(rows.start as i64, rows.len());
        let batches = Batches::new(frame, context.batch_rows);
        Ok(Box::new(MemoryReader { request: self.request.clone(), batches }))
    }
}

struct MemoryReader {
    request: Arc<Request>,
    batches: Batches,
}

impl SplitReader for MemoryReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        let Some(batch) = self.batches.next() else { return Ok(None) };
        let mut passed: Option<BooleanChunked> = None;
        for conjunct in &self.request.conjuncts {
            let mask = conjunct.mask(&batch.select(conjunct.columns.iter().cloned())?)?;
            passed = Some(match passed {
                Some(others) => &others & &mask,
                None => mask,
            });
        }
        let projected = batch.select(self.request.schema.iter_names().cloned())?;
        Ok(Some(match passed {
            Some(passed) if passed.num_trues() < batch.height() => projected.filter_seq(&passed)?,
            _ => projected,
        }))
    }
}
