//! The ranges of files that a query has to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{ScanRequest, Source, Split, SplitReader};

use super::error::CsvError;
use super::reader::CsvReader;
use super::rows::Rows;
use super::scan::Table;
use crate::files::Ahead;
use crate::request::Request;

/// A table with the columns and rows that one query wants of it.
pub(super) struct CsvSource {
    table: Arc<Table>,
    request: Arc<Request>,
    /// A file, and a range of it.
    ranges: Vec<(usize, usize)>,
    memory: Arc<Memory>,
    /// Ranges of files in stores.
    ahead: Ahead,
    /// Of the ranges that were opened.
    bytes_read: AtomicU64,
}

/// Memory that was read into and is free again. Fresh memory costs as much as the parsing of a column, since the operating
/// system clears it.
#[derive(Default)]
pub(super) struct Memory(Mutex<Vec<Rows>>);

impl Memory {
    pub(super) fn take(&self) -> Rows {
        self.0.lock().pop().unwrap_or_default()
    }

    pub(super) fn give(&self, mut rows: Rows) {
        rows.clear();
        self.0.lock().push(rows);
    }
}

impl CsvSource {
    pub(super) fn new(table: Arc<Table>, request: &ScanRequest) -> Result<Self, OperatorError> {
        let request = Request::new(request, &table.schema)?;
        let mut ranges = Vec::new();
        if !request.is_never_true {
            for (file, opened) in table.files.iter().enumerate() {
                ranges.extend((0..opened.ranges()).map(|range| (file, range)));
            }
        }
        Ok(Self {
            table,
            request: Arc::new(request),
            ranges,
            memory: Arc::default(),
            ahead: Ahead::default(),
            bytes_read: AtomicU64::new(0),
        })
    }
}

impl Source for CsvSource {
    fn describe(&self) -> Description {
        self.request.describe(self.table.describe(), &self.table.schema)
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        let split = |(file, range): &(usize, usize)| {
            let file = self.table.file(*file)?;
            let path = file.input.location();
            let name = match file.ranges() {
                1 => path.to_string(),
                _ => format!("{path}, bytes from {}", file.range(*range).start),
            };
            Ok(Split { name, rows: None })
        };
        self.ranges.iter().map(split).collect()
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let Some((file, range)) = self.ranges.get(split) else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        let fetching = self.ahead.open(split, self.ranges.len(), context, |split| {
            let (file, range) = self.ranges.get(split)?;
            let file = self.table.files.get(*file)?;
            Some((&file.input, file.fetched_bytes(*range)?))
        });
        let bytes = self.table.file(*file)?.range(*range);
        self.bytes_read.fetch_add(bytes.end - bytes.start, Ordering::Relaxed);
        let (table, request) = (self.table.clone(), self.request.clone());
        let mut reader = CsvReader::new(table, request, *file, *range, self.memory.clone(), context);
        match fetching.map_err(CsvError::from)? {
            Some(fetching) => reader.wait_for(fetching),
            None => reader.start(None)?,
        }
        Ok(Box::new(reader))
    }
}
