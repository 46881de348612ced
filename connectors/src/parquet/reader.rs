//! Reads one row group.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::WorkerContext;
use quokka_engine::source::SplitReader;

use super::chunks::Chunks;
use super::guesses::Guesses;
use super::scan::Table;
use super::slice::{Columns, Slice};
use super::source::RowGroup;
use crate::request::Request;

pub(super) struct RowGroupReader {
    table: Arc<Table>,
    request: Arc<Request>,
    row_group: RowGroup,
    columns: Columns,
    /// Rows that are decoded at once: those of a batch before the predicate.
    pub(super) slice_rows: usize,
    /// The first row that is not decoded yet.
    next_row: usize,
}

impl RowGroupReader {
    pub(super) fn new(
        table: Arc<Table>,
        request: Arc<Request>,
        guesses: Arc<Guesses>,
        chunks: Chunks,
        row_group: RowGroup,
        context: &WorkerContext,
    ) -> Self {
        // Slices of equal size, of which none has more rows than asked for.
        let slices = row_group.rows.div_ceil(context.batch_rows.max(1));
        let slice_rows = row_group.rows.div_ceil(slices.max(1)).max(1);
        let next_row = row_group.start;
        Self { table, request, row_group, columns: Columns::new(chunks, guesses), slice_rows, next_row }
    }
}

impl SplitReader for RowGroupReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        let start = self.next_row;
        let end = self.row_group.start + self.row_group.rows;
        if start >= end {
            if let Some(file) = self.table.files.get(self.row_group.file) {
                file.release(self.row_group.index);
            }
            return Ok(None);
        }
        if !self.columns.are_ready()? {
            return Ok(Some(DataFrame::empty_with_schema(&self.request.schema)));
        }
        self.next_row = start.saturating_add(self.slice_rows).min(end);
        let rows = start..self.next_row;
        Slice::new(&self.table, &self.request, &self.row_group, &mut self.columns, rows).read().map(Some)
    }
}
