//! Columns that have one value a file: what its folders say, and its path.

use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::Column;
use polars_core::scalar::Scalar;
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::source::ColumnStatistics;

use super::error::FilesError;
use super::hive::{partition_value, partitions};
use super::input_file::InputFile;
use crate::request::Request;

/// These columns, one row a file: those of folders, unless `hive_partitioning` says no, and then the path, if it has a name.
pub(crate) fn constants(
    files: &[InputFile],
    file_schema: &Schema,
    hive_partitioning: Option<bool>,
    file_paths: Option<&PlSmallStr>,
) -> Result<DataFrame, FilesError> {
    let folders = partitions(files, file_schema, hive_partitioning)?;
    let Some(name) = file_paths else { return Ok(folders) };
    if file_schema.contains(name) || folders.get_column_index(name).is_some() {
        return Err(FilesError::PathColumn { column: name.to_string() });
    }
    let paths: Vec<String> = files.iter().map(|file| file.location().to_string()).collect();
    let columns = folders.columns().iter().cloned().chain([Column::new(name.clone(), paths)]).collect();
    // Every column has one value a file, and a name of its own: this cannot fail.
    Ok(DataFrame::new(files.len(), columns).unwrap_or(folders))
}

/// The value of the column `name` in all rows of a file; `None` if it is none of these columns.
pub(crate) fn constant(constants: &DataFrame, name: &str, file: usize) -> Option<Scalar> {
    partition_value(constants, name, file)
}

/// What is known of one of these columns in a table of about so many rows; `None` if `name` is none of them.
pub(crate) fn constant_statistics(constants: &DataFrame, name: &str, rows: Option<u64>) -> Option<ColumnStatistics> {
    let values = constants.column(name).ok()?;
    // As if all files were of one length.
    let nulls = values.null_count() as f64 / values.len().max(1) as f64;
    let known = |bound: PolarsResult<Scalar>| bound.ok().filter(|bound| !bound.value().is_null());
    Some(ColumnStatistics {
        min: known(values.min_reduce()),
        max: known(values.max_reduce()),
        nulls: rows.map(|rows| (rows as f64 * nulls).round() as u64),
        distinct: values.drop_nulls().n_unique().ok().map(|values| values as u64),
    })
}

/// Which files may have a row that passes: not those for which a part of the predicate that reads only these columns is not
/// true.
pub(crate) fn passing(constants: &DataFrame, request: &Request) -> Result<Vec<bool>, OperatorError> {
    let mut passing = vec![!request.is_never_true; constants.height()];
    let is_constant = |name: &PlSmallStr| constants.get_column_index(name).is_some();
    for conjunct in request.conjuncts.iter().filter(|conjunct| conjunct.columns.iter().all(is_constant)) {
        let mask = conjunct.mask(&constants.select(conjunct.columns.iter().cloned())?)?;
        for (passes, is_true) in passing.iter_mut().zip(mask.iter()) {
            *passes &= is_true == Some(true);
        }
    }
    Ok(passing)
}
