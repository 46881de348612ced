//! Some rows from all over files of text, by which the optimizer estimates sizes and predicates.

use std::ops::Range;
use std::sync::OnceLock;

use polars_core::frame::DataFrame;
use polars_core::prelude::Column;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::physical::column_to_logical;
use quokka_engine::source::ColumnStatistics;

use super::file::TextFile;
use super::source::TextTable;
use crate::files::{Compression, constant, constant_statistics};
use crate::sampled::{PLACE_ROWS, PLACES, Sampled};

/// Bytes that are read at a place: some hundred rows of usual length.
const PLACE_BYTES: u64 = 32 * 1024;

/// A part of a file, of which some rows are wanted.
pub(crate) struct Place {
    /// Index of the file in the table.
    pub(crate) file: usize,
    pub(crate) bytes: Range<u64>,
    /// Rows that are wanted at most.
    pub(crate) rows: usize,
}

/// What was found at a place.
pub(crate) struct Peeked<P> {
    pub(crate) rows: P,
    /// Rows of the sample, which are the first ones.
    pub(crate) count: usize,
    /// Rows that were seen, those that do not fit as well, and their bytes.
    pub(crate) seen: u64,
    pub(crate) bytes: u64,
}

/// The sample of a table of local files that are not compressed. Rows stay as they stand in the files until a column of
/// them is asked for.
pub(crate) struct TextSample<P> {
    /// Each with the index of its file.
    places: Vec<(usize, Peeked<P>)>,
    sampled: Sampled,
}

/// A table of which some rows can be looked at.
pub(crate) trait Peek: TextTable {
    /// Rows of which columns are parsed when they are asked for.
    type Rows;

    /// The sample, if it was taken: `None` in it if there can be none.
    fn taken(&self) -> &OnceLock<Option<TextSample<Self::Rows>>>;

    /// The rows that lie in a place as a whole, without those that do not fit.
    fn peek(&self, place: &Place) -> Result<Peeked<Self::Rows>, OperatorError>;

    /// Parses a column of the first `count` of these rows of a file; what is no value is null.
    fn parse(
        &self,
        file: usize,
        rows: &Self::Rows,
        count: usize,
        name: &PlSmallStr,
    ) -> Result<Option<Column>, OperatorError>;
}

/// About how many rows a table has, as its sample tells.
pub(crate) fn sampled_rows(table: &impl Peek) -> Option<u64> {
    taken(table).map(|sample| sample.sampled.table_rows())
}

/// The sample of some columns, if there is one.
pub(crate) fn sample<T: Peek>(table: &T, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
    let sample = taken(table);
    sample.map(|sample| sample.sampled.frame(columns, |name| parse(table, sample, name))).transpose()
}

/// What folders, paths and the sample tell of a column of a table of about so many rows.
pub(crate) fn statistics<T: Peek>(table: &T, name: &str, rows: Option<u64>) -> ColumnStatistics {
    let known = constant_statistics(&table.files().constants, name, rows);
    let in_sample = || taken(table).map(|sample| sample.sampled.statistics(name, |name| parse(table, sample, name)));
    known.or_else(in_sample).unwrap_or_default()
}

fn taken<T: Peek>(table: &T) -> Option<&TextSample<T::Rows>> {
    table.taken().get_or_init(|| take(table)).as_ref()
}

/// `None` if there are no rows, or if they are not to be had quickly.
fn take<T: Peek>(table: &T) -> Option<TextSample<T::Rows>> {
    let files: Vec<&TextFile> = table.files().iter().collect();
    let lengths: Vec<u64> = files.iter().map(|file| file.length()).collect();
    let asked = places(&lengths);
    let is_plain = |file: &TextFile| {
        file.input.local_path().is_some() && file.compression().is_ok_and(|found| found == Compression::None)
    };
    if !asked.iter().all(|place| files.get(place.file).is_some_and(|file| is_plain(file))) {
        return None;
    }
    let peek = |place: &Place| Some((place.file, table.peek(place).ok()?));
    let places: Vec<(usize, Peeked<T::Rows>)> = asked.iter().map(peek).collect::<Option<_>>()?;
    let sum = |(rows, bytes), (_, peeked): &(usize, Peeked<T::Rows>)| (rows + peeked.seen, bytes + peeked.bytes);
    let (seen, seen_bytes) = places.iter().fold((0, 0), sum);
    let bytes = lengths.iter().fold(0, |sum: u64, length| sum.saturating_add(*length));
    let asked_bytes: u64 = asked.iter().map(|place| place.bytes.end - place.bytes.start).sum();
    let rows = match asked_bytes == bytes {
        true => seen,
        false => (u128::from(bytes) * u128::from(seen) / u128::from(seen_bytes.max(1))) as u64,
    };
    let sampled = Sampled::new(places.iter().map(|(_, peeked)| peeked.count).collect(), rows)?;
    Some(TextSample { places, sampled })
}

/// A column of the sample, place after place.
fn parse<T: Peek>(table: &T, sample: &TextSample<T::Rows>, name: &PlSmallStr) -> Result<Vec<Column>, OperatorError> {
    let files = table.files();
    let column = |(file, peeked): &(usize, Peeked<T::Rows>)| {
        if let Some(value) = constant(&files.constants, name, *file) {
            return Ok(Column::new_scalar(name.clone(), value, peeked.count));
        }
        match (table.parse(*file, &peeked.rows, peeked.count, name)?, files.file_schema.get(name)) {
            (Some(column), Some(dtype)) => column_to_logical(column, dtype),
            _ => Err(OperatorError::message(ErrorKind::Internal, format!("there is no column `{name}`"))),
        }
    };
    sample.places.iter().map(column).collect()
}

/// The places that are looked at in files of these lengths: all bytes if they are few; else the middle of each of as many
/// equal parts.
fn places(lengths: &[u64]) -> Vec<Place> {
    let all = lengths.iter().fold(0, |sum: u64, length| sum.saturating_add(*length));
    if all <= PLACES as u64 * PLACE_BYTES && lengths.len() <= PLACES {
        let files = lengths.iter().enumerate().filter(|(_, length)| **length > 0);
        return files.map(|(file, length)| Place { file, bytes: 0..*length, rows: usize::MAX }).collect();
    }
    let mut places: Vec<Place> = Vec::with_capacity(PLACES);
    let (mut file, mut before) = (0, 0);
    for place in 0..PLACES {
        let middle = ((2 * place + 1) as u128 * u128::from(all) / (2 * PLACES) as u128) as u64;
        while let Some(length) = lengths.get(file).filter(|length| before + **length <= middle) {
            (file, before) = (file + 1, before + length);
        }
        let Some(length) = lengths.get(file) else { break };
        let start = (middle - before).min(length.saturating_sub(PLACE_BYTES));
        // Nothing is looked at twice.
        let last = places.last().filter(|last| last.file == file);
        let start = last.map_or(start, |last| start.max(last.bytes.end));
        if start < *length {
            places.push(Place { file, bytes: start..(*length).min(start + PLACE_BYTES), rows: PLACE_ROWS });
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lengths: &[u64]) -> Vec<(usize, Range<u64>)> {
        places(lengths).into_iter().map(|place| (place.file, place.bytes)).collect()
    }

    #[test]
    fn few_bytes_are_all_looked_at() {
        assert_eq!(found(&[5, 0, 500_000]), [(0, 0..5), (2, 0..500_000)]);
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[0]), []);
    }

    #[test]
    fn places_are_spread_over_bytes() {
        let expected: Vec<_> =
            (0..16).map(|place| 500_000 + 1_000_000 * place).map(|at| (0, at..at + 32_768)).collect();
        assert_eq!(found(&[16_000_000]), expected);
        let places = found(&[4_000_000, 0, 12_000_000]);
        assert_eq!(places.iter().filter(|place| place.0 == 0).count(), 4);
        assert_eq!(places[4], (2, 500_000..532_768));
    }

    #[test]
    fn ends_and_small_files_are_no_trouble() {
        // 600,000 bytes: the last place would reach behind the end.
        let places = found(&[600_000]);
        assert_eq!((places.len(), places[15].clone()), (16, (0, 576_518..600_000)));
        assert!(places.windows(2).all(|pair| pair[0].1.end <= pair[1].1.start), "{places:?}");
        // Many small files: some of them, each once and whole.
        let places = found(&[10; 1000]);
        assert_eq!((places.len(), places[0].clone(), places[15].clone()), (16, (31, 0..10), (968, 0..10)));
        let places = found(&[&[3; 20][..], &[100_000]].concat());
        assert!(
            places.len() < 16
                && places.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1.end <= pair[1].1.start)
        );
    }
}
