//! Reads one split: some record batches of a file, rows of one, or a stream.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_buffer::Buffer;
use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::WorkerContext;
use quokka_engine::source::SplitReader;

use super::access::Access;
use super::batch::Batch;
use super::body::{Body, ColumnParts, lay_out};
use super::error::{Damage, IpcError};
use super::file::IpcFile;
use super::message::BatchHeader;
use super::scan::Table;
use super::slice::read_rows;
use super::source::Piece;
use super::stream::Stream;
use crate::release::release;
use crate::request::Request;

pub(super) struct IpcReader {
    table: Arc<Table>,
    request: Arc<Request>,
    piece: Piece,
    access: Access,
    /// The next record batch of a file with a footer.
    next_batch: usize,
    /// Its bytes, as far as they are there.
    coming: Option<Coming>,
    /// In the place of these for a stream, when it has begun.
    stream: Option<Stream>,
    open: Option<Box<Open>>,
    batch_rows: usize,
    bytes_read: Arc<AtomicU64>,
}

/// A record batch that is being read.
struct Open {
    batch: Batch,
    /// Rows that are not read yet.
    rows: Range<usize>,
    /// Rows that are read at once: those of a batch before the predicate.
    slice_rows: usize,
}

/// A record batch of which bytes are missing.
struct Coming {
    header: BatchHeader,
    parts: Vec<ColumnParts>,
    /// Bytes of the body that are not there yet.
    missing: Vec<Range<u64>>,
    pieces: Vec<(u64, Buffer<u8>)>,
}

/// What became of the next record batch.
enum Next {
    Opened(Box<Open>),
    /// Its bytes are on their way.
    Wait,
    End,
}

impl Open {
    fn new(batch: Batch, rows: Option<Range<usize>>, batch_rows: usize) -> Self {
        let rows = rows.unwrap_or(0..batch.rows());
        let rows = rows.start.min(batch.rows())..rows.end.min(batch.rows());
        // Slices of equal size, of which none has more rows than asked for.
        let slices = rows.len().div_ceil(batch_rows);
        let slice_rows = rows.len().div_ceil(slices.max(1)).max(1);
        Self { batch, rows, slice_rows }
    }
}

impl IpcReader {
    pub(super) fn new(
        table: Arc<Table>,
        request: Arc<Request>,
        piece: Piece,
        access: Access,
        bytes_read: Arc<AtomicU64>,
        context: &WorkerContext,
    ) -> Self {
        let next_batch = piece.batches.as_ref().map_or(0, |batches| batches.start);
        let batch_rows = context.batch_rows.max(1);
        let (coming, stream, open) = (None, None, None);
        Self { table, request, piece, access, next_batch, coming, stream, open, batch_rows, bytes_read }
    }

    fn open_next(&mut self) -> Result<Next, OperatorError> {
        let table = self.table.clone();
        let file = table.file(self.piece.file)?;
        match self.piece.batches.clone() {
            None => self.open_in_stream(file),
            Some(batches) if self.next_batch < batches.end => self.open_in_file(file),
            Some(_) => Ok(Next::End),
        }
    }

    fn open_in_stream(&mut self, file: &IpcFile) -> Result<Next, OperatorError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(file.stream()?),
        };
        let Some(found) = stream.next(file)? else { return Ok(Next::End) };
        let parts = lay_out(file.columns.dtypes(), &found.header);
        let parts = parts.map_err(|source| IpcError::batch(&file.input, found.index, None, source))?;
        self.count(self.columns(file, &found.header, &parts).map(|range| range.end - range.start));
        let batch = Batch::new(found.index, found.header, parts, found.body, found.dictionaries);
        Ok(Next::Opened(Box::new(Open::new(batch, None, self.batch_rows))))
    }

    fn open_in_file(&mut self, file: &IpcFile) -> Result<Next, OperatorError> {
        let index = self.next_batch;
        let damaged = |source| IpcError::batch(&file.input, index, None, source);
        let mut coming = match self.coming.take() {
            Some(coming) => coming,
            None => {
                let Some(header) = file.try_header(&mut self.access, index)? else { return Ok(Next::Wait) };
                let parts = lay_out(file.columns.dtypes(), &header).map_err(damaged)?;
                let missing = self.needed(file, &header, &parts).map_err(damaged)?;
                self.count(self.columns(file, &header, &parts).map(|range| range.end - range.start));
                self.access.announce(&missing).map_err(damaged)?;
                Coming { header, parts, missing, pieces: Vec::new() }
            },
        };
        let start = file.batches().get(index).map_or(0, |block| block.body.start);
        while let Some(range) = coming.missing.last() {
            match self.access.try_take(range).map_err(damaged)? {
                Some(bytes) => coming.pieces.push((range.start - start, bytes)),
                None => {
                    self.coming = Some(coming);
                    return Ok(Next::Wait);
                },
            }
            coming.missing.pop();
        }
        let Coming { header, parts, mut pieces, .. } = coming;
        pieces.sort_unstable_by_key(|(start, _)| *start);
        let body = Body::pieces(pieces, header.codec);
        let dictionaries = match self.reads_dictionaries(file) {
            true => file.dictionaries()?,
            false => Arc::default(),
        };
        self.next_batch += 1;
        let batch = Batch::new(index, header, parts, body, dictionaries);
        Ok(Next::Opened(Box::new(Open::new(batch, self.piece.rows.clone(), self.batch_rows))))
    }

    /// The ranges of the file that hold the columns that are read of a record batch: of bytes that are there, all.
    fn needed(&self, file: &IpcFile, header: &BatchHeader, parts: &[ColumnParts]) -> Result<Vec<Range<u64>>, Damage> {
        let block = file.batches().get(self.next_batch).ok_or(Damage::Outside { what: "a record batch" })?;
        if !matches!(self.access, Access::Ranges(_)) {
            return Ok(vec![block.body.clone()]);
        }
        let ranges = self.columns(file, header, parts).map(|range| {
            let at = |place: u64| block.body.start.checked_add(place).filter(|place| *place <= block.body.end);
            match (at(range.start), at(range.end)) {
                (Some(start), Some(end)) => Ok(start..end),
                _ => Err(Damage::Outside { what: "a buffer" }),
            }
        });
        ranges.collect()
    }

    /// The bytes from the start of the body that hold each column that is read.
    fn columns(&self, file: &IpcFile, header: &BatchHeader, parts: &[ColumnParts]) -> impl Iterator<Item = Range<u64>> {
        let wanted = self.request.columns();
        let columns = file.columns.columns.iter().zip(parts);
        let columns = columns.filter(|(column, _)| wanted.contains(&column.field.name));
        columns.filter_map(|(_, parts)| parts.bytes(header)).collect::<Vec<_>>().into_iter()
    }

    fn count(&self, bytes: impl Iterator<Item = u64>) {
        self.bytes_read.fetch_add(bytes.fold(0, u64::saturating_add), Ordering::Relaxed);
    }

    /// Whether a column that is read has values by number.
    fn reads_dictionaries(&self, file: &IpcFile) -> bool {
        let wanted = self.request.columns();
        let mut columns = file.columns.columns.iter().filter(|column| wanted.contains(&column.field.name));
        columns.any(|column| column.ids.contains_dictionary())
    }

    /// What was read of a mapped file leaves memory.
    fn release(&self) {
        let Some(file) = self.table.files.get(self.piece.file) else { return };
        let Some(bytes) = &file.mapped else { return };
        let blocks = self.piece.batches.clone().and_then(|batches| file.batches().get(batches));
        match blocks.map(|blocks| (blocks.first(), blocks.last())) {
            Some((Some(first), Some(last))) if self.piece.rows.is_none() => {
                release(bytes, first.message.start as usize..last.body.end as usize);
            },
            None => release(bytes, 0..bytes.len()),
            _ => {},
        }
    }
}

impl SplitReader for IpcReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        loop {
            if let Some(open) = &mut self.open
                && !open.rows.is_empty()
            {
                let start = open.rows.start;
                open.rows.start = start.saturating_add(open.slice_rows).min(open.rows.end);
                let rows = start..open.rows.start;
                let found = read_rows(&self.table, &self.request, self.piece.file, &mut open.batch, rows);
                return found.map(Some);
            }
            // What a stream says of its dictionaries replaces them at once if no batch refers to them any more.
            self.open = None;
            match self.open_next()? {
                Next::Opened(open) => self.open = Some(open),
                Next::Wait => return Ok(Some(DataFrame::empty_with_schema(&self.request.schema))),
                Next::End => {
                    self.release();
                    return Ok(None);
                },
            }
        }
    }
}
