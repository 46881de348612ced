//! The record batches that a query has to read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{ScanRequest, Source, Split, SplitReader};

use super::ahead::Ahead;
use super::file::{IpcFile, Layout};
use super::reader::IpcReader;
use super::scan::Table;
use crate::files::passing;
use crate::request::Request;

/// Splits that a table is cut into at least, if it is large enough: work for all workers of a large machine. Every process
/// must come to the same splits, so the number does not depend on the machine.
const SPLITS: u64 = 64;
/// Bytes of a split: batches that are smaller than the first are read together, those larger than the second are cut.
const SPLIT_BYTES: (u64, u64) = (1 << 20, 16 << 20);

/// A table with the columns and rows that one query wants of it.
pub(super) struct IpcSource {
    table: Arc<Table>,
    request: Arc<Request>,
    /// In the order of their rows.
    pieces: Vec<Piece>,
    read_files: usize,
    /// Splits of files in stores.
    ahead: Ahead,
    /// Of the columns that were read.
    bytes_read: Arc<AtomicU64>,
}

/// What is read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Index of the file in the table.
    pub(super) file: usize,
    /// Record batches of the file; all of a stream if `None`.
    pub(super) batches: Option<Range<usize>>,
    /// Rows of the only one of these; all if `None`.
    pub(super) rows: Option<Range<usize>>,
}

impl IpcSource {
    pub(super) fn new(table: Arc<Table>, request: &ScanRequest) -> Result<Self, OperatorError> {
        let request = Request::new(request, &table.schema)?;
        let passing = passing(&table.constants, &request)?;
        let files = table.files.iter().enumerate().zip(passing);
        let read: Vec<(usize, &IpcFile)> = files.filter(|(_, passes)| *passes).map(|(file, _)| file).collect();
        let bytes = read.iter().fold(0, |bytes: u64, (_, file)| bytes.saturating_add(file.size()));
        let (least, most) = SPLIT_BYTES;
        let split_bytes = (bytes / SPLITS).clamp(least, most);
        let mut pieces = Vec::new();
        for (index, file) in &read {
            cut(*index, file, split_bytes, &mut pieces)?;
        }
        let read_files = read.len();
        Ok(Self {
            table,
            request: Arc::new(request),
            pieces,
            read_files,
            ahead: Ahead::default(),
            bytes_read: Arc::default(),
        })
    }
}

/// Cuts a file into pieces of about so many bytes.
fn cut(index: usize, file: &IpcFile, split_bytes: u64, pieces: &mut Vec<Piece>) -> Result<(), OperatorError> {
    let Layout::File { batches, .. } = &file.layout else {
        pieces.push(Piece { file: index, batches: None, rows: None });
        return Ok(());
    };
    let piece = |batches: Range<usize>, rows| Piece { file: index, batches: Some(batches), rows };
    // Batches before this one are in pieces.
    let mut start = 0;
    let mut bytes = 0;
    for (batch, block) in batches.iter().enumerate() {
        if bytes > 0 && bytes + block.bytes() > split_bytes {
            pieces.push(piece(start..batch, None));
            (start, bytes) = (batch, 0);
        }
        bytes += block.bytes();
        if let Some(part) = part_rows(file, batch, block.bytes() / split_bytes)? {
            let rows = file.header(batch)?.rows;
            let parts = (0..rows).step_by(part);
            pieces.extend(parts.map(|first| piece(batch..batch + 1, Some(first..(first + part).min(rows)))));
            (start, bytes) = (batch + 1, 0);
        }
    }
    if start < batches.len() {
        pieces.push(piece(start..batches.len(), None));
    }
    Ok(())
}

/// Rows of a part of a record batch that is cut into so many parts; `None` if it cannot be cut.
fn part_rows(file: &IpcFile, batch: usize, parts: u64) -> Result<Option<usize>, OperatorError> {
    // How many rows there are is a request to a store.
    if parts < 2 || file.mapped.is_none() {
        return Ok(None);
    }
    let header = file.header(batch)?;
    let rows = header.rows.div_ceil(usize::try_from(parts).unwrap_or(usize::MAX));
    // A compressed buffer can only be read as a whole.
    Ok((header.codec.is_none() && rows > 0).then_some(rows))
}

impl Source for IpcSource {
    fn describe(&self) -> Description {
        let description = self.request.describe(self.table.describe(), &self.table.schema);
        match self.read_files == self.table.files.len() {
            true => description,
            false => description.with("read-files", format!("{} of {}", self.read_files, self.table.files.len())),
        }
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        let split = |piece: &Piece| {
            let path = self.table.file(piece.file)?.input.location();
            let name = match (&piece.batches, &piece.rows) {
                (None, _) => path.to_string(),
                (Some(batches), None) if batches.len() == 1 => format!("{path}, record batch {}", batches.start),
                (Some(batches), None) => format!("{path}, record batches {} to {}", batches.start, batches.end - 1),
                (Some(batches), Some(rows)) => {
                    format!("{path}, record batch {} from row {}", batches.start, rows.start)
                },
            };
            Ok(Split { name, rows: piece.rows.as_ref().map(|rows| rows.len() as u64) })
        };
        self.pieces.iter().map(split).collect()
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let Some(piece) = self.pieces.get(split) else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        let access = self.ahead.open(&self.table, &self.pieces, split, context)?;
        let (table, request, bytes_read) = (self.table.clone(), self.request.clone(), self.bytes_read.clone());
        Ok(Box::new(IpcReader::new(table, request, piece.clone(), access, bytes_read, context)))
    }
}
