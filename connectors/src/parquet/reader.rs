//! Reads one row group.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::WorkerContext;
use quokka_engine::source::SplitReader;

use super::scan::Table;
use super::slice::Slice;
use super::source::RowGroup;
use crate::batches::Batches;
use crate::request::Request;

/// Rows that are decoded at once. Nearly every row group is smaller, and then it is decoded whole, as a slice costs the
/// pages at its ends twice and its dictionary once more: slices of 64 K rows make integers of a row group of a million
/// rows 8 times slower. The limit bounds what a worker holds of a giant row group.
const SLICE_ROWS: usize = 1 << 20;

pub(super) struct RowGroupReader {
    table: Arc<Table>,
    request: Arc<Request>,
    row_group: RowGroup,
    batch_rows: usize,
    /// Rows that are decoded at once.
    pub(super) slice_rows: usize,
    /// The first row that is not decoded yet.
    next_row: usize,
    batches: Batches,
}

impl RowGroupReader {
    pub(super) fn new(table: Arc<Table>, request: Arc<Request>, row_group: RowGroup, context: &WorkerContext) -> Self {
        let slice_rows = if reads_nested(&table, &request, &row_group) { usize::MAX } else { SLICE_ROWS };
        let batch_rows = context.batch_rows;
        Self { table, request, row_group, batch_rows, slice_rows, next_row: 0, batches: Batches::default() }
    }
}

/// The decoder finds the start of a slice of nested values only by decoding all that stands before it.
fn reads_nested(table: &Table, request: &Request, row_group: &RowGroup) -> bool {
    let conjuncts = row_group.conjuncts.iter().filter_map(|index| request.conjuncts.get(*index));
    let mut columns = conjuncts.flat_map(|conjunct| &conjunct.columns).chain(request.schema.iter_names());
    columns.any(|name| table.schema.get(name).is_some_and(|dtype| dtype.is_nested()))
}

impl SplitReader for RowGroupReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if let Some(batch) = self.batches.next() {
            return Ok(Some(batch));
        }
        let start = self.next_row;
        if start >= self.row_group.rows {
            return Ok(None);
        }
        self.next_row = start.saturating_add(self.slice_rows).min(self.row_group.rows);
        let slice = Slice::new(&self.table, &self.request, &self.row_group, start..self.next_row);
        self.batches = Batches::new(slice.read()?, self.batch_rows);
        Ok(Some(self.batches.next().unwrap_or_else(|| DataFrame::empty_with_schema(&self.request.schema))))
    }
}
