//! Some rows of a file of text.

use std::ops::Range;

use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, Column};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::bad_rows::BadRows;
use super::file::TextFile;
use super::source::Asked;
use super::table::TextFiles;
use crate::survivors::{Chosen, Survivors};

/// Rows of one file, of which columns are parsed when they are needed.
pub(crate) trait Columns {
    /// Parses columns of the file for some rows. Rows with a value that is none may be added to `bad`.
    fn parse(&self, names: &[&PlSmallStr], rows: Chosen<'_>, bad: &mut Vec<u32>) -> Result<Vec<Column>, OperatorError>;
}

/// Parses the columns that are asked for, of those of some rows that pass.
pub(crate) fn read_rows<F: AsRef<TextFile>, B>(
    files: &TextFiles<F>,
    asked: &Asked<B>,
    columns: &impl Columns,
    rows: Range<usize>,
) -> Result<DataFrame, OperatorError> {
    let mut survivors = Survivors::new(rows.clone(), &files.constants, asked.file);
    if files.bad_rows == BadRows::Skip {
        // All columns are parsed, and the rows dropped in which one of them has no value.
        let all: Vec<&PlSmallStr> = files.file_schema.iter_names().collect();
        let mut bad = Vec::new();
        let parsed = columns.parse(&all, survivors.rows(), &mut bad)?;
        // What the folders say wins over what the file says.
        survivors.add(parsed.into_iter().filter(|column| files.is_in_files(column.name())));
        bad.sort_unstable();
        bad.dedup();
        files.count_skipped(bad.len() as u64);
        let is_good: Bitmap = rows.map(|row| bad.binary_search(&(row as u32)).is_err()).collect();
        survivors.narrow(&BooleanChunked::from_bitmap(PlSmallStr::EMPTY, is_good))?;
    }
    survivors.deliver(&asked.request, &mut |names, rows| columns.parse(names, rows, &mut Vec::new()))
}
