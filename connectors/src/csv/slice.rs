//! Parses some rows: first what the predicate and the dynamic filters read, then the rest, for the rows that pass.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

use polars_arrow::bitmap::Bitmap;
use polars_core::datatypes::DataType;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, Column, IntoColumn};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};

use super::block::Block;
use super::columns::{ColumnBuilder, builder};
use super::error::CsvError;
use super::options::BadRows;
use super::reader::layout;
use super::scan::Table;
use super::values::{BadField, Chosen, Fault, Reading};
use crate::effort::Effort;
use crate::request::{Conjunct, Request};
use crate::row_filter::{RowFilter, due};

/// Rows that are parsed column after column: few enough that their bytes stay in the cache.
const ROWS: usize = 1024;
/// Characters of a field that an error shows.
const SHOWN: usize = 100;

/// What a row has to pass.
enum Test<'a> {
    Conjunct(&'a Conjunct),
    Filter(&'a RowFilter),
}

impl Test<'_> {
    fn effort(&self) -> &Effort {
        match self {
            Test::Conjunct(conjunct) => &conjunct.effort,
            Test::Filter(filter) => &filter.effort,
        }
    }
}

/// Consecutive rows of a block while they are parsed.
pub(super) struct Slice<'a> {
    table: &'a Table,
    request: &'a Request,
    file: usize,
    block: &'a mut Block,
    rows: Range<usize>,
    /// The rows that passed so far; `None` if all did.
    survivors: Option<Vec<u32>>,
    /// What was parsed of them.
    parsed: Vec<Column>,
}

impl<'a> Slice<'a> {
    pub(super) fn new(
        table: &'a Table,
        request: &'a Request,
        file: usize,
        block: &'a mut Block,
        rows: Range<usize>,
    ) -> Self {
        Self { table, request, file, block, rows, survivors: None, parsed: Vec::new() }
    }

    /// The columns that are asked for, with the rows that pass.
    pub(super) fn read(mut self) -> Result<DataFrame, OperatorError> {
        let request = self.request;
        if self.table.options.bad_rows == BadRows::Skip {
            self.skip_bad_rows()?;
        }
        for test in self.tests() {
            if self.height() == 0 {
                break;
            }
            let (before, start) = (self.height(), Instant::now());
            match test {
                Test::Conjunct(conjunct) => {
                    let mask = conjunct.mask(&self.frame(&conjunct.columns)?)?;
                    self.narrow(&mask)?;
                },
                Test::Filter(filter) => {
                    let frame = self.frame(filter.columns())?;
                    if let Some(passed) = filter.mask(&frame, self.survivors.is_some())? {
                        self.narrow(&mask_of(passed))?;
                        filter.count_dropped(before - self.height());
                    }
                },
            }
            test.effort().record(before, self.height(), start.elapsed());
        }
        if self.height() == 0 {
            return Ok(DataFrame::empty_with_schema(&request.schema));
        }
        let names: Vec<PlSmallStr> = request.schema.iter_names_cloned().collect();
        self.frame(&names)
    }

    /// What decides which rows pass, in the order that has been cheapest so far. Predicates that reach a scan cannot fail, so
    /// their order does not matter otherwise.
    fn tests(&self) -> Vec<Test<'a>> {
        let request = self.request;
        let conjuncts = request.conjuncts.iter().map(Test::Conjunct);
        let mut tests: Vec<Test<'a>> = conjuncts.chain(due(&request.filters).map(Test::Filter)).collect();
        tests.sort_by(|left, right| left.effort().rank().total_cmp(&right.effort().rank()));
        tests
    }

    /// Rows that passed so far.
    fn height(&self) -> usize {
        self.survivors.as_ref().map_or(self.rows.len(), Vec::len)
    }

    /// Narrows the survivors to those for which `mask` is true.
    fn narrow(&mut self, mask: &BooleanChunked) -> Result<(), OperatorError> {
        let passed = mask.num_trues();
        if passed == self.height() {
            return Ok(());
        }
        let mut kept = Vec::with_capacity(passed);
        let is_true = mask.iter().map(|value| value == Some(true));
        match &self.survivors {
            Some(survivors) => {
                kept.extend(survivors.iter().zip(is_true).filter(|(_, kept)| *kept).map(|(row, _)| *row))
            },
            None => {
                kept.extend(self.rows.clone().zip(is_true).filter(|(_, is_true)| *is_true).map(|(row, _)| row as u32))
            },
        }
        self.survivors = Some(kept);
        let parsed = self.parsed.iter().map(|column| column.filter(mask));
        self.parsed = parsed.collect::<PolarsResult<Vec<_>>>()?;
        Ok(())
    }

    /// The survivors of some columns.
    fn frame(&mut self, names: &[PlSmallStr]) -> Result<DataFrame, OperatorError> {
        let is_new = |name: &&PlSmallStr| {
            self.table.is_in_files(name) && !self.parsed.iter().any(|column| column.name() == *name)
        };
        let new: Vec<&PlSmallStr> = names.iter().filter(is_new).collect();
        self.parse(&new, &mut Vec::new())?;
        let height = self.height();
        let columns = names.iter().map(|name| {
            if let Some(column) = self.parsed.iter().find(|column| column.name() == name) {
                return Ok(column.clone());
            }
            match self.table.constant(name, self.file) {
                Some(value) => Ok(Column::new_scalar(name.clone(), value, height)),
                None => Err(OperatorError::message(ErrorKind::Internal, format!("there is no column `{name}`"))),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(height, columns)?)
    }

    /// Parses all columns, and drops the rows in which one of them has no value.
    fn skip_bad_rows(&mut self) -> Result<(), OperatorError> {
        let table = self.table;
        let names: Vec<&PlSmallStr> = table.file_schema.iter_names().collect();
        let mut bad = Vec::new();
        self.parse(&names, &mut bad)?;
        // What the folders say wins over what the file says.
        self.parsed.retain(|column| table.is_in_files(column.name()));
        bad.sort_unstable();
        bad.dedup();
        table.skipped.fetch_add(bad.len() as u64, Ordering::Relaxed);
        let is_good = self.rows.clone().map(|row| bad.binary_search(&(row as u32)).is_err());
        let is_good: BooleanChunked = mask_of(is_good.collect::<Bitmap>());
        self.narrow(&is_good)
    }

    /// Parses the survivors of columns of the files.
    fn parse(&mut self, names: &[&PlSmallStr], bad: &mut Vec<u32>) -> Result<(), OperatorError> {
        let table = self.table;
        let layout = layout(table, self.file)?;
        let mut columns: Vec<(usize, &PlSmallStr, &DataType, Box<dyn ColumnBuilder>)> = Vec::new();
        for name in names {
            let found = table.file_schema.get_full(name);
            let Some((index, name, dtype)) = found else { continue };
            let Some(builder) = builder(dtype, self.height()) else { continue };
            columns.push((layout.field(index), name, dtype, builder));
        }
        let is_text = columns.iter().any(|column| column.3.is_text()) && self.block.rows.is_text();
        let reading = Reading {
            quote: table.dialect.quote,
            nulls: &table.nulls,
            empty_is_null: !table.options.missing_utf8_is_empty_string,
            is_text,
            bad_rows: table.options.bad_rows,
        };
        let fields = table.file_schema.len();
        for start in (0..self.height()).step_by(ROWS) {
            let end = (start + ROWS).min(self.height());
            let rows = match &self.survivors {
                Some(survivors) => Chosen::Some(survivors.get(start..end).unwrap_or_default()),
                None => Chosen::All(self.rows.start + start, self.rows.start + end),
            };
            for (field, name, dtype, builder) in &mut columns {
                let column = self.block.rows.column(*field, fields);
                let read = builder.read(column, rows, &reading, bad);
                read.map_err(|bad| self.error(bad, *field, name, dtype))?;
            }
        }
        for (_, name, _, builder) in columns {
            self.parsed.push(builder.finish(name.clone())?.into_column());
        }
        Ok(())
    }

    fn error(&self, bad: BadField, field: usize, name: &PlSmallStr, dtype: &DataType) -> OperatorError {
        let file = match self.table.file(self.file) {
            Ok(file) => file,
            Err(error) => return error,
        };
        let rows = &self.block.rows;
        let text = rows.column(field, self.table.file_schema.len()).field(bad.row);
        let text = String::from_utf8_lossy(text.map(|text| text.bytes()).unwrap_or_default());
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        let place = self.block.place(file, rows.start(bad.row));
        let (column, text) = (name.to_string(), shown);
        let error = match bad.fault {
            Fault::Value => CsvError::Value { place, column, dtype: Box::new(dtype.clone()), text },
            Fault::Quote => CsvError::Quotes { place, column, text },
            Fault::Utf8 => CsvError::Encoding { place, column, text },
        };
        error.into()
    }
}

fn mask_of(bits: Bitmap) -> BooleanChunked {
    BooleanChunked::from_bitmap(PlSmallStr::EMPTY, bits)
}
