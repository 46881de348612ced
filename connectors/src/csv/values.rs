//! Columns of one type while they are read.

use super::quotes::unquote;
use super::rows::ColumnFields;
use crate::survivors::Chosen;
use crate::text::BadRows;
use crate::text::number::Field;
use crate::text::texts::Texts;

/// How the fields of a column are understood.
pub(super) struct Reading<'a> {
    pub(super) quote: Option<u8>,
    /// Fields that are null.
    pub(super) nulls: &'a [Box<[u8]>],
    /// An empty field is null, of strings too.
    pub(super) empty_is_null: bool,
    /// All fields are UTF-8.
    pub(super) is_text: bool,
    pub(super) bad_rows: BadRows,
}

impl Reading<'_> {
    #[inline(always)]
    fn is_null(&self, field: Field<'_>) -> bool {
        !self.nulls.is_empty() && self.nulls.iter().any(|null| **null == *field.bytes())
    }

    #[inline(always)]
    fn is_quoted(&self, field: Field<'_>) -> bool {
        Some(field.first()) == self.quote
    }

    /// What stands between quotes, if they are the first and the last byte; no value of a fixed size has any within.
    #[inline(always)]
    fn without_quotes<'a>(&self, field: Field<'a>) -> Field<'a> {
        if self.is_quoted(field) && field.len() > 1 && field.bytes().last().copied() == self.quote {
            return field.skip(1).shorten(field.len() - 2);
        }
        field
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no value of the type.
    Value,
    /// Text behind the quote that closes, or no such quote.
    Quote,
    /// It is not UTF-8.
    Utf8,
}

/// A field that stops the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadField {
    pub(super) row: usize,
    pub(super) fault: Fault,
}

/// What takes the values of a column.
pub(super) trait Values {
    /// Takes the fields of some rows. Those that hold no value are null; what becomes of their rows is said by
    /// [`Reading::bad_rows`]: they stop the reading, nothing, or they go to `skipped`.
    fn read(
        &mut self,
        fields: ColumnFields<'_>,
        rows: Chosen<'_>,
        reading: &Reading<'_>,
        skipped: &mut Vec<u32>,
    ) -> Result<(), BadField>;
}

impl Reading<'_> {
    /// Hears that a row has a field without a value.
    fn bad(&self, row: usize, fault: Fault, skipped: &mut Vec<u32>) -> Result<(), BadField> {
        match self.bad_rows {
            BadRows::Fail => return Err(BadField { row, fault }),
            BadRows::Null => {},
            BadRows::Skip => skipped.push(row as u32),
        }
        Ok(())
    }
}

/// Values of a fixed size.
pub(super) struct Fixed<T, P> {
    pub(super) values: Vec<T>,
    /// Indices of nulls.
    pub(super) nulls: Vec<u32>,
    parse: P,
    /// Indices of fields of the last rows that the quick way did not understand.
    doubtful: Vec<u32>,
}

impl<T: Default + Clone, P: Fn(Field<'_>) -> Option<T>> Fixed<T, P> {
    pub(super) fn new(rows: usize, parse: P) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: Vec::new(), parse, doubtful: Vec::new() }
    }

    /// Most fields hold a value as it is; the loop knows nothing else.
    #[inline(always)]
    fn read_values<'a>(
        &mut self,
        fields: impl Iterator<Item = Option<Field<'a>>>,
        count: usize,
        reading: &Reading<'_>,
    ) {
        let start = self.values.len();
        self.values.resize(start + count, T::default());
        let values = self.values.get_mut(start..).unwrap_or_default();
        for (index, (value, field)) in values.iter_mut().zip(fields).enumerate() {
            let parsed = match field {
                Some(field) if !reading.is_null(field) => (self.parse)(reading.without_quotes(field)),
                _ => None,
            };
            match parsed {
                Some(parsed) => *value = parsed,
                None => self.doubtful.push(index as u32),
            }
        }
    }

    /// The value of a field that is not written the usual way; `None` is null.
    #[cold]
    fn read_doubtful(&self, field: Field<'_>, reading: &Reading<'_>) -> Result<Option<T>, Fault> {
        if field.len() == 0 || reading.is_null(field) {
            return Ok(None);
        }
        if !reading.is_quoted(field) {
            return self.parse_trimmed(field.bytes()).map(Some);
        }
        let text = unquote(field.bytes(), reading.quote).ok_or(Fault::Quote)?;
        if text.is_empty() { Ok(None) } else { self.parse_trimmed(&text).map(Some) }
    }

    /// The value of a text without the spaces around it.
    fn parse_trimmed(&self, text: &[u8]) -> Result<T, Fault> {
        let text = text.trim_ascii();
        let mut padded = [0; 2 * LONGEST];
        padded.get_mut(..text.len()).filter(|_| text.len() <= LONGEST).ok_or(Fault::Value)?.copy_from_slice(text);
        (self.parse)(Field::new(&padded, text.len())).ok_or(Fault::Value)
    }
}

/// Bytes of a number in quotes or between spaces at most.
const LONGEST: usize = 128;

impl<T: Default + Clone, P: Fn(Field<'_>) -> Option<T>> Values for Fixed<T, P> {
    fn read(
        &mut self,
        fields: ColumnFields<'_>,
        rows: Chosen<'_>,
        reading: &Reading<'_>,
        skipped: &mut Vec<u32>,
    ) -> Result<(), BadField> {
        let start = self.values.len();
        match rows {
            Chosen::All(first, end) => self.read_values(fields.fields(first..end), rows.len(), reading),
            Chosen::Some(chosen) => {
                self.read_values(chosen.iter().map(|row| fields.field(*row as usize)), rows.len(), reading);
            },
        }
        for index in std::mem::take(&mut self.doubtful) {
            let row = rows.row(index as usize);
            let value = match fields.field(row).map(|field| self.read_doubtful(field, reading)) {
                Some(Ok(value)) => value,
                Some(Err(fault)) => {
                    reading.bad(row, fault, skipped)?;
                    None
                },
                None => None,
            };
            match (value, self.values.get_mut(start + index as usize)) {
                (Some(value), Some(place)) => *place = value,
                _ => self.nulls.push((start + index as usize) as u32),
            }
        }
        Ok(())
    }
}

impl Texts {
    #[inline(always)]
    fn read_texts<'a>(
        &mut self,
        fields: impl Iterator<Item = Option<Field<'a>>>,
        rows: Chosen<'_>,
        reading: &Reading<'_>,
        skipped: &mut Vec<u32>,
    ) -> Result<(), BadField> {
        self.reserve(rows.len());
        for (index, field) in fields.enumerate() {
            let is_missing = |field: &Field<'_>| field.len() == 0 && reading.empty_is_null;
            let Some(field) = field.filter(|field| !is_missing(field) && !reading.is_null(*field)) else {
                self.push_null();
                continue;
            };
            let fault = if !reading.is_text && std::str::from_utf8(field.bytes()).is_err() {
                Fault::Utf8
            } else if !reading.is_quoted(field) {
                self.push_field(field);
                continue;
            } else if self.push_quoted_field(field, reading.quote).is_some() {
                continue;
            } else {
                Fault::Quote
            };
            reading.bad(rows.row(index), fault, skipped)?;
            self.push_null();
        }
        Ok(())
    }
}

impl Values for Texts {
    fn read(
        &mut self,
        fields: ColumnFields<'_>,
        rows: Chosen<'_>,
        reading: &Reading<'_>,
        skipped: &mut Vec<u32>,
    ) -> Result<(), BadField> {
        match rows {
            Chosen::All(first, end) => self.read_texts(fields.fields(first..end), rows, reading, skipped),
            Chosen::Some(chosen) => {
                self.read_texts(chosen.iter().map(|row| fields.field(*row as usize)), rows, reading, skipped)
            },
        }
    }
}
