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
use super::input::{Compression, Input};
use super::rows::Rows;
use super::scan::Table;
use super::slice::Slice;
use super::source::Memory;
use crate::request::Request;

pub(super) struct CsvReader {
    table: Arc<Table>,
    request: Arc<Request>,
    /// Index of the file in the table.
    file: usize,
    block: Block,
    /// The rest of a compressed file.
    rest: Option<Input>,
    batch_rows: usize,
    /// The first row of the block that was not delivered.
    next_row: usize,
    memory: Arc<Memory>,
}

impl CsvReader {
    pub(super) fn new(
        table: Arc<Table>,
        request: Arc<Request>,
        file: usize,
        range: usize,
        memory: Arc<Memory>,
        context: &WorkerContext,
    ) -> Result<Self, OperatorError> {
        let opened = table.file(file)?;
        let start = layout(&table, file)?.start;
        let compression = opened.compression()?;
        let (block, rest) = match compression {
            Compression::None => (opened.read_range(range, start, &table.shape(), memory.take())?, None),
            _ => {
                let input = Input::open(&opened.path, compression, start);
                let input = input.map_err(|source| CsvError::io(&opened.path, source))?;
                let mut block = Block::new(memory.take());
                block.start_at(start);
                (block, Some(input))
            },
        };
        table.skipped.fetch_add(block.rows.skipped, Ordering::Relaxed);
        let batch_rows = context.batch_rows.max(1);
        Ok(Self { table, request, file, block, rest, batch_rows, next_row: 0, memory })
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
        let rows: Rows = std::mem::take(&mut self.block.rows);
        // The memory of a row of unusual length is not kept.
        if rows.bytes.capacity() as u64 <= 2 * self.table.range_bytes + (1 << 20) {
            self.memory.give(rows);
        }
    }
}
