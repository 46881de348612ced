//! Reads one range of a file, or a compressed file.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IntoColumn, PlSmallStr};
use quokka_engine::error::OperatorError;
use quokka_engine::source::SplitReader;

use super::block::Block;
use super::columns::{Bad, ColumnBuilder, builder, finish};
use super::error::JsonError;
use super::keys::Keys;
use super::rows::Rows;
use super::scan::Table;
use crate::files::{Fetched, Input};
use crate::survivors::Chosen;
use crate::text::{Asked, BadRows, Columns, TextFile, TextReader, read_rows, shown};

/// Rows that are parsed column after column: few enough that their bytes stay in the cache.
const ROWS: usize = 1024;

pub(super) struct JsonReader {
    table: Arc<Table>,
    asked: Asked<Buffer>,
    block: Block,
    /// The rest of a compressed file.
    rest: Option<Input>,
    /// Where the next row starts.
    at: usize,
    /// The rows that are being read, and the columns of the file that are wanted of them.
    rows: Rows,
    wanted: Vec<PlSmallStr>,
    keys: Keys,
}

/// Bytes, and places of values.
pub(super) type Buffer = (Vec<u8>, Rows);

impl JsonReader {
    pub(super) fn new(table: Arc<Table>, asked: Asked<Buffer>) -> Self {
        let (bytes, rows) = asked.memory.take();
        let wanted: Vec<PlSmallStr> = match table.options.bad_rows {
            BadRows::Skip => table.files.file_schema.iter_names_cloned().collect(),
            _ => asked.request.columns().into_iter().filter(|name| table.files.is_in_files(name)).collect(),
        };
        let keys = Keys::new(wanted.iter().map(PlSmallStr::as_str));
        Self { table, asked, block: Block::new(bytes), rest: None, at: 0, rows, wanted, keys }
    }

    /// Finds the values of the next rows; whether there are any.
    fn scan(&mut self, file: &TextFile) -> Result<bool, JsonError> {
        loop {
            if self.at >= self.block.text().length {
                let Some(mut input) = self.rest.take() else { return Ok(false) };
                let goes_on = self.block.next(file, &mut input, self.table.files.range_bytes as usize)?;
                self.rest = goes_on.then_some(input);
                self.at = self.block.start();
            }
            let (text, policy) = (self.block.text(), self.table.options.bad_rows);
            let scanned =
                self.rows.scan(text, self.at, self.asked.batch_rows, self.wanted.len(), &mut self.keys, policy);
            let (next, skipped) = scanned.map_err(|bad| self.block.syntax_error(file, bad))?;
            self.table.files.count_skipped(skipped);
            self.at = next;
            if self.rows.len() > 0 {
                return Ok(true);
            }
        }
    }
}

impl TextReader for JsonReader {
    fn start(&mut self, fetched: Option<Fetched>) -> Result<(), OperatorError> {
        let table = self.table.clone();
        let file = table.files.file(self.asked.file)?;
        match file.comes_in_ranges().map_err(JsonError::from)? {
            true => self.block.read_range(file, &file.range(self.asked.range), fetched)?,
            false => self.rest = Some(file.open(0).map_err(JsonError::from)?),
        }
        self.at = self.block.start();
        Ok(())
    }
}

impl SplitReader for JsonReader {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        let table = self.table.clone();
        let file = table.files.file(self.asked.file)?;
        if !self.scan(file)? {
            return Ok(None);
        }
        let columns = BlockColumns {
            table: &table,
            file,
            block: &self.block,
            rows: &self.rows,
            wanted: &self.wanted,
            bad_rows: table.options.bad_rows,
        };
        read_rows(&table.files, &self.asked, &columns, 0..self.rows.len()).map(Some)
    }
}

impl Drop for JsonReader {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.block).into_memory();
        // The memory of a row of unusual length is not kept.
        if bytes.capacity() as u64 <= 2 * self.table.files.range_bytes + (1 << 20) {
            self.asked.memory.give((bytes, std::mem::take(&mut self.rows)));
        }
    }
}

/// The rows of a block whose values were found.
pub(super) struct BlockColumns<'a> {
    pub(super) table: &'a Table,
    pub(super) file: &'a TextFile,
    pub(super) block: &'a Block,
    pub(super) rows: &'a Rows,
    pub(super) wanted: &'a [PlSmallStr],
    /// What becomes of values that are none of their type.
    pub(super) bad_rows: BadRows,
}

impl Columns for BlockColumns<'_> {
    fn parse(&self, names: &[&PlSmallStr], rows: Chosen<'_>, bad: &mut Vec<u32>) -> Result<Vec<Column>, OperatorError> {
        let mut columns: Vec<(usize, &PlSmallStr, &DataType, Box<dyn ColumnBuilder>)> = Vec::new();
        for name in names {
            let index = self.wanted.iter().position(|wanted| wanted == *name);
            let found = index.zip(self.table.files.file_schema.get_full(name));
            let Some((index, (_, name, dtype))) = found else { continue };
            let Some(builder) = builder(dtype) else { continue };
            columns.push((index, name, dtype, builder));
        }
        let mut bad = Bad { policy: self.bad_rows, rows: bad };
        for start in (0..rows.len()).step_by(ROWS) {
            let rows = rows.part(start, (start + ROWS).min(rows.len()));
            for (index, name, dtype, builder) in &mut columns {
                let tokens = self.rows.column(*index, self.block.text().bytes);
                let read = builder.read(tokens, rows, &mut bad);
                read.map_err(|row| self.value_error(row, *index, name, dtype))?;
            }
        }
        let finish = |(_, name, dtype, builder): (usize, &PlSmallStr, &DataType, Box<dyn ColumnBuilder>)| {
            Ok(finish(builder, name, dtype)?.into_column())
        };
        columns.into_iter().map(finish).collect()
    }
}

impl BlockColumns<'_> {
    fn value_error(&self, row: usize, index: usize, name: &PlSmallStr, dtype: &DataType) -> JsonError {
        let token = self.rows.column(index, self.block.text().bytes).token(row);
        JsonError::Value {
            place: self.block.place(self.file, self.rows.start(row)),
            column: name.to_string(),
            dtype: Box::new(dtype.clone()),
            text: shown(token.map(|token| token.text.bytes()).unwrap_or_default()),
        }
    }
}
