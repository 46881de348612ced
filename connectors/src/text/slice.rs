//! Some rows of a file of text: first what the predicate and the dynamic filters read is parsed, then the rest, for the rows
//! that pass.

use std::ops::Range;
use std::time::Instant;

use polars_arrow::bitmap::Bitmap;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, Column};
use polars_core::scalar::Scalar;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};

use super::Chosen;
use crate::request::{Request, Test};

/// Rows of one file, of which columns are parsed when they are needed.
pub(crate) trait Columns {
    /// Parses columns of the file for some rows. Rows with a value that is none may be added to `bad`.
    fn parse(&self, names: &[&PlSmallStr], rows: Chosen<'_>, bad: &mut Vec<u32>) -> Result<Vec<Column>, OperatorError>;

    /// Whether a column stands in the file rather than in its path.
    fn is_in_file(&self, name: &str) -> bool;

    /// The value of a column that is the same for all rows of the file.
    fn constant(&self, name: &str) -> Option<Scalar>;

    /// All columns of the file, if rows in which one of them is bad are to be left out.
    fn all_to_check(&self) -> Option<Vec<&PlSmallStr>>;

    /// So many rows are left out.
    fn count_skipped(&self, rows: u64);
}

/// Consecutive rows while they are parsed.
pub(crate) struct Slice<'a, C> {
    columns: &'a C,
    request: &'a Request,
    rows: Range<usize>,
    /// The rows that passed so far; `None` if all did.
    survivors: Option<Vec<u32>>,
    /// What was parsed of them.
    parsed: Vec<Column>,
}

impl<'a, C: Columns> Slice<'a, C> {
    pub(crate) fn new(columns: &'a C, request: &'a Request, rows: Range<usize>) -> Self {
        Self { columns, request, rows, survivors: None, parsed: Vec::new() }
    }

    /// The columns that are asked for, with the rows that pass.
    pub(crate) fn read(mut self) -> Result<DataFrame, OperatorError> {
        let request = self.request;
        if let Some(all) = self.columns.all_to_check() {
            self.skip_bad_rows(&all)?;
        }
        for test in request.tests(0..request.conjuncts.len()) {
            if self.height() == 0 {
                break;
            }
            let (before, start) = (self.height(), Instant::now());
            match test {
                Test::Conjunct(_, conjunct) => {
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
            self.columns.is_in_file(name) && !self.parsed.iter().any(|column| column.name() == *name)
        };
        let new: Vec<&PlSmallStr> = names.iter().filter(is_new).collect();
        self.parse(&new, &mut Vec::new())?;
        let height = self.height();
        let columns = names.iter().map(|name| {
            if let Some(column) = self.parsed.iter().find(|column| column.name() == name) {
                return Ok(column.clone());
            }
            match self.columns.constant(name) {
                Some(value) => Ok(Column::new_scalar(name.clone(), value, height)),
                None => Err(OperatorError::message(ErrorKind::Internal, format!("there is no column `{name}`"))),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(height, columns)?)
    }

    /// Parses all columns, and drops the rows in which one of them has no value.
    fn skip_bad_rows(&mut self, all: &[&PlSmallStr]) -> Result<(), OperatorError> {
        let mut bad = Vec::new();
        self.parse(all, &mut bad)?;
        // What the folders say wins over what the file says.
        let columns = self.columns;
        self.parsed.retain(|column| columns.is_in_file(column.name()));
        bad.sort_unstable();
        bad.dedup();
        columns.count_skipped(bad.len() as u64);
        let is_good = self.rows.clone().map(|row| bad.binary_search(&(row as u32)).is_err());
        let is_good: BooleanChunked = mask_of(is_good.collect::<Bitmap>());
        self.narrow(&is_good)
    }

    /// Parses the survivors of columns of the file.
    fn parse(&mut self, names: &[&PlSmallStr], bad: &mut Vec<u32>) -> Result<(), OperatorError> {
        let rows = match &self.survivors {
            Some(survivors) => Chosen::Some(survivors),
            None => Chosen::All(self.rows.start, self.rows.end),
        };
        let parsed = self.columns.parse(names, rows, bad)?;
        self.parsed.extend(parsed);
        Ok(())
    }
}

fn mask_of(bits: Bitmap) -> BooleanChunked {
    BooleanChunked::from_bitmap(PlSmallStr::EMPTY, bits)
}
