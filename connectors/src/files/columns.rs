//! Files that are read together have the same columns.

use polars_core::schema::Schema;

use super::error::FilesError;
use super::input_file::InputFile;

/// Compares the columns of a file, in any order, with those of the first one.
pub(crate) fn check_columns(first: (&InputFile, &Schema), file: (&InputFile, &Schema)) -> Result<(), FilesError> {
    let missing = |column: &str, with: &InputFile, without: &InputFile| FilesError::ColumnSet {
        column: column.to_owned(),
        with: with.path(),
        without: without.path(),
    };
    for (name, first_dtype) in first.1.iter() {
        let Some(dtype) = file.1.get(name) else { return Err(missing(name, first.0, file.0)) };
        if dtype != first_dtype {
            return Err(FilesError::ColumnType {
                column: name.to_string(),
                first: first.0.path(),
                first_dtype: Box::new(first_dtype.clone()),
                path: file.0.path(),
                dtype: Box::new(dtype.clone()),
            });
        }
    }
    match file.1.iter_names().find(|name| !first.1.contains(name)) {
        Some(name) => Err(missing(name, file.0, first.0)),
        None => Ok(()),
    }
}
