//! Decodes some rows of a row group: first what the predicate and the dynamic filters read, then the rest, for the rows that
//! pass.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use polars_arrow::bitmap::Bitmap;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, Column, DataType, PlHashMap};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};

use super::chunks::Chunks;
use super::columns::ColumnReader;
use super::decode::{narrow, pick};
use super::error::{Damage, ParquetError};
use super::file::ParquetFile;
use super::guesses::Guesses;
use super::scan::Table;
use super::source::RowGroup;
use super::together::read_together;
use crate::files::FilesError;
use crate::request::{Conjunct, Request, Test};
use crate::row_filter::RowFilter;

/// If at most one row in this many survives, the decoder skips the others. If more do, it is as fast to decode all of
/// them and to filter afterwards; numbers, dates and strings, at random and in runs, part between 20 % and 75 %.
const FEW: usize = 3;

/// The columns of a row group that were read up to some row.
pub(super) struct Columns {
    readers: PlHashMap<PlSmallStr, ColumnReader>,
    chunks: Chunks,
    guesses: Arc<Guesses>,
    /// For conjuncts, by their index: which values of the dictionary of the column pass, if it has one of few values.
    passes: PlHashMap<usize, Option<Bitmap>>,
}

impl Columns {
    pub(super) fn new(chunks: Chunks, guesses: Arc<Guesses>) -> Self {
        Self { readers: PlHashMap::default(), chunks, guesses, passes: PlHashMap::default() }
    }

    /// Whether the row group can be read without waiting for a store.
    pub(super) fn are_ready(&self) -> Result<bool, ParquetError> {
        Ok(self.chunks.are_ready().map_err(FilesError::from)?)
    }

    /// Reads some rows, or those of them whose bit is set, of columns, each of which is named once.
    fn read(
        &mut self,
        file: &ParquetFile,
        row_group: &RowGroup,
        names: &[&PlSmallStr],
        rows: &Range<usize>,
        selected: Option<&Bitmap>,
    ) -> Result<Vec<Column>, ParquetError> {
        for name in names {
            if !self.readers.contains_key(*name) {
                self.readers.insert((*name).clone(), file.open_column(&self.chunks, row_group.index, name)?);
            }
        }
        for name in self.guesses.likely().filter(|_| self.chunks.are_at_hand()) {
            // Whether strings are read as codes is decided when they are needed. Damage is reported then, too.
            let is_text = matches!(file.schema().get(name), None | Some(DataType::String | DataType::Binary));
            if is_text || self.readers.contains_key(name) {
                continue;
            }
            if let Ok(reader) = file.open_column(&self.chunks, row_group.index, name) {
                self.readers.insert(name.clone(), reader);
            }
        }
        let mut readers: PlHashMap<&PlSmallStr, &mut ColumnReader> = self.readers.iter_mut().collect();
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let missing = || file.damaged(row_group.index, name, Damage::NoColumnChunk);
            columns.push(readers.remove(*name).ok_or_else(missing)?);
        }
        let mut likely: Vec<_> = self.guesses.likely().filter_map(|name| readers.remove(name)).collect();
        read_together(file, &mut columns, &mut likely, rows, selected)
    }

    /// Learns which columns were rightly expected to be read of some rows, when these were read.
    fn learn(&mut self) {
        for (name, reader) in &mut self.readers {
            if let Some(is_right) = reader.guessed() {
                self.guesses.record(name, is_right);
            }
        }
    }

    /// Those of some rows that pass a conjunct, if it reads one column of strings that has a dictionary of few values: then
    /// the conjunct is evaluated once a value.
    fn passing(
        &mut self,
        file: &ParquetFile,
        row_group: &RowGroup,
        index: usize,
        conjunct: &Conjunct,
        rows: Range<usize>,
    ) -> Result<Option<Bitmap>, OperatorError> {
        let [name] = conjunct.columns.as_slice() else { return Ok(None) };
        if !self.readers.contains_key(name) {
            let Some(reader) = file.open_codes(&self.chunks, row_group.index, name)? else { return Ok(None) };
            self.readers.insert(name.clone(), reader);
        }
        let Some(reader) = self.readers.get_mut(name) else { return Ok(None) };
        if !self.passes.contains_key(&index) {
            let passes = match reader.dictionary(file)? {
                // A value at which the conjunct fails may be one of no row that is left.
                Some(values) => conjunct.mask(&DataFrame::new(values.len(), vec![values])?).ok(),
                None => None,
            };
            self.passes.insert(index, passes.map(|mask| true_bits(&mask)));
        }
        match self.passes.get(&index) {
            Some(Some(passes)) if passes.set_bits() == 0 => Ok(Some(Bitmap::new_zeroed(rows.len()))),
            Some(Some(passes)) => Ok(reader.passing(file, rows, passes)?),
            _ => Ok(None),
        }
    }
}

/// Consecutive rows of a row group while they are decoded.
pub(super) struct Slice<'a> {
    table: &'a Table,
    request: &'a Request,
    row_group: &'a RowGroup,
    columns: &'a mut Columns,
    rows: Range<usize>,
    /// Columns of which all rows of the slice are decoded.
    all: Vec<Column>,
    /// The rows that passed so far, one bit a row of the slice; `None` if all did.
    survivors: Option<Bitmap>,
    /// Columns of which only the survivors are decoded.
    kept: Vec<Column>,
}

impl<'a> Slice<'a> {
    pub(super) fn new(
        table: &'a Table,
        request: &'a Request,
        row_group: &'a RowGroup,
        columns: &'a mut Columns,
        rows: Range<usize>,
    ) -> Self {
        Self { table, request, row_group, columns, rows, all: Vec::new(), survivors: None, kept: Vec::new() }
    }

    /// The columns that are asked for, with the rows that pass.
    pub(super) fn read(mut self) -> Result<DataFrame, OperatorError> {
        let frame = self.read_survivors();
        self.columns.learn();
        frame
    }

    fn read_survivors(&mut self) -> Result<DataFrame, OperatorError> {
        let request = self.request;
        for test in self.request.tests(self.row_group.conjuncts.iter().copied()) {
            let (before, start) = (self.height(), Instant::now());
            match test {
                Test::Conjunct(index, conjunct) => self.apply(index, conjunct)?,
                Test::Filter(filter) => self.apply_filter(filter)?,
            }
            test.effort().record(before, self.height(), start.elapsed());
            if self.height() == 0 {
                return Ok(DataFrame::empty_with_schema(&request.schema));
            }
        }
        let names: Vec<&PlSmallStr> = request.schema.iter_names().collect();
        self.decode(&names, self.are_few())?;
        let columns = names.into_iter().map(|name| self.surviving(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(self.height(), columns)?)
    }

    /// Rows that passed so far.
    fn height(&self) -> usize {
        self.survivors.as_ref().map_or(self.rows.len(), Bitmap::set_bits)
    }

    fn are_few(&self) -> bool {
        self.height() <= self.rows.len() / FEW
    }

    /// Narrows the survivors to those that pass a conjunct.
    fn apply(&mut self, index: usize, conjunct: &Conjunct) -> Result<(), OperatorError> {
        let few = self.are_few();
        let passed = match self.passing_by_value(index, conjunct)? {
            Some(passed) => match &self.survivors {
                Some(survivors) if few => pick(&passed, survivors),
                _ => passed,
            },
            None => true_bits(&conjunct.mask(&self.frame(&conjunct.columns, few)?)?),
        };
        self.narrow(passed, few)
    }

    /// Narrows the survivors to those that pass a dynamic filter, if there are not many more of them now.
    fn apply_filter(&mut self, filter: &RowFilter) -> Result<(), OperatorError> {
        let few = self.are_few();
        let frame = self.frame(filter.columns(), few)?;
        if let Some(passed) = filter.mask(&frame, self.survivors.is_some())? {
            let before = self.height();
            self.narrow(passed, few)?;
            filter.count_dropped(before - self.height());
        }
        Ok(())
    }

    /// The survivors of some columns, if they are `few`, or else all rows of them.
    fn frame(&mut self, names: &[PlSmallStr], few: bool) -> Result<DataFrame, OperatorError> {
        self.decode(&names.iter().collect::<Vec<_>>(), few)?;
        let columns = names.iter().map(|name| if few { self.surviving(name) } else { self.decoded(name) });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(if few { self.height() } else { self.rows.len() }, columns)?)
    }

    /// Narrows the survivors to those that `passed`, which has a bit for each of the `few` survivors, or else for each row.
    fn narrow(&mut self, passed: Bitmap, few: bool) -> Result<(), OperatorError> {
        if passed.unset_bits() == 0 {
            return Ok(());
        }
        self.survivors = Some(match self.survivors.take() {
            None => passed,
            Some(survivors) if few => {
                let filter = BooleanChunked::from_bitmap(PlSmallStr::EMPTY, passed.clone());
                let kept = self.kept.iter().map(|column| column.filter(&filter));
                self.kept = kept.collect::<PolarsResult<Vec<_>>>()?;
                narrow(&survivors, &passed)
            },
            Some(survivors) => &survivors & &passed,
        });
        Ok(())
    }

    /// The rows of the slice that pass a conjunct, if it can be decided by the values of a dictionary.
    fn passing_by_value(&mut self, index: usize, conjunct: &Conjunct) -> Result<Option<Bitmap>, OperatorError> {
        if conjunct.columns.iter().any(|name| self.table.partitions.get_column_index(name).is_some()) {
            return Ok(None);
        }
        let file = self.table.file(self.row_group.file)?;
        self.columns.passing(file, self.row_group, index, conjunct, self.rows.clone())
    }

    /// Decodes those of some columns that are not decoded: the survivors, if they are `few`, or else all rows.
    fn decode(&mut self, names: &[&PlSmallStr], few: bool) -> Result<(), OperatorError> {
        let selected = self.survivors.clone().filter(|_| few);
        let height = if selected.is_some() { self.height() } else { self.rows.len() };
        let mut missing: Vec<&PlSmallStr> = Vec::new();
        let mut decoded = Vec::new();
        for name in names.iter().copied() {
            let is_decoded = |columns: &[Column]| columns.iter().any(|column| column.name() == name);
            if is_decoded(&self.all) || (selected.is_some() && is_decoded(&self.kept)) || missing.contains(&name) {
                continue;
            }
            match self.table.partition_value(name, self.row_group.file) {
                // It stands in the path of the file.
                Some(value) => decoded.push(Column::new_scalar(name.clone(), value, height)),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() {
            let file = self.table.file(self.row_group.file)?;
            decoded.extend(self.columns.read(file, self.row_group, &missing, &self.rows, selected.as_ref())?);
        }
        match selected {
            Some(_) => self.kept.extend(decoded),
            None => self.all.extend(decoded),
        }
        Ok(())
    }

    /// The survivors of a column that is decoded.
    fn surviving(&mut self, name: &PlSmallStr) -> Result<Column, OperatorError> {
        let Some(survivors) = &self.survivors else { return self.decoded(name) };
        if let Some(column) = self.kept.iter().find(|column| column.name() == name) {
            return Ok(column.clone());
        }
        let filter = BooleanChunked::from_bitmap(PlSmallStr::EMPTY, survivors.clone());
        let column = self.decoded(name)?.filter(&filter)?;
        self.kept.push(column.clone());
        Ok(column)
    }

    /// All rows of a column, of which all are decoded.
    fn decoded(&self, name: &PlSmallStr) -> Result<Column, OperatorError> {
        let column = self.all.iter().find(|column| column.name() == name);
        let missing = || OperatorError::message(ErrorKind::Internal, format!("column `{name}` was not decoded"));
        column.cloned().ok_or_else(missing)
    }
}

/// The rows for which `mask` is true.
fn true_bits(mask: &BooleanChunked) -> Bitmap {
    let mask = mask.rechunk();
    let array = mask.downcast_as_array();
    match array.validity() {
        Some(validity) => array.values() & validity,
        None => array.values().clone(),
    }
}
