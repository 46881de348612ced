//! Reads a file, or a range of one, a block of rows at a time.

use super::error::CsvError;
use super::file::CsvFile;
use super::rows::{Ragged, Rows, Shape};
use super::structure::{Dialect, PADDING, Scanned, scan};
use crate::files::{Compression, Fetched, Input};
use crate::text::{BEHIND, BadRows, Place, Range};

/// Bytes of a row at most. Places in a block are numbers of 32 bits, and a quote that is not closed must not take all
/// memory.
const LONGEST_ROW: usize = 256 << 20;

/// Some bytes of a file, and the rows in them.
pub(super) struct Block {
    pub(super) rows: Rows,
    /// Bytes of the file before them.
    base: u64,
    /// Bytes without the padding.
    length: usize,
}

/// A range whose bytes were read.
pub(super) struct Loaded {
    input: Input,
    /// What lies in the range; it starts behind a newline.
    start: usize,
    end: usize,
    /// The end is that of the file.
    is_end: bool,
}

impl Block {
    pub(super) fn new(rows: Rows) -> Self {
        Self { rows, base: 0, length: 0 }
    }

    /// Appends so many bytes; whether the file goes on behind them.
    fn read(&mut self, input: &mut Input, bytes: usize) -> Result<bool, CsvError> {
        self.rows.bytes.truncate(self.length);
        let read = input.read(bytes, &mut self.rows.bytes);
        self.length = self.rows.bytes.len();
        self.rows.bytes.resize(self.length + PADDING, 0);
        if let Some(end) = self.rows.bytes.get_mut(self.length) {
            // Ends the last row of a file that does not.
            *end = b'\n';
        }
        Ok(read? == bytes)
    }

    fn scan(&mut self, start: usize, end: usize, dialect: &Dialect, is_quoted: bool) -> Scanned {
        scan(&self.rows.bytes, start..end, dialect, is_quoted, &mut self.rows.found)
    }

    /// The index of the first place behind the index `from` that ends a row.
    fn next_row_end(&self, from: usize) -> Option<usize> {
        let places = self.rows.found.as_slice().get(from..)?;
        places.iter().position(|end| self.rows.bytes.get(*end as usize) == Some(&b'\n')).map(|index| from + index)
    }

    /// The index of the last place that ends a row.
    fn last_row_end(&self) -> Option<usize> {
        self.rows.found.as_slice().iter().rposition(|end| self.rows.bytes.get(*end as usize) == Some(&b'\n'))
    }

    /// Reads a range; `None` if no row can start in it. Ranges are cut behind the first newline from their nominal ends
    /// on, in quotes or not.
    pub(super) fn load(
        &mut self,
        file: &CsvFile,
        range: &Range,
        first: u64,
        fetched: Option<Fetched>,
    ) -> Result<Option<Loaded>, CsvError> {
        self.rows.clear();
        let nominal = (range.start.max(first), range.end.max(first));
        let has_before = nominal.0 > first;
        (self.base, self.length) = (nominal.0 - u64::from(has_before), 0);
        if nominal.0 >= nominal.1 {
            return Ok(None);
        }
        let mut input = match fetched {
            Some(fetched) => Input::from_fetched(&file.text.input, fetched, self.base),
            None => Input::open(&file.text.input, Compression::None, self.base)?,
        };
        let length = (nominal.1 - self.base) as usize;
        let behind = if range.is_last { 0 } else { BEHIND };
        let mut goes_on = self.read(&mut input, length + behind)? && !range.is_last;
        let newline = |block: &Self, from: usize| {
            let bytes = block.rows.bytes.get(from..block.length)?;
            bytes.iter().position(|byte| *byte == b'\n').map(|index| from + index + 1)
        };
        let start = match has_before {
            false => 0,
            // What starts behind the next nominal end is of a later range.
            true => match newline(self, 0).filter(|start| range.is_last || *start < length) {
                Some(start) => start,
                None => return Ok(None),
            },
        };
        let end = loop {
            match newline(self, length - 1) {
                _ if range.is_last => break self.length,
                Some(end) => break end,
                None if !goes_on => break self.length,
                None => {
                    self.check_length(0, file)?;
                    goes_on = self.read(&mut input, self.length)?;
                },
            }
        };
        let is_end = end == self.length && !goes_on;
        Ok(Some(Loaded { input, start, end, is_end }))
    }

    /// Finds the fields of a range that starts in quotes or not. Rows are complete when [`complete`](Self::complete) was
    /// called.
    pub(super) fn scan_range(&mut self, loaded: &Loaded, dialect: &Dialect, is_quoted: bool) -> Scanned {
        self.rows.found.clear();
        self.rows.found.push((loaded.start as u32).wrapping_sub(1));
        self.scan(loaded.start, loaded.end, dialect, is_quoted)
    }

    /// Completes the last row of a range that was scanned, which may go on behind the range, and groups the rows that
    /// start in it.
    pub(super) fn complete(
        &mut self,
        file: &CsvFile,
        mut loaded: Loaded,
        is_quoted: bool,
        scanned: Scanned,
        shape: &Shape<'_>,
    ) -> Result<(), CsvError> {
        let mut newlines = scanned.newlines;
        let mut first = 0;
        if is_quoted {
            // The rest of a row that started before.
            let Some(end) = self.next_row_end(1) else {
                self.rows.clear();
                return Ok(());
            };
            first = end;
            newlines = newlines.saturating_sub(1);
        }
        let mut is_open = scanned.is_quoted;
        if is_open && !loaded.is_end {
            let last = self.last_row_end().unwrap_or(first).max(first);
            let start = self.rows.found.as_slice().get(last).map_or(0, |end| end.wrapping_add(1) as usize);
            let mut step = BEHIND;
            loop {
                self.check_length(start, file)?;
                let goes_on = self.read(&mut loaded.input, step)?;
                self.rows.found.truncate(last + 1);
                let scanned = self.scan(start, self.length, shape.dialect, false);
                if let Some(end) = self.next_row_end(last + 1) {
                    self.rows.found.truncate(end + 1);
                    (newlines, is_open) = (newlines + 1, false);
                    break;
                }
                if !goes_on {
                    (loaded.is_end, is_open) = (true, scanned.is_quoted);
                    break;
                }
                step = self.length;
            }
        }
        if loaded.is_end && self.end_last_row(first, loaded.start) {
            newlines += 1;
        }
        self.group(file, first, newlines, is_open, shape)
    }

    /// Ends the last row of a file that no newline ends, unless it is empty; whether there is such a row.
    fn end_last_row(&mut self, first: usize, start: usize) -> bool {
        let last = self.last_row_end().filter(|last| *last > first);
        let places = self.rows.found.as_slice();
        let row = match last {
            Some(last) => places.get(last).map_or(0, |end| *end as usize + 1),
            None if first > 0 => places.get(first).map_or(0, |end| *end as usize + 1),
            None => start,
        };
        if row < self.length {
            self.rows.found.push(self.length as u32);
        }
        row < self.length
    }

    /// Reads on after the last row, until there are rows or the file ends; whether there may be more.
    pub(super) fn next(
        &mut self,
        file: &CsvFile,
        input: &mut Input,
        bytes: usize,
        shape: &Shape<'_>,
    ) -> Result<bool, CsvError> {
        // What is left of the last bytes is the start of a row.
        let places = self.rows.found.as_slice();
        let rest = places.last().map_or(0, |end| end.wrapping_add(1) as usize).min(self.length);
        self.rows.bytes.copy_within(rest..self.length, 0);
        (self.base, self.length) = (self.base + rest as u64, self.length - rest);
        let mut step = bytes;
        loop {
            self.check_length(0, file)?;
            let goes_on = self.read(input, step)?;
            self.rows.found.clear();
            self.rows.found.push(u32::MAX);
            let mut scanned = self.scan(0, self.length, shape.dialect, false);
            if !goes_on {
                scanned.newlines += usize::from(self.end_last_row(0, 0));
            } else if let Some(last) = self.last_row_end().filter(|last| *last > 0) {
                self.rows.found.truncate(last + 1);
                scanned.is_quoted = false;
            } else {
                step = self.length;
                continue;
            }
            self.group(file, 0, scanned.newlines, scanned.is_quoted, shape)?;
            return Ok(goes_on);
        }
    }

    /// Reads some bytes of the file and groups the rows that lie in them, without those that do not fit. Returns how many rows
    /// there are in all, and their bytes. `first` is the start of the first row of the file.
    ///
    /// What stands before is not known, so that it is a guess whether the bytes start in quotes: not, unless a greater
    /// share of the rows fits if they do.
    pub(super) fn peek(
        &mut self,
        file: &CsvFile,
        range: &std::ops::Range<u64>,
        first: u64,
        dialect: &Dialect,
        fields: usize,
    ) -> Result<(u64, u64), CsvError> {
        let has_before = range.start > first;
        self.start_at(range.start.max(first) - u64::from(has_before));
        let mut input = Input::open(&file.text.input, Compression::None, self.base)?;
        self.read(&mut input, range.end.saturating_sub(self.base) as usize)?;
        let newline = self.rows.bytes.get(..self.length).and_then(|bytes| bytes.iter().position(|byte| *byte == b'\n'));
        let start = match (has_before, newline) {
            (false, _) => 0,
            (true, Some(newline)) => newline + 1,
            (true, None) => return Ok((0, 0)),
        };
        let shape = Shape { dialect, fields, bad_rows: BadRows::Skip };
        let is_end = range.end >= file.text.length();
        let found = self.group_from(start, false, is_end, &shape);
        let skipped = self.rows.skipped;
        if !has_before || dialect.quote.is_none() || (skipped == 0 && found.0 > 0) {
            return Ok(found);
        }
        let found_again = self.group_from(start, true, is_end, &shape);
        let is_better = found_again.0 > 0 && (found.0 == 0 || self.rows.skipped * found.0 < skipped * found_again.0);
        Ok(if is_better { found_again } else { self.group_from(start, false, is_end, &shape) })
    }

    /// Groups the rows from a place of the block on, which is in quotes or not; all of them, and their bytes.
    fn group_from(&mut self, start: usize, is_quoted: bool, is_end: bool, shape: &Shape<'_>) -> (u64, u64) {
        self.rows.found.clear();
        self.rows.found.push((start as u32).wrapping_sub(1));
        let Scanned { is_quoted: mut is_open, mut newlines } = self.scan(start, self.length, shape.dialect, is_quoted);
        let mut first = 0;
        if is_quoted {
            // The rest of a row that started before.
            first = self.next_row_end(1).unwrap_or(self.rows.found.as_slice().len() - 1);
            newlines = newlines.saturating_sub(1);
        }
        if is_end {
            newlines += usize::from(self.end_last_row(first, start));
        } else {
            let last = self.last_row_end().unwrap_or(first).max(first);
            self.rows.found.truncate(last + 1);
            is_open = false;
        }
        let places = self.rows.found.as_slice();
        let end = |index: usize| places.get(index).map_or(0, |end| end.wrapping_add(1));
        let bytes = end(places.len().saturating_sub(1)).saturating_sub(end(first));
        // Rows that do not fit are left out, so that there is none to be refused.
        let _ = self.rows.group(first, newlines, is_open, shape);
        (self.rows.len() as u64 + self.rows.skipped, bytes.into())
    }

    /// Starts at the byte `base` of the file, with [`next`](Self::next) to come.
    pub(super) fn start_at(&mut self, base: u64) {
        self.rows.clear();
        (self.base, self.length) = (base, 0);
    }

    fn group(
        &mut self,
        file: &CsvFile,
        first: usize,
        newlines: usize,
        is_open: bool,
        shape: &Shape<'_>,
    ) -> Result<(), CsvError> {
        self.rows.group(first, newlines, is_open, shape).map_err(|Ragged { start, fields }| {
            let place = self.place(file, start);
            match fields {
                Some(found) => CsvError::Fields { place, found, expected: shape.fields },
                None => CsvError::OpenQuote { place },
            }
        })
    }

    fn check_length(&self, row: usize, file: &CsvFile) -> Result<(), CsvError> {
        if self.length.saturating_sub(row) < LONGEST_ROW {
            return Ok(());
        }
        let offset = self.base + row as u64;
        let place = Place { path: file.text.input.path(), line: None, offset };
        Err(CsvError::TooLong { place, limit: LONGEST_ROW })
    }

    /// The place of a byte of the block.
    pub(super) fn place(&self, file: &CsvFile, start: usize) -> Place {
        let offset = self.base + start as u64;
        let input = file.text.open(0);
        let line = input.ok().and_then(|input| input.count_lines(offset).ok()).map(|lines| lines + 1);
        Place { path: file.text.input.path(), line, offset }
    }
}
