//! Rows of one length in a block of bytes.

use std::ops::Range;
use std::sync::OnceLock;

use super::structure::{Dialect, Places, is_comment};
use crate::text::BadRows;
use crate::text::number::Field;

/// Bytes of which some begin complete rows, and where their fields are.
#[derive(Default)]
pub(super) struct Rows {
    /// The bytes, and [`PADDING`](super::structure::PADDING) more.
    pub(super) bytes: Vec<u8>,
    /// The ends of fields as they were found.
    pub(super) found: Places,
    /// The ends of the fields of rows of which some had another number of fields.
    regrouped: Vec<u32>,
    is_regrouped: bool,
    /// The place before the first row.
    first: usize,
    /// Places a row.
    stride: usize,
    count: usize,
    /// Rows that were left out because they had another number of fields.
    pub(super) skipped: u64,
    /// Whether all rows are UTF-8, once somebody asked.
    is_text: OnceLock<bool>,
    end: usize,
}

/// A row with another number of fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ragged {
    /// Where it starts.
    pub(super) start: usize,
    /// Fields that it has; `None` if a quote in it is not closed.
    pub(super) fields: Option<usize>,
}

/// What rows have to look like.
pub(super) struct Shape<'a> {
    pub(super) dialect: &'a Dialect,
    pub(super) fields: usize,
    pub(super) bad_rows: BadRows,
}

impl Rows {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A column of the rows.
    pub(super) fn column(&self, column: usize, fields: usize) -> ColumnFields<'_> {
        let places = self.places().get(self.first + column..).unwrap_or_default();
        // A row may have ended before its last column.
        let is_last = column + 1 == fields || self.is_regrouped;
        ColumnFields { bytes: &self.bytes, places, stride: self.stride, is_last }
    }

    fn places(&self) -> &[u32] {
        if self.is_regrouped { &self.regrouped } else { self.found.as_slice() }
    }

    /// Where a row starts.
    pub(super) fn start(&self, row: usize) -> usize {
        let before = self.places().get(self.first + row * self.stride).copied();
        before.map_or(self.end, |before| before.wrapping_add(1) as usize)
    }

    /// Groups the places that were found, of which those before the index `first` are of no row, by rows; the rows end
    /// before `end`. The last place is the end of a row. `is_quoted`: the last row ends in quotes.
    pub(super) fn group(
        &mut self,
        first: usize,
        newlines: usize,
        is_quoted: bool,
        shape: &Shape<'_>,
    ) -> Result<(), Ragged> {
        let places = self.found.as_slice();
        (self.is_regrouped, self.first, self.stride, self.count) = (false, first, shape.fields, newlines);
        (self.skipped, self.is_text) = (0, OnceLock::new());
        self.end = places.last().map_or(0, |end| *end as usize);
        let fields = places.len().saturating_sub(first + 1);
        let is_end = |end: &u32| self.bytes.get(*end as usize) == Some(&b'\n');
        // If there are so many fields, and every row that there should be ends in a newline, no other one does.
        let is_regular = !is_quoted
            && shape.dialect.comment.is_none()
            && newlines.checked_mul(shape.fields) == Some(fields)
            && places
                .get(first..)
                .is_some_and(|places| places.iter().skip(shape.fields).step_by(shape.fields.max(1)).all(is_end));
        if is_regular { Ok(()) } else { self.regroup(is_quoted, shape) }
    }

    fn regroup(&mut self, is_quoted: bool, shape: &Shape<'_>) -> Result<(), Ragged> {
        let places = self.found.as_slice().get(self.first..).unwrap_or_default();
        self.regrouped.clear();
        let (mut at, mut count) = (0, 0);
        while at + 1 < places.len() {
            let rest = &places[at..];
            let ends = rest[1..].iter().position(|end| self.bytes.get(*end as usize) == Some(&b'\n'));
            let fields = ends.map_or(rest.len() - 1, |index| index + 1);
            let row = &rest[..=fields];
            at += fields;
            let start = row[0].wrapping_add(1) as usize;
            let is_open = is_quoted && at + 1 >= places.len();
            if let Some(prefix) = &shape.dialect.comment
                && is_comment(&self.bytes, start, prefix)
            {
                continue;
            }
            let is_blank = fields == 1 && matches!(&self.bytes[start..row[1] as usize], b"" | b"\r");
            if is_blank && shape.fields != 1 {
                continue;
            }
            if fields != shape.fields || is_open {
                match shape.bad_rows {
                    BadRows::Fail => return Err(Ragged { start, fields: (!is_open).then_some(fields) }),
                    BadRows::Skip => {
                        self.skipped += 1;
                        continue;
                    },
                    BadRows::Null => {},
                }
            }
            let kept = &row[..=fields.min(shape.fields)];
            self.regrouped.extend_from_slice(kept);
            // A field that starts behind its end is not there.
            let last = kept.last().copied().unwrap_or_default();
            self.regrouped.extend(std::iter::repeat_n(last, (shape.fields + 1).saturating_sub(kept.len())));
            count += 1;
        }
        (self.is_regrouped, self.first, self.stride, self.count) = (true, 0, shape.fields + 1, count);
        Ok(())
    }

    /// Whether all rows are UTF-8.
    pub(super) fn is_text(&self) -> bool {
        *self.is_text.get_or_init(|| {
            let start = if self.count == 0 { self.end } else { self.start(0) };
            self.bytes.get(start..self.end).is_some_and(|bytes| std::str::from_utf8(bytes).is_ok())
        })
    }

    /// Empties it, except for the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.found.clear();
        self.regrouped.clear();
        (self.count, self.first, self.end, self.skipped) = (0, 0, 0, 0);
    }
}

/// The fields of one column.
#[derive(Clone, Copy)]
pub(super) struct ColumnFields<'a> {
    bytes: &'a [u8],
    /// The place before the field of the first row, its end, those of the other columns, and so on.
    places: &'a [u32],
    stride: usize,
    is_last: bool,
}

impl<'a> ColumnFields<'a> {
    /// The field of a row, `None` if the row ended before it.
    #[inline(always)]
    pub(super) fn field(&self, row: usize) -> Option<Field<'a>> {
        match self.places.get(row * self.stride..).and_then(|places| places.first_chunk::<2>()) {
            Some([before, end]) => self.between(*before, *end),
            None => None,
        }
    }

    /// The fields of some rows.
    #[inline(always)]
    pub(super) fn fields(self, rows: Range<usize>) -> impl Iterator<Item = Option<Field<'a>>> {
        let places = self.places.get(rows.start * self.stride..).unwrap_or_default();
        let pairs = places.windows(2).step_by(self.stride.max(1)).take(rows.len());
        pairs.map(move |pair| match pair {
            [before, end] => self.between(*before, *end),
            _ => None,
        })
    }

    #[inline(always)]
    fn between(&self, before: u32, end: u32) -> Option<Field<'a>> {
        let (start, mut end) = (before.wrapping_add(1), end);
        if self.is_last && end > start && self.bytes.get(end as usize - 1..=end as usize) == Some(b"\r\n") {
            end -= 1;
        }
        Some(Field::new(self.bytes.get(start as usize..)?, end.checked_sub(start)? as usize))
    }
}
