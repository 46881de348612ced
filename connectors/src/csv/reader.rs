//! Reads one range of a file, or a compressed file.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::source::SplitReader;

use super::block::Block;
use super::error::CsvError;
use super::file::{Layout, OpenRange};
use super::rows::Rows;
use super::scan::Table;
use super::slice::BlockColumns;
use crate::files::{Fetched, Input};
use crate::text::{Asked, TextReader, read_rows};

/// How long a worker waits for another one to scan a range, before it looks whether it has other work.
const BREATH: Duration = Duration::from_millis(1);

pub(super) struct CsvReader {
    table: Arc<Table>,
    asked: Asked<Rows>,
    /// The range, if it was read and not finished.
    opened: Option<OpenRange>,
    block: Block,
    /// The rest of a compressed file.
    rest: Option<Input>,
    /// The first row of the block that was not delivered.
    next_row: usize,
}

impl CsvReader {
    pub(super) fn new(table: Arc<Table>, asked: Asked<Rows>) -> Self {
        let block = Block::new(asked.memory.take());
        Self { table, asked, opened: None, block, rest: None, next_row: 0 }
    }
}

impl CsvReader {
    fn set_coming(&self, is_coming: bool) {
        if let Some(file) = self.table.files.get(self.asked.file) {
            file.set_coming(self.asked.range, is_coming);
        }
    }

    /// Whether the rows of the range can be read; if not, a range before it has to be scanned first.
    fn finish(&mut self) -> Result<bool, OperatorError> {
        let Some(opened) = self.opened.take() else { return Ok(true) };
        let (table, range) = (self.table.clone(), self.asked.range);
        let file = table.files.file(self.asked.file)?;
        if file.must_wait(range, &table.dialect) {
            self.opened = Some(opened);
            thread::sleep(BREATH);
            return Ok(false);
        }
        let start = layout(&table, self.asked.file)?.start;
        self.block = file.finish_range(range, opened, start, &table.shape())?;
        table.files.count_skipped(self.block.rows.skipped);
        Ok(true)
    }
}

impl TextReader for CsvReader {
    fn expect(&mut self) {
        self.set_coming(true);
    }

    fn start(&mut self, fetched: Option<Fetched>) -> Result<(), OperatorError> {
        let (table, file) = (self.table.clone(), self.asked.file);
        let opened = table.files.file(file)?;
        let start = layout(&table, file)?.start;
        let rows = std::mem::take(&mut self.block.rows);
        if opened.text.comes_in_ranges().map_err(CsvError::from)? {
            self.opened = Some(opened.open_range(self.asked.range, fetched, start, &table.shape(), rows)?);
        } else {
            self.rest = Some(opened.text.open(start).map_err(CsvError::from)?);
            self.block = Block::new(rows);
            self.block.start_at(start);
        }
        Ok(())
    }
}

/// What the header of a file says.
pub(super) fn layout(table: &Table, file: usize) -> Result<&Layout, OperatorError> {
    Ok(table.files.file(file)?.layout(&table.files.file_schema, &table.options, &table.dialect)?)
}

impl SplitReader for CsvReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if !self.finish()? {
            return Ok(Some(DataFrame::empty_with_schema(&self.asked.request.schema)));
        }
        while self.next_row >= self.block.rows.len() {
            let Some(mut input) = self.rest.take() else { return Ok(None) };
            let (table, bytes) = (&self.table, self.table.files.range_bytes as usize);
            let goes_on = self.block.next(table.files.file(self.asked.file)?, &mut input, bytes, &table.shape())?;
            self.rest = goes_on.then_some(input);
            self.next_row = 0;
            table.files.count_skipped(self.block.rows.skipped);
        }
        let start = self.next_row;
        self.next_row = start.saturating_add(self.asked.batch_rows).min(self.block.rows.len());
        let bad_rows = self.table.options.bad_rows;
        let columns = BlockColumns { table: &self.table, file: self.asked.file, block: &self.block, bad_rows };
        read_rows(&self.table.files, &self.asked, &columns, start..self.next_row).map(Some)
    }
}

impl Drop for CsvReader {
    fn drop(&mut self) {
        self.set_coming(false);
        let mut rows: Rows = std::mem::take(&mut self.block.rows);
        // The memory of a row of unusual length is not kept.
        if rows.bytes.capacity() as u64 <= 2 * self.table.files.range_bytes + (1 << 20) {
            rows.clear();
            self.asked.memory.give(rows);
        }
    }
}
