//! One file of a table, and how it is cut into ranges.
//!
//! A range is cut anywhere, and starts behind the first newline from there on. Whether that newline is in quotes depends
//! on all that stands before it, and is never guessed: a range is scanned as if it started out of quotes, which almost all
//! do, and tells whether it ends in them; from the start of the file on, these answers give the state in which each range
//! starts, and one that does start in quotes is scanned once more. The scan is needed anyway, to find the fields. The
//! workers of a process scan ranges side by side and wait only for each other's scans. What another process reads is
//! scanned here as well, for that one answer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;

use super::block::{Block, Loaded};
use super::error::CsvError;
use super::head::read_head;
use super::options::CsvOptions;
use super::rows::{Rows, Shape};
use super::structure::{Dialect, Scanned};
use crate::files::Fetched;
use crate::text::TextFile;

/// A file of a table.
pub(super) struct CsvFile {
    pub(super) text: TextFile,
    layout: OnceLock<Layout>,
    /// For every range but the last, whether it ends in quotes, if it starts out of them and if it starts in them; `None`
    /// if it could not be read.
    ends_quoted: Vec<[OnceLock<Option<bool>>; 2]>,
    /// Whether each range starts in quotes, as far as it is known.
    starts_quoted: Mutex<Vec<bool>>,
    /// For every range but the last, whether its bytes are on their way from a store.
    is_coming: Vec<AtomicBool>,
}

/// A range that was read and perhaps scanned.
pub(super) struct OpenRange {
    block: Block,
    /// `None` if no row can start in it.
    loaded: Option<Loaded>,
    /// What was found if it starts out of quotes.
    scanned: Option<Scanned>,
}

/// What the header of a file says.
pub(super) struct Layout {
    /// Bytes before the first row.
    pub(super) start: u64,
    /// The field of each column; `None` if they are in the same order.
    order: Option<Vec<usize>>,
}

impl Layout {
    /// The field of a column.
    pub(super) fn field(&self, column: usize) -> usize {
        self.order.as_ref().and_then(|order| order.get(column).copied()).unwrap_or(column)
    }
}

impl From<TextFile> for CsvFile {
    fn from(text: TextFile) -> Self {
        let cuts = text.ranges().saturating_sub(1);
        Self {
            text,
            layout: OnceLock::new(),
            ends_quoted: std::iter::repeat_with(Default::default).take(cuts).collect(),
            starts_quoted: Mutex::new(vec![false]),
            is_coming: std::iter::repeat_with(Default::default).take(cuts).collect(),
        }
    }
}

impl AsRef<TextFile> for CsvFile {
    fn as_ref(&self) -> &TextFile {
        &self.text
    }
}

impl CsvFile {
    /// Reads the header, once, and compares it with `schema`.
    pub(super) fn layout(&self, schema: &Schema, options: &CsvOptions, dialect: &Dialect) -> Result<&Layout, CsvError> {
        if let Some(layout) = self.layout.get() {
            return Ok(layout);
        }
        let head = read_head(&self.text.input, self.text.compression()?, options, dialect, Some(0))?;
        let order = match &head.names {
            Some(names) => self.order(names, schema, options.schema.is_some())?,
            None => None,
        };
        Ok(self.layout.get_or_init(|| Layout { start: head.start, order }))
    }

    /// Which field each column of `schema` is.
    fn order(&self, names: &[PlSmallStr], schema: &Schema, by_place: bool) -> Result<Option<Vec<usize>>, CsvError> {
        if schema.iter_names().eq(names) {
            return Ok(None);
        }
        if names.len() == schema.len() {
            let place = |name: &PlSmallStr| names.iter().position(|other| other == name);
            match schema.iter_names().map(place).collect::<Option<Vec<_>>>() {
                Some(order) => return Ok(Some(order)),
                None if by_place => return Ok(None),
                None => {},
            }
        }
        Err(CsvError::Columns {
            path: self.text.input.path(),
            found: names.join(", "),
            expected: schema.iter_names().map(PlSmallStr::as_str).collect::<Vec<_>>().join(", "),
        })
    }

    /// Reads a range, in the memory of `rows`, and scans it as if it started out of quotes. `first` is the start of the first
    /// row of the file.
    pub(super) fn open_range(
        &self,
        index: usize,
        fetched: Option<Fetched>,
        first: u64,
        shape: &Shape<'_>,
        rows: Rows,
    ) -> Result<OpenRange, CsvError> {
        let mut block = Block::new(rows);
        let loaded = block.load(self, &self.text.range(index), first, fetched)?;
        let mut scanned = None;
        if let Some([ends_quoted, ends_quoted_again]) = self.ends_quoted.get(index)
            && shape.dialect.quote.is_some()
        {
            match &loaded {
                Some(loaded) => {
                    ends_quoted.get_or_init(|| {
                        let found = block.scan_range(loaded, shape.dialect, false);
                        scanned = Some(found);
                        Some(found.is_quoted)
                    });
                },
                // Nothing in it ends a line: it ends as it starts.
                None => {
                    ends_quoted.get_or_init(|| Some(false));
                    ends_quoted_again.get_or_init(|| Some(true));
                },
            }
        }
        Ok(OpenRange { block, loaded, scanned })
    }

    /// Whether a range that has been opened has to wait for one before it, which another worker of this process is about to
    /// scan when its bytes arrive.
    pub(super) fn must_wait(&self, index: usize, dialect: &Dialect) -> bool {
        let known = self.starts_quoted.lock().len().saturating_sub(1);
        let is_awaited = |earlier: usize| {
            let is_coming = self.is_coming.get(earlier).is_some_and(|is_coming| is_coming.load(Ordering::Relaxed));
            is_coming && self.ends_quoted.get(earlier).is_some_and(|[answer, _]| answer.get().is_none())
        };
        dialect.quote.is_some() && (known..index).any(is_awaited)
    }

    /// Says whether the bytes of a range are on their way to this process.
    pub(super) fn set_coming(&self, index: usize, is_coming: bool) {
        if let Some(flag) = self.is_coming.get(index) {
            flag.store(is_coming, Ordering::Relaxed);
        }
    }

    /// The rows that start in a range that has been opened.
    pub(super) fn finish_range(
        &self,
        index: usize,
        opened: OpenRange,
        first: u64,
        shape: &Shape<'_>,
    ) -> Result<Block, CsvError> {
        let OpenRange { mut block, loaded, scanned } = opened;
        let Some(loaded) = loaded else { return Ok(block) };
        let has_cuts = shape.dialect.quote.is_some() && self.text.ranges() > 1;
        let is_quoted = has_cuts && self.starts_quoted(index, first, shape.dialect)?;
        let scanned = match scanned {
            Some(scanned) if !is_quoted => scanned,
            _ => block.scan_range(&loaded, shape.dialect, is_quoted),
        };
        block.complete(self, loaded, is_quoted, scanned, shape)?;
        Ok(block)
    }

    /// Whether a range starts in quotes.
    fn starts_quoted(&self, index: usize, first: u64, dialect: &Dialect) -> Result<bool, CsvError> {
        let mut known = self.starts_quoted.lock();
        while known.len() <= index {
            let last = known.len() - 1;
            let is_quoted = known.get(last).is_some_and(|is_quoted| *is_quoted);
            let next = self.ends_quoted(last, is_quoted, first, dialect)?;
            known.push(next);
        }
        Ok(known.get(index).is_some_and(|is_quoted| *is_quoted))
    }

    /// Whether a range ends in quotes, if it starts in them or not.
    fn ends_quoted(&self, index: usize, is_quoted: bool, first: u64, dialect: &Dialect) -> Result<bool, CsvError> {
        let measure = || -> Result<bool, CsvError> {
            let mut block = Block::new(Rows::default());
            let loaded = block.load(self, &self.text.range(index), first, None)?;
            Ok(loaded.map_or(is_quoted, |loaded| block.scan_range(&loaded, dialect, is_quoted).is_quoted))
        };
        let answer = self.ends_quoted.get(index).and_then(|answers| answers.get(usize::from(is_quoted)));
        match answer.and_then(|answer| *answer.get_or_init(|| measure().ok())) {
            Some(ends_quoted) => Ok(ends_quoted),
            None => measure(),
        }
    }
}
