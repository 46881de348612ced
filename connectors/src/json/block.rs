//! Whole lines of a file: those of a range, or a piece of a compressed file after the other.

use super::error::JsonError;
use super::rows::{BadRow, Text};
use super::syntax::PADDING;
use crate::files::{Compression, Fetched, Input};
use crate::text::{BEHIND, Place, Range, TextFile};

/// What UTF-8 files of some systems start with.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes of a row at most: places in a block are numbers of 31 bits, and a file without newlines must not take all memory.
const LONGEST_ROW: usize = 256 << 20;

/// Some bytes of a file. A newline cannot be part of a value, so that they can be cut at any.
#[derive(Default)]
pub(super) struct Block {
    /// The bytes, a newline, and [`PADDING`] in all.
    bytes: Vec<u8>,
    /// Bytes without the padding.
    length: usize,
    /// Bytes of the file before them.
    base: u64,
    /// The lines to read.
    start: usize,
    end: usize,
    is_utf8: bool,
}

impl Block {
    /// A block that uses the memory of `bytes`.
    pub(super) fn new(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, ..Self::default() }
    }

    pub(super) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    /// The lines up to the last.
    pub(super) fn text(&self) -> Text<'_> {
        Text { bytes: &self.bytes, length: self.end, is_utf8: self.is_utf8 }
    }

    /// Where the first line starts.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// Appends so many bytes; whether the file goes on behind them.
    fn read(&mut self, input: &mut Input, bytes: usize) -> Result<bool, JsonError> {
        self.bytes.truncate(self.length);
        let read = input.read(bytes, &mut self.bytes);
        self.length = self.bytes.len();
        // Ends the last row of a file that does not.
        self.bytes.push(b'\n');
        self.bytes.resize(self.length + PADDING, 0);
        Ok(read? == bytes)
    }

    /// The place behind the first newline from `from` on.
    fn behind_newline(&self, from: usize) -> Option<usize> {
        let bytes = self.bytes.get(from..self.length)?;
        bytes.iter().position(|byte| *byte == b'\n').map(|index| from + index + 1)
    }

    /// Reads the rows that start in a range of a file that is not compressed.
    pub(super) fn read_range(
        &mut self,
        file: &TextFile,
        range: &Range,
        fetched: Option<Fetched>,
    ) -> Result<(), JsonError> {
        let has_before = range.start > 0;
        (self.base, self.length) = (range.start - u64::from(has_before), 0);
        (self.start, self.end) = (0, 0);
        let mut input = match fetched {
            Some(fetched) => Input::from_fetched(&file.input, fetched, self.base),
            None => Input::open(&file.input, Compression::None, self.base)?,
        };
        let length = (range.end - self.base) as usize;
        let behind = if range.is_last { 0 } else { BEHIND };
        let mut goes_on = self.read(&mut input, length + behind)? && !range.is_last;
        if has_before {
            // What starts behind the next nominal end is of a later range.
            match self.behind_newline(0).filter(|start| range.is_last || *start < length) {
                Some(start) => self.start = start,
                None => return Ok(()),
            }
        }
        self.end = loop {
            match self.behind_newline(length.saturating_sub(1)) {
                _ if range.is_last => break self.length,
                Some(end) => break end,
                None if !goes_on => break self.length,
                None => {
                    self.check_length(file)?;
                    goes_on = self.read(&mut input, self.length)?;
                },
            }
        };
        self.complete();
        Ok(())
    }

    /// Reads some bytes of a file, and takes the lines that lie in them as a whole.
    pub(super) fn peek(&mut self, file: &TextFile, range: &std::ops::Range<u64>) -> Result<(), JsonError> {
        let has_before = range.start > 0;
        (self.base, self.length) = (range.start - u64::from(has_before), 0);
        let mut input = Input::open(&file.input, Compression::None, self.base)?;
        self.read(&mut input, (range.end - self.base) as usize)?;
        self.start = if has_before { self.behind_newline(0).unwrap_or(self.length) } else { 0 };
        let lines = self.bytes.get(self.start..self.length).unwrap_or_default();
        self.end = match lines.iter().rposition(|byte| *byte == b'\n') {
            _ if range.end >= file.length() => self.length,
            Some(last) => self.start + last + 1,
            None => self.start,
        };
        self.complete();
        Ok(())
    }

    /// Reads on behind the last line, until there are lines or the file ends; whether there may be more.
    pub(super) fn next(&mut self, file: &TextFile, input: &mut Input, bytes: usize) -> Result<bool, JsonError> {
        self.bytes.copy_within(self.end..self.length, 0);
        (self.base, self.length) = (self.base + self.end as u64, self.length - self.end);
        self.start = 0;
        let mut step = bytes;
        loop {
            self.check_length(file)?;
            let searched = self.length;
            let goes_on = self.read(input, step)?;
            let new = self.bytes.get(searched..self.length).unwrap_or_default();
            let last = new.iter().rposition(|byte| *byte == b'\n').map(|index| searched + index + 1);
            self.end = match last {
                _ if !goes_on => self.length,
                Some(end) => end,
                None => {
                    step = self.length.max(bytes);
                    continue;
                },
            };
            self.complete();
            return Ok(goes_on);
        }
    }

    fn complete(&mut self) {
        if self.base == 0 && self.start == 0 && self.bytes.starts_with(MARK) {
            self.start = MARK.len().min(self.end);
        }
        let lines = self.bytes.get(self.start..self.end).unwrap_or_default();
        self.is_utf8 = std::str::from_utf8(lines).is_ok();
    }

    fn check_length(&self, file: &TextFile) -> Result<(), JsonError> {
        if self.length < LONGEST_ROW {
            return Ok(());
        }
        let place = Place { path: file.input.path(), line: None, offset: self.base + self.start as u64 };
        Err(JsonError::TooLong { place, limit: LONGEST_ROW })
    }

    /// The place of a byte of the block.
    pub(super) fn place(&self, file: &TextFile, start: usize) -> Place {
        let offset = self.base + start as u64;
        let line = file.open(0).ok().and_then(|input| input.count_lines(offset).ok()).map(|lines| lines + 1);
        Place { path: file.input.path(), line, offset }
    }

    pub(super) fn syntax_error(&self, file: &TextFile, bad: BadRow) -> JsonError {
        let column = bad.wrong.at.saturating_sub(bad.start) + 1;
        JsonError::Syntax { place: self.place(file, bad.start), column, fault: bad.wrong.fault }
    }
}
