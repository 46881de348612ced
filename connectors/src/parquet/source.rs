//! The row groups of a table that a query has to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{ScanRequest, Source, Split, SplitReader};

use super::ahead::Ahead;
use super::chunks::Chunks;
use super::guesses::Guesses;
use super::parts::cut;
use super::pruning::{excluded_by, prune};
use super::reader::RowGroupReader;
use super::scan::Table;
use crate::request::Request;

/// A table with the columns and rows that one query wants of it.
pub(super) struct ParquetSource {
    pub(super) table: Arc<Table>,
    pub(super) request: Arc<Request>,
    /// Row groups and parts of them, in the order of their rows.
    pub(super) parts: Vec<RowGroup>,
    pub(super) guesses: Arc<Guesses>,
    read_row_groups: usize,
    all_row_groups: usize,
    /// Splits before this one have been announced to the operating system.
    announced: AtomicUsize,
    /// Row groups in stores.
    ahead: Ahead,
    /// Of the columns that are read, in the splits that were opened.
    bytes_read: AtomicU64,
}

/// A row group that is read, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct RowGroup {
    /// Index of the file in the table.
    pub(super) file: usize,
    /// Index of the row group in the file.
    pub(super) index: usize,
    /// The first row that is read.
    pub(super) start: usize,
    /// Rows that are read.
    pub(super) rows: usize,
    /// The conjuncts of the request that some row may fail.
    pub(super) conjuncts: Vec<usize>,
}

/// Splits a worker that are read ahead of the one that is decoded.
const SPLITS_AHEAD: usize = 1;

impl ParquetSource {
    pub(super) fn new(table: Arc<Table>, request: &ScanRequest) -> Result<Self, OperatorError> {
        let request = Request::new(request, &table.schema)?;
        let conjuncts: Vec<usize> = (0..request.conjuncts.len()).collect();
        let all: Vec<RowGroup> = (table.files.iter().enumerate())
            .flat_map(|(file, opened)| {
                let row_groups = opened.row_groups().iter().enumerate();
                row_groups.map(move |(index, rows)| (file, index, *rows))
            })
            .map(|(file, index, rows)| RowGroup { file, index, start: 0, rows, conjuncts: conjuncts.clone() })
            .collect();
        let all_row_groups = all.len();
        let row_groups = if request.is_never_true { Vec::new() } else { prune(&table, &request, all)? };
        let read_row_groups = row_groups.len();
        // To find the start of a part of nested values is as much work as to decode all that stands before it.
        let is_cut =
            request.columns().iter().all(|name| table.schema.get(name).is_some_and(|dtype| !dtype.is_nested()));
        let parts = if is_cut { cut(row_groups, |row_group| table.page_rows(&request, row_group)) } else { row_groups };
        let announced = AtomicUsize::new(0);
        // What decides which rows are read stands behind what is delivered.
        let guesses = Arc::new(Guesses::new(request.columns().into_iter().rev()));
        Ok(Self {
            table,
            request: Arc::new(request),
            parts,
            guesses,
            read_row_groups,
            all_row_groups,
            announced,
            ahead: Ahead::default(),
            bytes_read: AtomicU64::new(0),
        })
    }
}

impl ParquetSource {
    pub(super) fn no_split(&self, split: usize) -> OperatorError {
        OperatorError::message(ErrorKind::Internal, format!("there is no split {split}"))
    }

    /// Lets the operating system read what will be needed soon, while the workers compute.
    fn announce(&self, split: usize, context: &WorkerContext) {
        let own = |split: &usize| split % context.processes == context.process;
        let end = self.parts.len().min(split + 1 + SPLITS_AHEAD * context.workers);
        let start = self.announced.fetch_max(end, Ordering::Relaxed);
        let parts = (start..end).filter(own).filter_map(|split| self.parts.get(split));
        for part in parts.filter(|part| excluded_by(&self.table, &self.request, part).is_none()) {
            if let Some(file) = self.table.files.get(part.file) {
                self.request.columns().iter().for_each(|column| file.announce(part.index, column));
            }
        }
    }
}

impl ParquetSource {
    /// Bytes in the file of the columns that are read: of a part of a row group, its share of them.
    fn bytes(&self, part: &RowGroup) -> u64 {
        let file = self.table.files.get(part.file);
        let Some(row_group) = file.and_then(|file| file.row_group(part.index)) else { return 0 };
        let columns = self.request.columns();
        let chunks = columns.iter().filter_map(|column| row_group.column(column)).flatten();
        let bytes: i64 = chunks.map(|chunk| chunk.compressed_size.max(0)).sum();
        (bytes as f64 * part.rows as f64 / row_group.rows.max(1) as f64) as u64
    }
}

impl Source for ParquetSource {
    fn describe(&self) -> Description {
        self.request
            .describe(self.table.describe(), &self.table.schema)
            .with("row-groups", format!("{} of {}", self.read_row_groups, self.all_row_groups))
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        let split = |row_group: &RowGroup| {
            let path = self.table.files.get(row_group.file).map(|file| file.input.location().to_string());
            let mut name = format!("{}, row group {}", path.unwrap_or_default(), row_group.index);
            if row_group.start > 0 {
                name.push_str(&format!(" from row {}", row_group.start));
            }
            Split { name, rows: Some(row_group.rows as u64) }
        };
        Ok(self.parts.iter().map(split).collect())
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let Some(row_group) = self.parts.get(split) else { return Err(self.no_split(split)) };
        self.announce(split, context);
        let mut row_group = row_group.clone();
        let chunks = match self.table.file(row_group.file)?.mapped()? {
            Some(mapped) => mapped,
            None => Chunks::Fetched(self.ahead.open(self, split, context)?),
        };
        if let Some(filter) = excluded_by(&self.table, &self.request, &row_group) {
            filter.count_dropped(row_group.rows);
            row_group.rows = 0;
        }
        self.bytes_read.fetch_add(self.bytes(&row_group), Ordering::Relaxed);
        let (table, request, guesses) = (self.table.clone(), self.request.clone(), self.guesses.clone());
        Ok(Box::new(RowGroupReader::new(table, request, guesses, chunks, row_group, context)))
    }
}
