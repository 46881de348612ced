//! An open record batch.

use std::ops::Range;
use std::sync::Arc;

use polars_core::prelude::{Column, PlHashMap};
use polars_utils::pl_str::PlSmallStr;

use super::body::{Body, ColumnParts, Parts};
use super::column::read_column;
use super::dictionary::Dictionaries;
use super::error::{Damage, IpcError};
use super::file::IpcFile;
use super::message::BatchHeader;

/// A record batch of which columns are read.
pub(super) struct Batch {
    index: usize,
    header: BatchHeader,
    body: Body,
    dictionaries: Arc<Dictionaries>,
    parts: Vec<ColumnParts>,
    /// Columns of a compressed batch, which are read as a whole.
    whole: PlHashMap<PlSmallStr, Column>,
}

impl Batch {
    pub(super) fn new(
        index: usize,
        header: BatchHeader,
        parts: Vec<ColumnParts>,
        body: Body,
        dictionaries: Arc<Dictionaries>,
    ) -> Self {
        Self { index, header, body, dictionaries, parts, whole: PlHashMap::default() }
    }

    pub(super) fn rows(&self) -> usize {
        self.header.rows
    }

    /// Some rows of a column.
    pub(super) fn column(&mut self, file: &IpcFile, name: &PlSmallStr, rows: Range<usize>) -> Result<Column, IpcError> {
        if self.body.codec.is_none() {
            return self.read(file, name, rows);
        }
        let column = match self.whole.get(name) {
            Some(column) => column,
            None => {
                let column = self.read(file, name, 0..self.header.rows)?;
                self.whole.entry(name.clone()).or_insert(column)
            },
        };
        Ok(column.slice(rows.start as i64, rows.len()))
    }

    fn read(&self, file: &IpcFile, name: &PlSmallStr, rows: Range<usize>) -> Result<Column, IpcError> {
        let index = file.columns.index_of(name);
        let found = index.and_then(|index| Some((file.columns.columns.get(index)?, self.parts.get(index)?)));
        let read = found.ok_or(Damage::Missing("columns")).and_then(|(column, parts)| {
            let parts = Parts::new(&self.header, parts, &self.body, &self.dictionaries);
            read_column(column, parts, rows)
        });
        read.map_err(|source| IpcError::batch(&file.input, self.index, Some(name), source))
    }
}
