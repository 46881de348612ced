//! Some rows from all over the record batches of a table, by which the optimizer estimates predicates.

use std::ops::Range;

use polars_core::frame::DataFrame;
use polars_core::prelude::Column;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::source::ColumnStatistics;

use super::batch::Batch;
use super::body::{Body, lay_out};
use super::error::{Damage, IpcError};
use super::file::{BatchSize, IpcFile};
use super::scan::Table;
use crate::files::{constant, constant_statistics};
use crate::sampled::{PLACE_ROWS, PLACES, Sampled};

/// Rows of which a column may be decompressed: a buffer can only be decompressed as a whole, at one or two values a
/// nanosecond.
const DECOMPRESSED_ROWS: usize = 256 * 1024;

/// The sample of a table of local files with footers.
pub(super) struct Sample {
    places: Vec<Place>,
    sampled: Sampled,
}

/// Some rows of a record batch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: usize,
    batch: usize,
    rows: Range<usize>,
}

impl Place {
    /// Whether they are of one record batch.
    fn is_beside(&self, other: &Self) -> bool {
        (self.file, self.batch) == (other.file, other.batch)
    }
}

impl Sample {
    /// `None` if there is a stream, whose record batches only come one after the other, a file in a store, or nothing but
    /// large compressed record batches.
    fn new(files: &[IpcFile]) -> Option<Self> {
        let sizes: Vec<&[BatchSize]> = files.iter().map(IpcFile::batch_sizes).collect::<Option<_>>()?;
        let places = places(&sizes)?;
        let rows = sizes.iter().copied().flatten().map(|size| size.rows as u64).sum();
        let sampled = Sampled::new(places.iter().map(|place| place.rows.len()).collect(), rows)?;
        Some(Self { places, sampled })
    }
}

/// The places of the sample of a table whose files have record batches of these sizes: all rows if they are few; else
/// evenly spread rows.
fn places(files: &[&[BatchSize]]) -> Option<Vec<Place>> {
    let batches = files.iter().enumerate().flat_map(|(file, sizes)| {
        let sizes = sizes.iter().enumerate();
        sizes.map(move |(batch, size)| (*size, Place { file, batch, rows: 0..size.rows }))
    });
    let batches: Vec<(BatchSize, Place)> = batches.filter(|(size, _)| size.rows > 0).collect();
    let rows: usize = batches.iter().map(|(size, _)| size.rows).sum();
    if rows <= PLACES * PLACE_ROWS && batches.len() <= PLACES {
        return Some(batches.into_iter().map(|(_, place)| place).collect());
    }
    let places = spread(&batches, rows);
    let looked_at: Vec<&[Place]> = places.chunk_by(Place::is_beside).collect();
    let most_compressed = batches.iter().filter(|(size, _)| size.is_compressed).map(|(size, _)| size.rows).max();
    let allowed = most_compressed.map_or(PLACES, |most| DECOMPRESSED_ROWS / most);
    if looked_at.len() <= allowed {
        return Some(places);
    }
    // More of fewer record batches.
    let each = PLACES.checked_div(allowed)?;
    let chosen =
        (0..allowed).filter_map(|look| looked_at.get((2 * look + 1) * looked_at.len() / (2 * allowed))?.first());
    let chosen = chosen.map(|place| {
        let rows = files.get(place.file).and_then(|sizes| sizes.get(place.batch)).map_or(0, |size| size.rows);
        let part = rows / each;
        let parts = (0..each).map(move |index| index * part..index * part + part.min(PLACE_ROWS));
        parts.filter(|rows| !rows.is_empty()).map(|rows| Place { rows, ..place.clone() })
    });
    Some(chosen.flatten().collect())
}

/// The middle of each of as many equal parts of these record batches, which have so many rows.
fn spread(batches: &[(BatchSize, Place)], rows: usize) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::with_capacity(PLACES);
    let (mut batches, mut before) = (batches.iter().peekable(), 0);
    for index in 0..PLACES {
        let middle = ((2 * index + 1) as u128 * rows as u128 / (2 * PLACES) as u128) as usize;
        while let Some((size, _)) = batches.next_if(|(size, _)| before + size.rows <= middle) {
            before += size.rows;
        }
        let Some((size, batch)) = batches.peek() else { break };
        let start = (middle - before).min(size.rows.saturating_sub(PLACE_ROWS));
        let last = places.last().filter(|last| last.is_beside(batch));
        let start = last.map_or(start, |last| start.max(last.rows.end));
        let place = Place { rows: start..(start + PLACE_ROWS).min(size.rows), ..batch.clone() };
        if !place.rows.is_empty() {
            places.push(place);
        }
    }
    places
}

impl Table {
    fn sampled(&self) -> Option<&Sample> {
        self.sample.get_or_init(|| Sample::new(&self.files)).as_ref()
    }

    /// The sample of some columns, if there is one.
    pub(super) fn sample(&self, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        let Some(sample) = self.sampled() else { return Ok(None) };
        sample.sampled.frame(columns, |name| self.sample_column(sample, name)).map(Some)
    }

    /// What folders, paths and the sample tell of a column.
    pub(super) fn statistics(&self, name: &str) -> ColumnStatistics {
        if let Some(known) = constant_statistics(&self.constants, name, self.estimated_rows()) {
            return known;
        }
        let sample = self.sampled();
        sample
            .map(|sample| sample.sampled.statistics(name, |name| self.sample_column(sample, name)))
            .unwrap_or_default()
    }

    fn sample_column(&self, sample: &Sample, name: &PlSmallStr) -> Result<Vec<Column>, OperatorError> {
        let mut columns = Vec::with_capacity(sample.places.len());
        // A record batch is opened once, as it may have to be decompressed.
        for places in sample.places.chunk_by(Place::is_beside) {
            let mut batch: Option<Batch> = None;
            for Place { file: index, batch: number, rows } in places.iter().cloned() {
                if let Some(value) = constant(&self.constants, name, index) {
                    columns.push(Column::new_scalar(name.clone(), value, rows.len()));
                    continue;
                }
                let file = self.file(index)?;
                let batch = match &mut batch {
                    Some(batch) => batch,
                    none => none.insert(open(file, number, name)?),
                };
                columns.push(batch.column(file, name, rows)?);
            }
        }
        Ok(columns)
    }
}

/// Opens a record batch of a local file, of which a column will be read.
fn open(file: &IpcFile, index: usize, column: &PlSmallStr) -> Result<Batch, IpcError> {
    let damaged = |source| IpcError::batch(&file.input, index, None, source);
    let header = file.header(index)?;
    let parts = lay_out(file.columns.dtypes(), &header).map_err(damaged)?;
    let block = file.batches().get(index).ok_or(Damage::Outside { what: "a record batch" }).map_err(damaged)?;
    let body = Body::whole(file.access()?.take(&block.body).map_err(damaged)?, header.codec);
    let found = file.columns.index_of(column).and_then(|column| file.columns.columns.get(column));
    let dictionaries = match found.is_some_and(|column| column.ids.contains_dictionary()) {
        true => file.dictionaries()?,
        false => Default::default(),
    };
    Ok(Batch::new(index, header, parts, body, dictionaries))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sizes(rows: &[usize], is_compressed: bool) -> Vec<BatchSize> {
        rows.iter().map(|rows| BatchSize { rows: *rows, is_compressed }).collect()
    }

    /// File, record batch, first row, and rows of each place.
    fn found(files: &[&[BatchSize]]) -> Vec<(usize, usize, usize, usize)> {
        let places = places(files).unwrap().into_iter();
        places.map(|place| (place.file, place.batch, place.rows.start, place.rows.len())).collect()
    }

    #[test]
    fn few_rows_are_all_taken() {
        let (one, other) = (sizes(&[0, 1000], false), sizes(&[1048, 0], true));
        assert_eq!(found(&[&one, &other]), [(0, 1, 0, 1000), (1, 0, 0, 1048)]);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn places_are_spread_over_rows() {
        let large = sizes(&[1_600_000], false);
        let expected: Vec<_> = (0..16).map(|place| (0, 0, 50_000 + place * 100_000, 128)).collect();
        assert_eq!(found(&[&large]), expected);
        let uneven = [sizes(&[200_000], false), sizes(&[0, 1_400_000], false)];
        let places = found(&[&uneven[0], &uneven[1]]);
        assert_eq!(places.iter().filter(|place| place.0 == 0).count(), 2);
        assert_eq!(places[2], (1, 1, 50_000, 128));
    }

    #[test]
    fn small_record_batches_and_ends_are_no_trouble() {
        // More record batches than places, of a row each.
        let places = found(&[&sizes(&[1; 5000], false)]);
        assert_eq!((places.len(), places[0], places[15]), (16, (0, 156, 0, 1), (0, 4843, 0, 1)));
        // Places that would overlap follow each other.
        let places = found(&[&sizes(&[2049], false)]);
        assert_eq!(places.iter().map(|place| place.3).sum::<usize>(), 1985);
        assert!(places.windows(2).all(|pair| pair[0].2 + pair[0].3 <= pair[1].2), "{places:?}");
    }

    #[test]
    fn few_compressed_record_batches_are_looked_at() {
        let places = found(&[&sizes(&[65_536; 100], true)]);
        let mut batches: Vec<usize> = places.iter().map(|place| place.1).collect();
        batches.dedup();
        assert_eq!((places.len(), batches), (16, vec![15, 40, 65, 90]));
        assert_eq!(places[..2], [(0, 15, 0, 128), (0, 15, 16_384, 128)]);
        // One of few is not looked at twice.
        let one = sizes(&[40_000], true);
        assert_eq!(found(&[&one]), found(&[&sizes(&[40_000], false)]));
        assert_eq!(super::places(&[&sizes(&[1 << 20; 2], true)]), None);
    }
}
