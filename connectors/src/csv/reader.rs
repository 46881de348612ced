//! Reads one range of a file, or a compressed file.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::source::SplitReader;

use super::block::Block;
use super::error::CsvError;
use super::file::Layout;
use super::rows::Rows;
use super::scan::Table;
use super::slice::BlockColumns;
use crate::files::{Compression, Fetched, Input};
use crate::text::{Asked, Slice, TextReader};

pub(super) struct CsvReader {
    table: Arc<Table>,
    asked: Asked<Rows>,
    block: Block,
    /// The rest of a compressed file.
    rest: Option<Input>,
    /// The first row of the block that was not delivered.
    next_row: usize,
}

impl CsvReader {
    pub(super) fn new(table: Arc<Table>, asked: Asked<Rows>) -> Self {
        let block = Block::new(asked.memory.take());
        Self { table, asked, block, rest: None, next_row: 0 }
    }
}

impl TextReader for CsvReader {
    fn start(&mut self, fetched: Option<Fetched>) -> Result<(), OperatorError> {
        let (table, file) = (self.table.clone(), self.asked.file);
        let opened = table.file(file)?;
        let start = layout(&table, file)?.start;
        let rows = std::mem::take(&mut self.block.rows);
        match opened.text.compression().map_err(CsvError::from)? {
            Compression::None => {
                self.block = opened.read_range(self.asked.range, fetched, start, &table.shape(), rows)?;
            },
            _ => {
                self.rest = Some(opened.text.open(start).map_err(CsvError::from)?);
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
        while self.next_row >= self.block.rows.len() {
            let Some(mut input) = self.rest.take() else { return Ok(None) };
            let (table, bytes) = (&self.table, self.table.range_bytes as usize);
            let goes_on = self.block.next(table.file(self.asked.file)?, &mut input, bytes, &table.shape())?;
            self.rest = goes_on.then_some(input);
            self.next_row = 0;
            table.skipped.fetch_add(self.block.rows.skipped, Ordering::Relaxed);
        }
        let start = self.next_row;
        self.next_row = start.saturating_add(self.asked.batch_rows).min(self.block.rows.len());
        let columns = BlockColumns { table: &self.table, file: self.asked.file, block: &self.block };
        Slice::new(&columns, &self.asked.request, start..self.next_row).read().map(Some)
    }
}

impl Drop for CsvReader {
    fn drop(&mut self) {
        let mut rows: Rows = std::mem::take(&mut self.block.rows);
        // The memory of a row of unusual length is not kept.
        if rows.bytes.capacity() as u64 <= 2 * self.table.range_bytes + (1 << 20) {
            rows.clear();
            self.asked.memory.give(rows);
        }
    }
}
