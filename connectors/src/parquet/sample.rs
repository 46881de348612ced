//! Some rows from all over a table, by which the optimizer estimates predicates.

use parking_lot::Mutex;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, PlHashMap};
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::physical::column_to_logical;

use super::file::ParquetFile;
use super::scan::Table;

/// Rows of a sample, unless the table has fewer.
const ROWS: usize = 2048;
/// Row groups that they are taken from.
const PLACES: usize = 16;

/// The sample of a table. Every column of it has the same rows; a column is read when it is first asked for.
pub(super) struct Sample {
    places: Vec<Place>,
    columns: Mutex<PlHashMap<PlSmallStr, Column>>,
}

/// The first rows of a row group.
#[derive(Clone, Copy)]
struct Place {
    file: usize,
    row_group: usize,
    rows: usize,
}

impl Sample {
    pub(super) fn new(files: &[ParquetFile]) -> Self {
        let row_groups = files.iter().enumerate().flat_map(|(index, file)| {
            let sizes = file.row_groups().iter().copied().enumerate();
            sizes.map(move |(row_group, rows)| Place { file: index, row_group, rows })
        });
        let row_groups: Vec<Place> = row_groups.filter(|place| place.rows > 0).collect();
        let places = PLACES.min(row_groups.len());
        let rows = ROWS.checked_div(places).unwrap_or(0);
        // The middle row group of each of as many equal parts of the table.
        let index = |place: usize| (2 * place + 1) * row_groups.len() / (2 * places);
        let places = (0..places).filter_map(|place| row_groups.get(index(place)));
        let places = places.map(|place| Place { rows: place.rows.min(rows), ..*place }).collect();
        Self { places, columns: Mutex::default() }
    }

    fn height(&self) -> usize {
        self.places.iter().map(|place| place.rows).sum()
    }
}

impl Table {
    /// The sample of some columns; `None` if one of them is nested, as those cannot be read in part, and for files in stores,
    /// where each place of each column would take requests.
    pub(super) fn sample(&self, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        let mut sampled = Vec::with_capacity(columns.len());
        for name in columns {
            let Some(column) = self.sample_column(name)? else { return Ok(None) };
            sampled.push(column);
        }
        Ok(Some(DataFrame::new(self.sample.height(), sampled)?))
    }

    /// The values of a column at the places of the sample, one series a place.
    pub(super) fn sample_places(&self, name: &PlSmallStr) -> Result<Option<Vec<Series>>, OperatorError> {
        let Some(column) = self.sample_column(name)? else { return Ok(None) };
        let column = column.as_materialized_series();
        let mut start = 0;
        let places = self.sample.places.iter().map(|place| {
            start += place.rows;
            column.slice((start - place.rows) as i64, place.rows)
        });
        Ok(Some(places.collect()))
    }

    fn sample_column(&self, name: &PlSmallStr) -> Result<Option<Column>, OperatorError> {
        if let Some(column) = self.sample.columns.lock().get(name) {
            return Ok(Some(column.clone()));
        }
        let Some(dtype) = self.schema.get(name).filter(|dtype| !dtype.is_nested()) else { return Ok(None) };
        let mut column = Column::full_null(name.clone(), 0, dtype);
        for place in &self.sample.places {
            let Some(rows) = self.first_rows(name, place)? else { return Ok(None) };
            column.append(&column_to_logical(rows, dtype)?)?;
        }
        let column = column.rechunk();
        self.sample.columns.lock().insert(name.clone(), column.clone());
        Ok(Some(column))
    }

    fn first_rows(&self, name: &PlSmallStr, place: &Place) -> Result<Option<Column>, OperatorError> {
        match self.partition_value(name, place.file) {
            Some(value) => Ok(Some(Column::new_scalar(name.clone(), value, place.rows))),
            None => Ok(self.file(place.file)?.first_rows(place.row_group, name, place.rows)?),
        }
    }
}
