//! What is known of a column of the whole table.

use polars_core::datatypes::AnyValue;
use polars_core::error::PolarsResult;
use polars_core::prelude::Column;
use polars_core::scalar::Scalar;
use polars_core::series::Series;
use quokka_engine::error::OperatorError;
use quokka_engine::source::ColumnStatistics;

use super::file::ParquetFile;
use super::scan::Table;
use super::statistics::{Bounds, bounds};
use crate::estimate::{distinct, population, seen_of};

/// Row groups whose dictionaries are looked at.
const DICTIONARIES: usize = 8;

impl Table {
    /// What footers, folders, dictionaries and the sample tell of a column. Kept, as it is asked for with every plan.
    pub(super) fn statistics(&self, name: &str) -> ColumnStatistics {
        if let Some(known) = self.summaries.lock().get(name) {
            return known.clone();
        }
        // Estimates only help: a column that cannot be read is reported when the query reads it.
        let found = self.summarize(name).unwrap_or_default();
        self.summaries.lock().insert(name.into(), found.clone());
        found
    }

    fn summarize(&self, name: &str) -> Result<ColumnStatistics, OperatorError> {
        if let Ok(partition) = self.partitions.column(name) {
            return Ok(self.summarize_partition(partition)?);
        }
        let Some(dtype) = self.schema.get(name) else { return Ok(ColumnStatistics::default()) };
        let row_groups: Vec<(&ParquetFile, usize)> = (self.files.iter())
            .flat_map(|file| (0..file.row_groups().len()).map(move |index| (file, index)))
            .filter(|(file, index)| rows(file, *index) > 0)
            .collect();
        let bounds = bounds(row_groups.iter().copied(), name, dtype)?;
        let all_rows: u64 = row_groups.iter().map(|(file, index)| rows(file, *index)).sum();
        let nulls = (bounds.nulls.null_count() == 0).then(|| bounds.nulls.sum::<u64>()).transpose()?;
        let min = whole(&bounds.min, &bounds, &row_groups).then(|| bounds.min.min_reduce()).transpose()?;
        let max = whole(&bounds.max, &bounds, &row_groups).then(|| bounds.max.max_reduce()).transpose()?;
        let known = |bound: Option<Scalar>| bound.filter(|bound| !bound.value().is_null());
        let (min, max) = (known(min), known(max));

        let values = all_rows.saturating_sub(nulls.unwrap_or(0)) as f64;
        let range = min.as_ref().zip(max.as_ref()).and_then(|(min, max)| range(min, max));
        let overlap = overlap(&bounds, min.as_ref(), max.as_ref());
        let found = match self.distinct_of_dictionaries(name, &row_groups, values, overlap) {
            Some(distinct) => Some(distinct),
            None => match self.sample_places(&name.into())? {
                Some(places) => Some(distinct(&places, values)?),
                None => None,
            },
        };
        let distinct = [found, range].into_iter().flatten().reduce(f64::min);
        let distinct = distinct.map(|distinct| distinct.min(values).round() as u64);
        Ok(ColumnStatistics { min, max, nulls, distinct })
    }

    /// Folders tell everything.
    fn summarize_partition(&self, partition: &Column) -> PolarsResult<ColumnStatistics> {
        let used: Vec<bool> = self.files.iter().map(|file| file.rows() > 0).collect();
        let values = partition.as_materialized_series().filter(&used.iter().copied().collect())?;
        let is_null = partition.is_null();
        let nulls = self.files.iter().zip(is_null.iter()).filter(|(_, is_null)| *is_null == Some(true));
        let nulls = nulls.map(|(file, _)| file.rows()).sum();
        let known = |bound: Scalar| Some(bound).filter(|bound| !bound.value().is_null());
        Ok(ColumnStatistics {
            min: known(values.min_reduce()?),
            max: known(values.max_reduce()?),
            nulls: Some(nulls),
            distinct: Some(values.drop_nulls().n_unique()? as u64),
        })
    }

    /// An estimate from the sizes of dictionaries; `None` if some column chunk has none, or not for all of its values.
    ///
    /// `overlap` tells how many values the row groups share: each holds values of about this share of the whole range.
    fn distinct_of_dictionaries(
        &self,
        name: &str,
        row_groups: &[(&ParquetFile, usize)],
        values: f64,
        overlap: f64,
    ) -> Option<f64> {
        let looked_at = DICTIONARIES.min(row_groups.len());
        let (mut seen, mut draws) = (0.0, 0.0);
        for place in 0..looked_at {
            let (file, index) = row_groups.get((2 * place + 1) * row_groups.len() / (2 * looked_at))?;
            seen += file.dictionary_values(*index, name)? as f64;
            draws += rows(file, *index) as f64;
        }
        if looked_at == 0 {
            return None;
        }
        let (seen, draws) = (seen / looked_at as f64, draws / looked_at as f64);
        // As if the range were cut into parts, each seen by the row groups that hold values of it.
        let values_of_part = (values * overlap).max(draws);
        let parts = values / values_of_part;
        Some(parts * seen_of(population(seen, draws), values_of_part))
    }
}

fn rows(file: &ParquetFile, row_group: usize) -> u64 {
    file.row_groups().get(row_group).map_or(0, |rows| *rows as u64)
}

/// Whether a bound is known of every row group that has values.
fn whole(bound: &Series, bounds: &Bounds, row_groups: &[(&ParquetFile, usize)]) -> bool {
    let is_known = bound.is_not_null();
    let mut known = row_groups.iter().zip(is_known.iter()).zip(bounds.nulls.iter());
    known.all(|(((file, index), known), nulls)| {
        known == Some(true) || nulls.extract::<u64>().is_some_and(|nulls| nulls == rows(file, *index))
    })
}

/// How many values there are between two, both included, if they are whole numbers of some unit.
fn range(min: &Scalar, max: &Scalar) -> Option<f64> {
    let dtype = min.dtype();
    let is_counted =
        dtype.is_integer() || dtype.is_decimal() || dtype.is_date() || dtype.is_datetime() || dtype.is_bool();
    is_counted.then_some(())?;
    Some(position(max.value())? - position(min.value())? + 1.0)
}

/// The mean share of the whole range that the range of a row group takes; 1 if nothing is known.
fn overlap(bounds: &Bounds, min: Option<&Scalar>, max: Option<&Scalar>) -> f64 {
    let ends = min.and_then(|min| position(min.value())).zip(max.and_then(|max| position(max.value())));
    let Some((min, max)) = ends.filter(|(min, max)| max > min) else { return 1.0 };
    let widths = bounds.min.iter().zip(bounds.max.iter());
    let widths: Vec<f64> = widths.filter_map(|(low, high)| Some(position(&high)? - position(&low)?)).collect();
    if widths.is_empty() {
        return 1.0;
    }
    (widths.iter().sum::<f64>() / (widths.len() as f64 * (max - min))).clamp(0.0, 1.0)
}

/// Where a value stands among the values of its type.
fn position(value: &AnyValue<'_>) -> Option<f64> {
    let text = |bytes: &[u8]| {
        let mut first = [0; 8];
        let length = bytes.len().min(first.len());
        first[..length].copy_from_slice(&bytes[..length]);
        u64::from_be_bytes(first) as f64
    };
    match value {
        AnyValue::String(value) => Some(text(value.as_bytes())),
        AnyValue::StringOwned(value) => Some(text(value.as_bytes())),
        AnyValue::Binary(value) => Some(text(value)),
        AnyValue::BinaryOwned(value) => Some(text(value)),
        AnyValue::Date(days) => Some(f64::from(*days)),
        AnyValue::Datetime(value, ..) | AnyValue::DatetimeOwned(value, ..) => Some(*value as f64),
        AnyValue::Decimal(value, ..) => Some(*value as f64),
        AnyValue::Boolean(value) => Some(f64::from(u8::from(*value))),
        other => other.extract::<f64>().filter(|value| value.is_finite()),
    }
}
