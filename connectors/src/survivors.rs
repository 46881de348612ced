//! Rows while columns of them are read: first what the predicate and the dynamic filters read, then the rest, for the rows that
//! pass.

use std::ops::Range;
use std::time::Instant;

use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, Column};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};

use crate::files::constant;
use crate::request::{Request, Test};

/// Some of many rows.
#[derive(Clone, Copy)]
pub(crate) enum Chosen<'a> {
    /// One behind the other.
    All(usize, usize),
    /// These.
    Some(&'a [u32]),
}

/// Consecutive rows of a file while columns of them are read.
pub(crate) struct Survivors<'a> {
    rows: Range<usize>,
    /// Those that passed so far; `None` if all did.
    passed: Option<Vec<u32>>,
    /// What was read of them.
    read: Vec<Column>,
    /// Columns of one value a file, and the file.
    constants: &'a DataFrame,
    file: usize,
}

/// Reads columns of the file, of some rows.
pub(crate) type ReadColumns<'a> = dyn FnMut(&[&PlSmallStr], Chosen<'_>) -> Result<Vec<Column>, OperatorError> + 'a;

impl Chosen<'_> {
    /// The row at an index.
    pub(crate) fn row(self, index: usize) -> usize {
        match self {
            Self::All(start, _) => start + index,
            Self::Some(rows) => rows.get(index).map_or(0, |row| *row as usize),
        }
    }

    /// Those at the indices from `start` to before `end`.
    pub(crate) fn part(self, start: usize, end: usize) -> Self {
        match self {
            Self::All(first, _) => Self::All(first + start, first + end),
            Self::Some(rows) => Self::Some(rows.get(start..end).unwrap_or_default()),
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::All(start, end) => end - start,
            Self::Some(rows) => rows.len(),
        }
    }
}

impl<'a> Survivors<'a> {
    pub(crate) fn new(rows: Range<usize>, constants: &'a DataFrame, file: usize) -> Self {
        Self { rows, passed: None, read: Vec::new(), constants, file }
    }

    /// The rows that passed so far.
    pub(crate) fn rows(&self) -> Chosen<'_> {
        match &self.passed {
            Some(passed) => Chosen::Some(passed),
            None => Chosen::All(self.rows.start, self.rows.end),
        }
    }

    /// Takes columns of [`rows`](Self::rows).
    pub(crate) fn add(&mut self, columns: impl IntoIterator<Item = Column>) {
        self.read.extend(columns);
    }

    /// Leaves out the rows for which `mask` is not true.
    pub(crate) fn narrow(&mut self, mask: &BooleanChunked) -> Result<(), OperatorError> {
        let count = mask.num_trues();
        if count == self.rows().len() {
            return Ok(());
        }
        let rows = self.rows();
        let mut passed = Vec::with_capacity(count);
        let is_true = mask.iter().enumerate().filter(|(_, value)| *value == Some(true));
        passed.extend(is_true.map(|(index, _)| rows.row(index) as u32));
        self.passed = Some(passed);
        let read = self.read.iter().map(|column| column.filter(mask));
        self.read = read.collect::<PolarsResult<Vec<_>>>()?;
        Ok(())
    }

    /// The columns that are asked for, with the rows that pass. `read` is asked once for each column.
    pub(crate) fn deliver(mut self, request: &Request, read: &mut ReadColumns<'_>) -> Result<DataFrame, OperatorError> {
        for test in request.tests(0..request.conjuncts.len()) {
            let (before, start) = (self.rows().len(), Instant::now());
            if before == 0 {
                break;
            }
            match test {
                Test::Conjunct(_, conjunct) => {
                    let mask = conjunct.mask(&self.frame(&conjunct.columns, read)?)?;
                    self.narrow(&mask)?;
                },
                Test::Filter(filter) => {
                    let frame = self.frame(filter.columns(), read)?;
                    if let Some(mask) = filter.mask(&frame, self.passed.is_some())? {
                        self.narrow(&BooleanChunked::from_bitmap(PlSmallStr::EMPTY, mask))?;
                        filter.count_dropped(before - self.rows().len());
                    }
                },
            }
            test.effort().record(before, self.rows().len(), start.elapsed());
        }
        if self.rows().len() == 0 {
            return Ok(DataFrame::empty_with_schema(&request.schema));
        }
        let names: Vec<PlSmallStr> = request.schema.iter_names_cloned().collect();
        self.frame(&names, read)
    }

    /// Some columns of the rows that passed so far.
    fn frame(&mut self, names: &[PlSmallStr], read: &mut ReadColumns<'_>) -> Result<DataFrame, OperatorError> {
        let height = self.rows().len();
        let mut missing = Vec::new();
        for name in names {
            if self.column(name).is_some() {
                continue;
            }
            match constant(self.constants, name, self.file) {
                Some(value) => self.read.push(Column::new_scalar(name.clone(), value, height)),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() {
            let columns = read(&missing, self.rows())?;
            self.add(columns);
        }
        let columns = names.iter().map(|name| {
            let missing = || OperatorError::message(ErrorKind::Internal, format!("there is no column `{name}`"));
            self.column(name).cloned().ok_or_else(missing)
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(height, columns)?)
    }

    fn column(&self, name: &PlSmallStr) -> Option<&Column> {
        self.read.iter().find(|column| column.name() == name)
    }
}
