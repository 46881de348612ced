//! Columns of a row group that are read from the first row to the last.

use std::ops::Range;

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{BooleanChunked, Column};
use polars_parquet::read::Filter;
use polars_utils::pl_str::PlSmallStr;

use super::chunks::Chunks;
use super::decode::{CodedCursor, ColumnCursor, Compressed, Rows, passing};
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
    /// Pages were decompressed because this column was expected to be read.
    is_guessed: bool,
}

/// Rows of a column while they are read.
pub(super) struct Reading<'a> {
    rows: Range<usize>,
    /// Which of them are wanted; `None` if all are.
    selected: Option<&'a Bitmap>,
    /// `None` if the column has no cursor that reads page by page; then all is read in the end.
    paged: Option<Rows<'a>>,
}

impl Reading<'_> {
    /// All pages were read.
    pub(super) fn is_done(&self) -> bool {
        self.paged.as_ref().is_none_or(Rows::is_done)
    }
}

enum Source {
    Cursor(ColumnCursor),
    /// Codes, and those of the rows that were read last.
    Coded(CodedCursor, Option<(Range<usize>, PrimitiveArray<u32>)>),
    /// Rows that Polars decoded, and the place of the first. Nested columns are decoded whole, as their decoder finds the
    /// start of a slice only by decoding all that stands before it.
    Window(Chunks, Option<(usize, Column)>),
}

impl ColumnReader {
    pub(super) fn new(row_group: usize, column: &str, cursor: Option<ColumnCursor>, chunks: &Chunks) -> Self {
        let source = cursor.map_or_else(|| Source::Window(chunks.clone(), None), Source::Cursor);
        Self { row_group, column: column.into(), row: 0, source, is_guessed: false }
    }

    pub(super) fn coded(row_group: usize, column: &str, cursor: CodedCursor) -> Self {
        Self { row_group, column: column.into(), row: 0, source: Source::Coded(cursor, None), is_guessed: false }
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
        let mut reading = self.begin(file, &rows, None)?;
        while !self.read_page(file, &mut reading)? {}
        self.finish(file, reading)
    }

    /// Begins to read some rows, none of which stands before one that was read, or those of them whose bit is set.
    pub(super) fn begin<'a>(
        &mut self,
        file: &ParquetFile,
        rows: &Range<usize>,
        selected: Option<&'a Bitmap>,
    ) -> Result<Reading<'a>, ParquetError> {
        let paged = match &mut self.source {
            Source::Cursor(cursor) => {
                let skipped = rows.start.checked_sub(self.row);
                cursor.skip(skipped.ok_or_else(|| file.damaged(self.row_group, &self.column, Damage::Ends))?);
                self.row = rows.end;
                Some(cursor.begin(rows.len(), selected))
            },
            Source::Coded(..) | Source::Window(..) => None,
        };
        Ok(Reading { rows: rows.clone(), selected, paged })
    }

    /// Reads those of the rows that stand in the next page. Tells whether these were the last.
    pub(super) fn read_page(&mut self, file: &ParquetFile, reading: &mut Reading<'_>) -> Result<bool, ParquetError> {
        match (&mut self.source, &mut reading.paged) {
            (Source::Cursor(cursor), Some(rows)) => {
                cursor.read_page(rows).map_err(|source| file.damaged(self.row_group, &self.column, source))
            },
            _ => Ok(true),
        }
    }

    /// The rows, when all pages were read.
    pub(super) fn finish(&mut self, file: &ParquetFile, reading: Reading<'_>) -> Result<Column, ParquetError> {
        let Reading { rows, selected, paged } = reading;
        let damaged = |source| file.damaged(self.row_group, &self.column, source);
        match (&mut self.source, paged) {
            (Source::Cursor(cursor), Some(paged)) => {
                let array = cursor.finish(paged).map_err(damaged)?;
                file.series(self.row_group, &self.column, array)
            },
            (Source::Window(chunks, window), _) => {
                let (start, column) = match window.take() {
                    Some((start, column)) if rows.start >= start && rows.end <= start + column.len() => (start, column),
                    _ => decode_window(file, chunks, self.row_group, &self.column, &rows)?,
                };
                let read = column.slice((rows.start - start) as i64, rows.len());
                *window = Some((start, column));
                let Some(selected) = selected else { return Ok(read) };
                let mask = BooleanChunked::from_bitmap(PlSmallStr::EMPTY, selected.clone());
                read.filter(&mask).map_err(|error| damaged(Damage::Polars(error)))
            },
            _ => match self.codes(file, &rows)? {
                Some((cursor, codes)) => {
                    let array = cursor.values(codes, selected);
                    file.series(self.row_group, &self.column, array)
                },
                None => Err(file.damaged(self.row_group, &self.column, Damage::Ends)),
            },
        }
    }

    /// What has to be decompressed before the next row can be read, and may be so beside pages of other columns, with keys.
    pub(super) fn compressed(&mut self) -> Vec<(Range<usize>, Compressed)> {
        match &mut self.source {
            Source::Cursor(cursor) => cursor.compressed(),
            Source::Coded(..) | Source::Window(..) => Vec::new(),
        }
    }

    /// The page behind that, if some of the rows that are read are wanted of it.
    pub(super) fn following_compressed(&mut self, reading: &Reading<'_>) -> Option<(Range<usize>, Compressed)> {
        match (&mut self.source, &reading.paged) {
            (Source::Cursor(cursor), Some(rows)) => cursor.following_compressed(rows),
            _ => None,
        }
    }

    /// What has to be decompressed first of a column that is expected to be read from `row` on, unless it has been.
    pub(super) fn guess_compressed(&mut self, row: usize) -> Vec<(Range<usize>, Compressed)> {
        let Some(skipped) = row.checked_sub(self.row) else { return Vec::new() };
        if let Source::Cursor(cursor) = &mut self.source {
            cursor.skip(skipped);
            self.row = row;
        }
        let compressed = self.compressed();
        self.is_guessed |= !compressed.is_empty();
        compressed
    }

    /// Takes one of these pages, decompressed, with its key.
    pub(super) fn put_ahead(&mut self, key: Range<usize>, bytes: Result<Vec<u8>, Damage>) {
        if let Source::Cursor(cursor) = &mut self.source {
            cursor.put_ahead(key, bytes);
        }
    }

    /// Whether the pages were wanted that were decompressed since the last call because this column was expected to be read;
    /// `None` if none were.
    pub(super) fn guessed(&mut self) -> Option<bool> {
        let in_vain = match &mut self.source {
            Source::Cursor(cursor) => cursor.was_in_vain(),
            Source::Coded(..) | Source::Window(..) => false,
        };
        std::mem::take(&mut self.is_guessed).then_some(!in_vain)
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
}

fn decode_window(
    file: &ParquetFile,
    chunks: &Chunks,
    row_group: usize,
    column: &str,
    rows: &Range<usize>,
) -> Result<(usize, Column), ParquetError> {
    let all = file.row_groups().get(row_group).copied().unwrap_or(0);
    let is_nested = file.schema().get(column).is_some_and(|dtype| dtype.is_nested());
    if is_nested || (rows.start == 0 && all <= WINDOW) {
        return Ok((0, file.column(chunks, row_group, column, None, all)?));
    }
    let end = all.min(rows.end.max(rows.start.saturating_add(WINDOW)));
    let filter = Filter::Range(rows.start..end);
    Ok((rows.start, file.column(chunks, row_group, column, Some(filter), end - rows.start)?))
}
