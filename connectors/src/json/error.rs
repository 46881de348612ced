//! What can go wrong with JSON files.

use std::path::PathBuf;

use polars_core::datatypes::DataType;
use polars_core::error::PolarsError;
use quokka_engine::error::{ErrorKind, OperatorError};

use super::syntax::JsonFault;
use crate::files::FilesError;
use crate::text::Place;

/// Why files of newline-delimited JSON cannot be read or written, with the place and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Paths that lead to no files, or files that cannot be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// Options that contradict each other.
    #[error("the options of the JSON files cannot be used: {reason}")]
    Options {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A type that no value of JSON is.
    #[error("column `{column}` cannot be read as `{dtype}`: read it as `String` and cast it in the query")]
    UnsupportedType {
        /// The column.
        column: String,
        /// Its type.
        dtype: Box<DataType>,
    },
    /// A column that cannot be written as JSON.
    #[error("column `{column}` of type `{dtype}` cannot be written as JSON: cast it to `String`")]
    UnsupportedValues {
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
    /// A line that is no object of JSON.
    #[error(
        "{place}, column {column} of the line: {fault}: correct the file, which must have one object a line, or choose to \
         skip or null bad rows"
    )]
    Syntax {
        /// Where the row starts.
        place: Place,
        /// Bytes of the line up to what is wrong, from 1.
        column: usize,
        /// What is wrong.
        fault: JsonFault,
    },
    /// A row that is too long to be one.
    #[error("{place}: the row has more than {limit} bytes: a file must have one object a line")]
    TooLong {
        /// Where the row starts.
        place: Place,
        /// Bytes that a row can have.
        limit: usize,
    },
    /// A value that is none of its column's type.
    #[error(
        "{place}, column `{column}`: `{text}` is not of type `{dtype}`: give the column another type, infer types from more \
         rows, or choose to skip or null bad rows"
    )]
    Value {
        /// Where the row starts.
        place: Place,
        /// The column.
        column: String,
        /// Its type.
        dtype: Box<DataType>,
        /// The value as it stands in the file.
        text: String,
    },
}

impl JsonError {
    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Files(error) => error.kind(),
            Self::Options { .. } | Self::UnsupportedType { .. } | Self::UnsupportedValues { .. } => {
                ErrorKind::InvalidQuery
            },
            Self::Empty { .. } | Self::Syntax { .. } | Self::TooLong { .. } | Self::Value { .. } => {
                ErrorKind::InvalidData
            },
        }
    }
}

impl From<JsonError> for OperatorError {
    fn from(error: JsonError) -> Self {
        Self::new(error.kind(), error)
    }
}
