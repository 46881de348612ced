//! Reads some rows of a record batch: first what the predicate and the dynamic filters read, then the rest.

use std::ops::Range;
use std::time::Instant;

use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, ChunkFilter, Column, IdxCa};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::batch::Batch;
use super::scan::Table;
use crate::files::constant;
use crate::request::{Request, Test};

/// Consecutive rows of a record batch while they are read.
pub(super) struct Slice<'a> {
    table: &'a Table,
    request: &'a Request,
    file: usize,
    batch: &'a mut Batch,
    rows: Range<usize>,
    /// The rows that passed so far, from the first one of the slice; `None` if all did.
    survivors: Option<IdxCa>,
    /// What was read of them.
    read: Vec<Column>,
}

impl<'a> Slice<'a> {
    pub(super) fn new(
        table: &'a Table,
        request: &'a Request,
        file: usize,
        batch: &'a mut Batch,
        rows: Range<usize>,
    ) -> Self {
        Self { table, request, file, batch, rows, survivors: None, read: Vec::new() }
    }

    /// The columns that are asked for, with the rows that pass.
    pub(super) fn read(mut self) -> Result<DataFrame, OperatorError> {
        let request = self.request;
        for test in request.tests(0..request.conjuncts.len()) {
            let (before, start) = (self.height(), Instant::now());
            match test {
                Test::Conjunct(_, conjunct) => {
                    let mask = conjunct.mask(&self.frame(&conjunct.columns)?)?;
                    self.narrow(&mask)?;
                },
                Test::Filter(filter) => {
                    let frame = self.frame(filter.columns())?;
                    if let Some(passed) = filter.mask(&frame, self.survivors.is_some())? {
                        self.narrow(&BooleanChunked::from_bitmap(PlSmallStr::EMPTY, passed))?;
                        filter.count_dropped(before - self.height());
                    }
                },
            }
            test.effort().record(before, self.height(), start.elapsed());
            if self.height() == 0 {
                return Ok(DataFrame::empty_with_schema(&request.schema));
            }
        }
        let names: Vec<PlSmallStr> = request.schema.iter_names_cloned().collect();
        self.frame(&names)
    }

    /// Rows that passed so far.
    fn height(&self) -> usize {
        self.survivors.as_ref().map_or(self.rows.len(), |survivors| survivors.len())
    }

    /// Narrows the survivors to those for which `mask` is true.
    fn narrow(&mut self, mask: &BooleanChunked) -> Result<(), OperatorError> {
        if mask.num_trues() == self.height() {
            return Ok(());
        }
        self.survivors = Some(match &self.survivors {
            Some(survivors) => survivors.filter(mask)?,
            None => {
                let passed = mask.iter().zip(0..).filter(|(passed, _)| *passed == Some(true));
                IdxCa::from_vec(PlSmallStr::EMPTY, passed.map(|(_, row)| row).collect())
            },
        });
        let read = self.read.iter().map(|column| column.filter(mask));
        self.read = read.collect::<PolarsResult<Vec<_>>>()?;
        Ok(())
    }

    /// The survivors of some columns.
    fn frame(&mut self, names: &[PlSmallStr]) -> Result<DataFrame, OperatorError> {
        let columns = names.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(self.height(), columns)?)
    }

    fn column(&mut self, name: &PlSmallStr) -> Result<Column, OperatorError> {
        if let Some(column) = self.read.iter().find(|column| column.name() == name) {
            return Ok(column.clone());
        }
        let column = match constant(&self.table.constants, name, self.file) {
            Some(value) => Column::new_scalar(name.clone(), value, self.height()),
            None => {
                let column = self.batch.column(self.table.file(self.file)?, name, self.rows.clone())?;
                match &self.survivors {
                    Some(survivors) => column.take(survivors)?,
                    None => column,
                }
            },
        };
        self.read.push(column.clone());
        Ok(column)
    }
}
