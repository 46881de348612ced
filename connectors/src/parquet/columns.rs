//! Columns of a row group that are read from the first row to the last.

use std::ops::Range;

use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{BooleanChunked, Column};
use polars_parquet::read::{Filter, RowGroupMetadata};
use polars_utils::pl_str::PlSmallStr;

use super::decode::{CodedCursor, ColumnCursor, passing};
use super::error::{Damage, ParquetError};
use super::file::ParquetFile;

/// Rows that Polars' decoder decodes at once. A slice costs it the pages at its ends twice and its dictionary once more:
/// slices of 64 K rows make integers of a row group of a million rows 8 times slower.
const WINDOW: usize = 1 << 20;

/// A column of a row group and the place up to which it was read.
pub(super) struct ColumnReader {
    row_group: usize,
    column: PlSmallStr,
    /// The next row of the source.
    row: usize,
    source: Source,
}

enum Source {
    Cursor(ColumnCursor),
    /// Codes, and those of the rows that were read last.
    Coded(CodedCursor, Option<(Range<usize>, PrimitiveArray<u32>)>),
    /// Rows that Polars decoded, and the place of the first. Nested columns are decoded whole, as their decoder finds the
    /// start of a slice only by decoding all that stands before it.
    Window(Option<(usize, Column)>),
}

impl ColumnReader {
    pub(super) fn new(row_group: usize, column: &str, cursor: Option<ColumnCursor>) -> Self {
        let source = cursor.map_or(Source::Window(None), Source::Cursor);
        Self { row_group, column: column.into(), row: 0, source }
    }

    pub(super) fn coded(row_group: usize, column: &str, cursor: CodedCursor) -> Self {
        Self { row_group, column: column.into(), row: 0, source: Source::Coded(cursor, None) }
    }

    /// Decompresses only the first `limit` bytes of pages, where that is possible. Rows that need more yield errors.
    pub(super) fn with_limit(mut self, limit: usize) -> Self {
        if let Source::Cursor(cursor) = self.source {
            self.source = Source::Cursor(cursor.with_limit(limit));
        }
        self
    }

    /// Reads some rows, none of which stands before one that was read.
    pub(super) fn read(&mut self, file: &ParquetFile, rows: Range<usize>) -> Result<Column, ParquetError> {
        if let Some((cursor, codes)) = self.codes(file, &rows)? {
            let array = cursor.values(codes, None);
            return file.series(self.row_group, &self.column, array);
        }
        self.read_rows(file, rows.clone(), |cursor| cursor.read(rows.len()), Ok)
    }

    /// Reads the rows of `rows` whose bit is set.
    pub(super) fn read_selected(
        &mut self,
        file: &ParquetFile,
        rows: Range<usize>,
        selected: &Bitmap,
    ) -> Result<Column, ParquetError> {
        if let Some((cursor, codes)) = self.codes(file, &rows)? {
            let array = cursor.values(codes, Some(selected));
            return file.series(self.row_group, &self.column, array);
        }
        let filter = |column: Column| {
            let mask = BooleanChunked::from_bitmap(PlSmallStr::EMPTY, selected.clone());
            column.filter(&mask).map_err(Damage::Polars)
        };
        self.read_rows(file, rows, |cursor| cursor.read_selected(selected), filter)
    }

    /// The values of the dictionary, each once, and a null behind them, if the column is read as codes.
    pub(super) fn dictionary(&self, file: &ParquetFile) -> Result<Option<Column>, ParquetError> {
        match &self.source {
            Source::Coded(cursor, _) => file.series(self.row_group, &self.column, cursor.dictionary()).map(Some),
            _ => Ok(None),
        }
    }

    /// Those of some rows whose value has its bit set in `passes`, which has a bit for each value of the dictionary and one
    /// for null. Only if the column is read as codes.
    pub(super) fn passing(
        &mut self,
        file: &ParquetFile,
        rows: Range<usize>,
        passes: &Bitmap,
    ) -> Result<Option<Bitmap>, ParquetError> {
        Ok(self.codes(file, &rows)?.map(|(_, codes)| passing(codes, passes)))
    }

    /// The codes of some rows, none of which stands before one that was read, unless they are the same again.
    fn codes(
        &mut self,
        file: &ParquetFile,
        rows: &Range<usize>,
    ) -> Result<Option<(&CodedCursor, &PrimitiveArray<u32>)>, ParquetError> {
        let Source::Coded(cursor, last) = &mut self.source else { return Ok(None) };
        let damaged = |source| file.damaged(self.row_group, &self.column, source);
        let codes = match last.take() {
            Some((read, codes)) if read == *rows => codes,
            _ => {
                cursor.skip(rows.start.checked_sub(self.row).ok_or_else(|| damaged(Damage::Ends))?);
                self.row = rows.end;
                cursor.read(rows.len()).map_err(damaged)?
            },
        };
        let (_, codes) = last.insert((rows.clone(), codes));
        Ok(Some((cursor, codes)))
    }

    fn read_rows(
        &mut self,
        file: &ParquetFile,
        rows: Range<usize>,
        read: impl FnOnce(&mut ColumnCursor) -> Result<Box<dyn Array>, Damage>,
        select: impl FnOnce(Column) -> Result<Column, Damage>,
    ) -> Result<Column, ParquetError> {
        let damaged = |source| file.damaged(self.row_group, &self.column, source);
        match &mut self.source {
            Source::Cursor(cursor) => {
                cursor.skip(rows.start.checked_sub(self.row).ok_or_else(|| damaged(Damage::Ends))?);
                let array = read(cursor).map_err(damaged)?;
                self.row = rows.end;
                file.series(self.row_group, &self.column, array)
            },
            Source::Coded(..) => Err(damaged(Damage::Ends)),
            Source::Window(window) => {
                let (start, column) = match window.take() {
                    Some((start, column)) if rows.start >= start && rows.end <= start + column.len() => (start, column),
                    _ => decode_window(file, self.row_group, &self.column, &rows)?,
                };
                let read = column.slice((rows.start - start) as i64, rows.len());
                *window = Some((start, column));
                select(read).map_err(damaged)
            },
        }
    }
}

fn decode_window(
    file: &ParquetFile,
    row_group: usize,
    column: &str,
    rows: &Range<usize>,
) -> Result<(usize, Column), ParquetError> {
    let all = file.row_groups().get(row_group).map_or(0, RowGroupMetadata::num_rows);
    let is_nested = file.schema.get(column).is_some_and(|dtype| dtype.is_nested());
    if is_nested || (rows.start == 0 && all <= WINDOW) {
        return Ok((0, file.column(row_group, column, None, all)?));
    }
    let end = all.min(rows.end.max(rows.start.saturating_add(WINDOW)));
    let filter = Filter::Range(rows.start..end);
    Ok((rows.start, file.column(row_group, column, Some(filter), end - rows.start)?))
}
