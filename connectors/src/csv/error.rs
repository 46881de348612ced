//! What can go wrong with CSV files.

use std::path::PathBuf;

use polars_core::datatypes::DataType;
use polars_core::error::PolarsError;
use quokka_engine::error::{ErrorKind, OperatorError};

use crate::files::FilesError;
use crate::text::Place;

/// Why CSV files cannot be read, with the place and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// Paths that lead to no files, or files that cannot be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Options that contradict each other.
    #[error("the options of the CSV files cannot be used: {reason}")]
    Options {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A type that no field is parsed to.
    #[error("column `{column}` cannot be parsed as `{dtype}`: read it as `String` and cast it in the query")]
    UnsupportedType {
        /// The column.
        column: String,
        /// Its type.
        dtype: Box<DataType>,
    },
    /// A column that cannot be written as text.
    #[error("column `{column}` of type `{dtype}` cannot be written as CSV: cast it to `String`")]
    UnsupportedText {
        /// The column.
        column: String,
        /// Its type.
        dtype: Box<DataType>,
        /// The reason.
        source: PolarsError,
    },
    /// No file has a row from which the columns can be told.
    #[error("`{}` has no row that tells the columns: give a schema, or leave the file out", path.display())]
    Empty {
        /// The first file.
        path: PathBuf,
    },
    /// A header with a name that is there twice, even after the second was renamed.
    #[error("the header of `{}` has the column `{column}` more than once: rename one, or give a schema", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// A file with another header.
    #[error(
        "`{}` has the columns [{found}], expected were [{expected}]: files that are read together need the same columns",
        path.display()
    )]
    Columns {
        /// The file.
        path: PathBuf,
        /// Its columns.
        found: String,
        /// Those of the schema or of the first file.
        expected: String,
    },
    /// A row with too many or too few fields.
    #[error(
        "{place}: the row has {found} fields where {expected} were expected: correct the file, or choose to skip or null \
         bad rows"
    )]
    Fields {
        /// Where the row starts.
        place: Place,
        /// Its fields.
        found: usize,
        /// Columns of the file.
        expected: usize,
    },
    /// A quote that is never closed.
    #[error(
        "{place}: a quote of this row is not closed up to the end of the file: correct the file, or choose another quote \
         character or none"
    )]
    OpenQuote {
        /// Where the row starts.
        place: Place,
    },
    /// A row that is too long to be one.
    #[error("{place}: the row has more than {limit} bytes: a quote of it may not be closed")]
    TooLong {
        /// Where the row starts.
        place: Place,
        /// Bytes that a row can have.
        limit: usize,
    },
    /// A field that is no value of its column's type.
    #[error(
        "{place}, column `{column}`: `{text}` is not of type `{dtype}`: give the column another type, name the text as a \
         null value, or choose to skip or null bad rows"
    )]
    Value {
        /// Where the row starts.
        place: Place,
        /// The column.
        column: String,
        /// Its type.
        dtype: Box<DataType>,
        /// The field.
        text: String,
    },
    /// A field in quotes with text behind the quote that closes.
    #[error(
        "{place}, column `{column}`: the quotes of `{text}` do not enclose it: double quotes within a field, or choose to \
         skip or null bad rows"
    )]
    Quotes {
        /// Where the row starts.
        place: Place,
        /// The column.
        column: String,
        /// The field.
        text: String,
    },
    /// A field that is not UTF-8.
    #[error(
        "{place}, column `{column}`: `{text}` is not UTF-8: convert the file, leave the column out, or choose to skip or \
         null bad rows"
    )]
    Encoding {
        /// Where the row starts.
        place: Place,
        /// The column.
        column: String,
        /// The field, with a mark for what is not UTF-8.
        text: String,
    },
}

impl CsvError {
    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Files(error) => error.kind(),
            Self::Options { .. } | Self::UnsupportedType { .. } | Self::UnsupportedText { .. } => {
                ErrorKind::InvalidQuery
            },
            Self::Columns { .. } => ErrorKind::SchemaMismatch,
            Self::Empty { .. }
            | Self::DuplicateColumn { .. }
            | Self::Fields { .. }
            | Self::OpenQuote { .. }
            | Self::TooLong { .. }
            | Self::Value { .. }
            | Self::Quotes { .. }
            | Self::Encoding { .. } => ErrorKind::InvalidData,
        }
    }
}

impl From<CsvError> for OperatorError {
    fn from(error: CsvError) -> Self {
        Self::new(error.kind(), error)
    }
}
