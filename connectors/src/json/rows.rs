//! Where the wanted values of some rows stand.

use super::columns::Cursor;
use super::keys::Keys;
use super::syntax::{JsonFault, Wrong, byte, skip_blanks, value, wrong};
use crate::text::BadRows;
use crate::text::number::Field;

/// The bit of an end that says that a string has escapes.
const ESCAPED: u32 = 1 << 31;

/// The values of the wanted columns of some rows, in a text of less than 2 GB.
#[derive(Default)]
pub(super) struct Rows {
    /// Where each row starts.
    starts: Vec<u32>,
    /// Where the values start and end, row after row, `columns` values each. Nothing stands for null, and for what is not
    /// there.
    places: Vec<[u32; 2]>,
    columns: usize,
}

/// A value as it stands in the text, its quotes included.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) text: Field<'a>,
    /// It is a string with an escape.
    pub(super) is_escaped: bool,
}

/// What is known of a text before its rows are gone over.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    /// The rows, the last of which ends in a newline, and padding.
    pub(super) bytes: &'a [u8],
    /// Bytes without the padding.
    pub(super) length: usize,
    /// All is UTF-8.
    pub(super) is_utf8: bool,
}

/// A row that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadRow {
    pub(super) start: usize,
    pub(super) wrong: Wrong,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn start(&self, row: usize) -> usize {
        self.starts.get(row).map_or(0, |start| *start as usize)
    }

    /// Goes over rows from `at` on, `most` of them at most, and finds the values of the `columns` that `keys` knows. Returns
    /// where the next row starts, and how many rows were left out because they are wrong.
    pub(super) fn scan(
        &mut self,
        text: Text<'_>,
        mut at: usize,
        most: usize,
        columns: usize,
        keys: &mut Keys,
        bad_rows: BadRows,
    ) -> Result<(usize, u64), BadRow> {
        self.starts.clear();
        self.places.clear();
        self.columns = columns;
        let mut skipped = 0;
        while at < text.length && self.starts.len() < most {
            let start = at;
            let first = skip_blanks(text.bytes, at);
            if byte(text.bytes, first) == b'\n' {
                at = first + 1;
                continue;
            }
            let places = self.places.len();
            self.places.resize(places + columns, [0; 2]);
            let values = self.places.get_mut(places..).unwrap_or_default();
            let mut end = row(text.bytes, first, keys, values);
            if !text.is_utf8 {
                end = end.and_then(|end| check_utf8(text.bytes, start, end));
            }
            match end {
                Ok(end) => at = end + 1,
                Err(wrong) if bad_rows == BadRows::Fail => return Err(BadRow { start, wrong }),
                Err(_) => {
                    at = next_line(text.bytes, start);
                    self.places.truncate(places);
                    if bad_rows == BadRows::Skip {
                        skipped += 1;
                        continue;
                    }
                    self.places.resize(places + columns, [0; 2]);
                },
            }
            self.starts.push(start as u32);
        }
        Ok((at, skipped))
    }

    /// A column of the rows.
    pub(super) fn column<'a>(&'a self, column: usize, bytes: &'a [u8]) -> ColumnTokens<'a> {
        ColumnTokens { bytes, places: self.places.get(column..).unwrap_or_default(), stride: self.columns }
    }
}

/// Goes over the row that starts at `at` and puts the places of its values into `values`. Returns the end of its line. Of a
/// key that is there twice the last value counts.
#[inline(always)]
fn row(bytes: &[u8], at: usize, keys: &mut Keys, values: &mut [[u32; 2]]) -> Result<usize, Wrong> {
    if byte(bytes, at) != b'{' {
        return wrong(at, JsonFault::NotObject);
    }
    let mut at = skip_blanks(bytes, at + 1);
    if byte(bytes, at) == b'}' {
        at += 1;
    } else {
        let mut before = Keys::START;
        loop {
            let found = keys.find(bytes, at, before)?;
            before = found.key;
            let start = skip_blanks(bytes, found.at);
            let end = value(bytes, start)?;
            if let Some(place) = found.column.and_then(|column| values.get_mut(column)) {
                let escaped = if end.is_escaped { ESCAPED } else { 0 };
                let is_null = byte(bytes, start) == b'n';
                *place = if is_null { [0; 2] } else { [start as u32, end.at as u32 | escaped] };
            }
            at = skip_blanks(bytes, end.at);
            match byte(bytes, at) {
                b',' => at = skip_blanks(bytes, at + 1),
                b'}' => break,
                _ => return wrong(at, JsonFault::ObjectEnd),
            }
        }
        at += 1;
    }
    at = skip_blanks(bytes, at);
    if byte(bytes, at) != b'\n' {
        return wrong(at, JsonFault::Trailing);
    }
    Ok(at)
}

#[cold]
fn check_utf8(bytes: &[u8], start: usize, end: usize) -> Result<usize, Wrong> {
    match std::str::from_utf8(bytes.get(start..end).unwrap_or_default()) {
        Ok(_) => Ok(end),
        Err(error) => wrong(start + error.valid_up_to(), JsonFault::Utf8),
    }
}

/// Where the line behind that of `at` starts.
pub(super) fn next_line(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| at + newline + 1)
}

/// The values of one column.
#[derive(Clone, Copy)]
pub(super) struct ColumnTokens<'a> {
    bytes: &'a [u8],
    places: &'a [[u32; 2]],
    stride: usize,
}

impl<'a> ColumnTokens<'a> {
    /// The value of a row; `None` is null.
    #[inline(always)]
    pub(super) fn token(&self, row: usize) -> Option<Token<'a>> {
        self.places.get(row * self.stride).and_then(|place| self.at(*place))
    }

    /// The values of some rows.
    #[inline(always)]
    pub(super) fn tokens(self, rows: std::ops::Range<usize>) -> impl Iterator<Item = Option<Token<'a>>> {
        let places = self.places.get(rows.start * self.stride..).unwrap_or_default();
        places.iter().step_by(self.stride.max(1)).take(rows.len()).map(move |place| self.at(*place))
    }

    /// Where the value of a row starts; `None` is null.
    pub(super) fn cursor(&self, row: usize) -> Option<Cursor<'a>> {
        let [start, end] = *self.places.get(row * self.stride)?;
        (end > start).then_some(Cursor { bytes: self.bytes, at: start as usize })
    }

    #[inline(always)]
    fn at(&self, [start, end]: [u32; 2]) -> Option<Token<'a>> {
        let length = (end & !ESCAPED).checked_sub(start).filter(|length| *length > 0)?;
        let text = Field::new(self.bytes.get(start as usize..)?, length as usize);
        Some(Token { text, is_escaped: end & ESCAPED != 0 })
    }
}
