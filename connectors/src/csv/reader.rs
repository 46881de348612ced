//! Reads one range of a file, or a compressed file.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::WorkerContext;
use quokka_engine::source::SplitReader;

use super::block::Block;
use super::error::CsvError;
use super::file::Layout;
use super::rows::Rows;
use super::scan::Table;
use super::slice::Slice;
use super::source::Memory;
use crate::files::{Compression, Fetched, Fetching, Input};
use crate::request::Request;

pub(super) struct CsvReader {
    table: Arc<Table>,
    request: Arc<Request>,
    /// Index of the file in the table.
    file: usize,
    /// Index of the range in the file.
    range: usize,
    /// Its bytes, if they are on their way from a store; nothing was read then.
    fetching: Option<Fetching>,
    block: Block,
    /// The rest of a compressed file.
    rest: Option<Input>,
    batch_rows: usize,
    /// The first row of the block that was not delivered.
    next_row: usize,
    memory: Arc<Memory>,
}

impl CsvReader {
    /// A reader that has to be [started](Self::start), or to wait for bytes of a store.
    pub(super) fn new(
        table: Arc<Table>,
        request: Arc<Request>,
        file: usize,
        range: usize,
        memory: Arc<Memory>,
        context: &WorkerContext,
    ) -> Self {
        let block = Block::new(memory.take());
        let batch_rows = context.batch_rows.max(1);
        Self { table, request, file, range, fetching: None, block, rest: None, batch_rows, next_row: 0, memory }
    }

    pub(super) fn wait_for(&mut self, fetching: Fetching) {
        self.fetching = Some(fetching);
    }

    /// Reads the range, or the start of a compressed file.
    pub(super) fn start(&mut self, fetched: Option<Fetched>) -> Result<(), OperatorError> {
        let table = self.table.clone();
        let opened = table.file(self.file)?;
        let fetched = match fetched {
            // Also the header is in it.
            Some(fetched) if opened.ranges() == 1 => {
                opened.input.keep(Some(fetched.into_bytes()));
                None
            },
            fetched => fetched,
        };
        let start = layout(&table, self.file)?.start;
        let rows = std::mem::take(&mut self.block.rows);
        match opened.compression()? {
            Compression::None => self.block = opened.read_range(self.range, fetched, start, &table.shape(), rows)?,
            compression => {
                self.rest = Some(Input::open(&opened.input, compression, start).map_err(CsvError::from)?);
                self.block = Block::new(rows);
                self.block.start_at(start);
            },
        }
        table.skipped.fetch_add(self.block.rows.skipped, Ordering::Relaxed);
        Ok(())
    }
}

/// What the header of a file says.
pub(super) fn layout(table: &Table, file: usize) -> Result<&Layout, OperatorError> {
    Ok(table.file(file)?.layout(&table.file_schema, &table.options, &table.dialect)?)
}

impl SplitReader for CsvReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if let Some(fetching) = &mut self.fetching {
            let Some(bytes) = fetching.wait().map_err(CsvError::from)? else {
                return Ok(Some(DataFrame::empty_with_schema(&self.request.schema)));
            };
            let fetched = self.fetching.take().map(|fetching| fetching.arrived(bytes));
            self.start(fetched)?;
        }
        while self.next_row >= self.block.rows.len() {
            let Some(mut input) = self.rest.take() else { return Ok(None) };
            let (table, bytes) = (&self.table, self.table.range_bytes as usize);
            let goes_on = self.block.next(table.file(self.file)?, &mut input, bytes, &table.shape())?;
            self.rest = goes_on.then_some(input);
            self.next_row = 0;
            table.skipped.fetch_add(self.block.rows.skipped, Ordering::Relaxed);
        }
        let start = self.next_row;
        self.next_row = start.saturating_add(self.batch_rows).min(self.block.rows.len());
        let rows = start..self.next_row;
        Slice::new(&self.table, &self.request, self.file, &mut self.block, rows).read().map(Some)
    }
}

impl Drop for CsvReader {
    fn drop(&mut self) {
        if let Ok(file) = self.table.file(self.file) {
            file.input.keep(None);
        }
        let rows: Rows = std::mem::take(&mut self.block.rows);
        // The memory of a row of unusual length is not kept.
        if rows.bytes.capacity() as u64 <= 2 * self.table.range_bytes + (1 << 20) {
            self.memory.give(rows);
        }
    }
}
