//! Reads several columns of the same rows at once, page by page, so that their pages are decompressed side by side.

use std::cmp::Reverse;
use std::ops::Range;

use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::Column;

use super::columns::{ColumnReader, Reading};
use super::decode::{Compressed, decompress_all};
use super::error::ParquetError;
use super::file::ParquetFile;

/// Reads some rows, or those of them whose bit is set, of `columns`. A page that has no partner among theirs is
/// decompressed beside the page behind it, if rows of that are read too, or else beside a page of one of the `likely`
/// columns, which are expected to be read next, of the same rows.
///
/// A column holds one page at any time, and one more while it is read without a partner: the next page is decompressed when
/// the last one has been read.
pub(super) fn read_together<'a>(
    file: &ParquetFile,
    columns: &mut [&'a mut ColumnReader],
    likely: &mut [&'a mut ColumnReader],
    rows: &Range<usize>,
    selected: Option<&Bitmap>,
) -> Result<Vec<Column>, ParquetError> {
    let begun = columns.iter_mut().map(|column| column.begin(file, rows, selected));
    let mut begun = begun.collect::<Result<Vec<_>, _>>()?;
    let mut is_done = false;
    while !is_done {
        decompress_ahead(columns, &begun, likely, rows.start);
        is_done = true;
        for (column, reading) in columns.iter_mut().zip(&mut begun) {
            is_done &= column.read_page(file, reading)?;
        }
    }
    columns.iter_mut().zip(begun).map(|(column, reading)| column.finish(file, reading)).collect()
}

/// Decompresses the pages that `columns` need next.
fn decompress_ahead<'a>(
    columns: &mut [&'a mut ColumnReader],
    begun: &[Reading<'_>],
    likely: &mut [&'a mut ColumnReader],
    row: usize,
) {
    let mut pages = Pages::default();
    for (index, (column, reading)) in columns.iter_mut().zip(begun).enumerate() {
        if !reading.is_done() {
            pages.add(index, column.compressed());
        }
    }
    for (index, (column, reading)) in columns.iter_mut().zip(begun).enumerate() {
        if !reading.is_done() && pages.need_partner() {
            pages.add(index, column.following_compressed(reading));
        }
    }
    for (index, column) in likely.iter_mut().enumerate() {
        if pages.need_partner() {
            pages.add(begun.len() + index, column.guess_compressed(row));
        }
    }
    pages.0.sort_by_key(|page| Reverse(page.1.work()));
    decompress_all(pages.0, |(index, range), bytes| {
        if let Some(column) = columns.iter_mut().chain(&mut *likely).nth(index) {
            column.put_ahead(range, bytes);
        }
    });
}

/// Pages by the index of their column and their place in it.
#[derive(Default)]
struct Pages(Vec<((usize, Range<usize>), Compressed)>);

impl Pages {
    fn add(&mut self, column: usize, pages: impl IntoIterator<Item = (Range<usize>, Compressed)>) {
        self.0.extend(pages.into_iter().map(|(range, page)| ((column, range), page)));
    }

    /// The largest has more than twice as much to do as all others together: for half of it there would be no partner.
    fn need_partner(&self) -> bool {
        let all: usize = self.0.iter().map(|(_, page)| page.work()).sum();
        self.0.iter().any(|(_, page)| page.work() > (all - page.work()).saturating_mul(2))
    }
}
