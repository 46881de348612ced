//! Columns of lists and structs while they are read.

use polars_arrow::array::{Array, FixedSizeListArray, ListArray, StructArray};
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::offset::Offsets;
use polars_core::error::PolarsResult;

use super::columns::{Bad, ColumnBuilder, Cursor};
use super::keys::Keys;
use super::rows::ColumnTokens;
use super::syntax::{skip_blanks, value};
use crate::survivors::Chosen;
use crate::text::texts::{forget, validity};

/// Takes the values of some rows, of a column of which each value is gone over.
fn read(
    column: &mut dyn ColumnBuilder,
    tokens: ColumnTokens<'_>,
    rows: Chosen<'_>,
    bad: &mut Bad<'_>,
) -> Result<(), usize> {
    for index in 0..rows.len() {
        let row = rows.row(index);
        match tokens.cursor(row) {
            Some(mut cursor) => {
                let length = column.len();
                if !column.push(&mut cursor) {
                    column.truncate(length);
                    column.push_null();
                    bad.note(row)?;
                }
            },
            None => column.push_null(),
        }
    }
    Ok(())
}

/// Lists, or arrays of a width.
pub(super) struct ListColumn {
    dtype: ArrowDataType,
    inner: Box<dyn ColumnBuilder>,
    width: Option<usize>,
    /// The end of each list.
    ends: Vec<usize>,
    nulls: Vec<u32>,
}

impl ListColumn {
    pub(super) fn new(dtype: ArrowDataType, inner: Box<dyn ColumnBuilder>, width: Option<usize>) -> Self {
        Self { dtype, inner, width, ends: Vec::new(), nulls: Vec::new() }
    }
}

impl ColumnBuilder for ListColumn {
    fn read(&mut self, tokens: ColumnTokens<'_>, rows: Chosen<'_>, bad: &mut Bad<'_>) -> Result<(), usize> {
        read(self, tokens, rows, bad)
    }

    fn push(&mut self, cursor: &mut Cursor<'_>) -> bool {
        if cursor.take_null() {
            self.push_null();
            return true;
        }
        if cursor.byte() != b'[' {
            return false;
        }
        let start = self.inner.len();
        cursor.at = skip_blanks(cursor.bytes, cursor.at + 1);
        while cursor.byte() != b']' {
            if !self.inner.push(cursor) {
                return false;
            }
            cursor.at = skip_blanks(cursor.bytes, cursor.at);
            if cursor.byte() == b',' {
                cursor.at = skip_blanks(cursor.bytes, cursor.at + 1);
            }
        }
        cursor.at += 1;
        self.ends.push(self.inner.len());
        self.width.is_none_or(|width| self.inner.len() - start == width)
    }

    fn push_null(&mut self) {
        self.nulls.push(self.ends.len() as u32);
        for _ in 0..self.width.unwrap_or(0) {
            self.inner.push_null();
        }
        self.ends.push(self.inner.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn truncate(&mut self, length: usize) {
        self.ends.truncate(length);
        self.inner.truncate(self.ends.last().copied().unwrap_or(0));
        forget(&mut self.nulls, length);
    }

    fn finish(self: Box<Self>) -> PolarsResult<Box<dyn Array>> {
        let (count, validity) = (self.ends.len(), validity(self.ends.len(), &self.nulls));
        let values = self.inner.finish()?;
        if self.width.is_some() {
            return Ok(FixedSizeListArray::try_new(self.dtype, count, values, validity)?.boxed());
        }
        let mut offsets = Vec::with_capacity(count + 1);
        offsets.push(0);
        offsets.extend(self.ends.iter().map(|end| *end as i64));
        Ok(ListArray::<i64>::try_new(self.dtype, Offsets::try_from(offsets)?.into(), values, validity)?.boxed())
    }
}

/// Objects. Of a key that is there twice the last value counts, keys that are no fields are left out, and fields that are
/// not there are null.
pub(super) struct StructColumn {
    dtype: ArrowDataType,
    keys: Keys,
    fields: Vec<Box<dyn ColumnBuilder>>,
    length: usize,
    nulls: Vec<u32>,
}

impl StructColumn {
    pub(super) fn new<'a>(
        dtype: ArrowDataType,
        names: impl Iterator<Item = &'a str>,
        fields: Vec<Box<dyn ColumnBuilder>>,
    ) -> Self {
        Self { dtype, keys: Keys::new(names), fields, length: 0, nulls: Vec::new() }
    }

    /// Takes the value at the cursor, behind a key.
    fn push_field(&mut self, field: Option<usize>, cursor: &mut Cursor<'_>) -> bool {
        match field.and_then(|field| self.fields.get_mut(field)) {
            Some(column) => {
                if column.len() > self.length {
                    column.truncate(self.length);
                }
                column.push(cursor)
            },
            None => match value(cursor.bytes, cursor.at) {
                Ok(end) => {
                    cursor.at = end.at;
                    true
                },
                Err(_) => false,
            },
        }
    }
}

impl ColumnBuilder for StructColumn {
    fn read(&mut self, tokens: ColumnTokens<'_>, rows: Chosen<'_>, bad: &mut Bad<'_>) -> Result<(), usize> {
        read(self, tokens, rows, bad)
    }

    fn push(&mut self, cursor: &mut Cursor<'_>) -> bool {
        if cursor.take_null() {
            self.push_null();
            return true;
        }
        if cursor.byte() != b'{' {
            return false;
        }
        cursor.at = skip_blanks(cursor.bytes, cursor.at + 1);
        let mut before = Keys::START;
        while cursor.byte() != b'}' {
            let Ok(found) = self.keys.find(cursor.bytes, cursor.at, before) else { return false };
            before = found.key;
            cursor.at = skip_blanks(cursor.bytes, found.at);
            if !self.push_field(found.column, cursor) {
                return false;
            }
            cursor.at = skip_blanks(cursor.bytes, cursor.at);
            if cursor.byte() == b',' {
                cursor.at = skip_blanks(cursor.bytes, cursor.at + 1);
            }
        }
        cursor.at += 1;
        for column in self.fields.iter_mut().filter(|column| column.len() <= self.length) {
            column.push_null();
        }
        self.length += 1;
        true
    }

    fn push_null(&mut self) {
        self.nulls.push(self.length as u32);
        self.fields.iter_mut().for_each(|column| column.push_null());
        self.length += 1;
    }

    fn len(&self) -> usize {
        self.length
    }

    fn truncate(&mut self, length: usize) {
        self.fields.iter_mut().for_each(|column| column.truncate(length));
        self.length = self.length.min(length);
        forget(&mut self.nulls, length);
    }

    fn finish(self: Box<Self>) -> PolarsResult<Box<dyn Array>> {
        let validity = validity(self.length, &self.nulls);
        let values = self.fields.into_iter().map(|column| column.finish()).collect::<PolarsResult<Vec<_>>>()?;
        Ok(StructArray::try_new(self.dtype, self.length, values, validity)?.boxed())
    }
}
