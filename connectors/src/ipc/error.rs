//! What can go wrong with Arrow IPC files.

use std::io;
use std::path::PathBuf;

use polars_arrow::io::ipc::format::ipc::planus;
use polars_core::error::PolarsError;
use quokka_engine::error::{ErrorKind, OperatorError};

use crate::files::{FilesError, InputFile};
use crate::guard::Failure;
use crate::store::StoreError;

/// Why Arrow IPC files cannot be read, with the file and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IpcError {
    /// Paths that lead to no files, files that cannot be opened or do not fit together.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A file that is not Arrow IPC, or whose schema or footer is damaged.
    #[error("`{}` cannot be read as Arrow IPC: replace it or leave it out", path.display())]
    Footer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
    /// A column of a type that Polars does not have, or that quokka does not build in.
    #[error(
        "column `{column}` of `{}` has the unsupported type `{dtype}`: write it as a supported type, or leave it out",
        path.display()
    )]
    UnsupportedType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type, in Arrow's words.
        dtype: String,
    },
    /// A record batch that cannot be read.
    #[error(
        "record batch {batch} of `{}` cannot be read{}: the file is damaged or was changed while it was read; write it \
         again or leave it out",
        path.display(), in_column(column)
    )]
    Batch {
        /// The file.
        path: PathBuf,
        /// Index of the record batch in the file.
        batch: usize,
        /// The column, unless the batch is damaged as a whole.
        column: Option<String>,
        /// What is wrong with it.
        source: Damage,
    },
    /// A dictionary that cannot be read.
    #[error("a dictionary of `{}` cannot be read: the file is damaged; write it again or leave it out", path.display())]
    Dictionary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
}

fn in_column(column: &Option<String>) -> String {
    column.as_ref().map(|column| format!(" in column `{column}`")).unwrap_or_default()
}

/// What is wrong with the bytes of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A file of no bytes.
    #[error("the file is empty")]
    Empty,
    /// Neither `ARROW1` nor a message at the start.
    #[error("the file starts neither with `ARROW1`, as Arrow files do, nor with a schema, as Arrow streams do")]
    NotArrow,
    /// The format that came before.
    #[error("the file is of version 1 of Feather: write it again, in version 2, which is Arrow IPC")]
    Feather1,
    /// Values that start with their most significant byte.
    #[error("the file is big-endian, which is not supported")]
    BigEndian,
    /// A file that ends too early.
    #[error("the file ends too early: it may be cut off")]
    Ends,
    /// A message that is not well formed.
    #[error("a message is not well formed: {0}")]
    Message(String),
    /// A schema that makes no sense.
    #[error("the schema has {0}")]
    Schema(&'static str),
    /// Two columns of one name.
    #[error("the schema has more than one column `{0}`")]
    DuplicateColumn(String),
    /// Fields within fields beyond all reason.
    #[error("the schema has fields more than {0} levels deep, or more of them than it has room for")]
    TooDeep(usize),
    /// A message of another kind than the one that must stand there.
    #[error("a message is no {0}")]
    OtherMessage(&'static str),
    /// A part of the file outside of it.
    #[error("{what} lies outside of the file")]
    Outside {
        /// The part.
        what: &'static str,
    },
    /// A message that lists fewer arrays or buffers than its columns have.
    #[error("the record batch lists fewer {0} than its columns have")]
    Missing(&'static str),
    /// A negative length, or one larger than a frame can have.
    #[error("{what} is {found}")]
    Length {
        /// The length.
        what: &'static str,
        /// What it is.
        found: i64,
    },
    /// A number of rows that does not agree with another.
    #[error("an array has {found} rows where {expected} or more were expected")]
    Rows {
        /// What another part of the file says.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A buffer that is too short for its rows.
    #[error("a buffer has {found} bytes where its rows need {expected}")]
    Buffer {
        /// Bytes that the rows need.
        expected: usize,
        /// Bytes of the buffer.
        found: usize,
    },
    /// Offsets that go back, or beyond the values.
    #[error("offsets of a list or text are negative, go back or lead beyond the values")]
    Offsets,
    /// A key of a value that the dictionary does not have.
    #[error("a row refers to value {key} of a dictionary that has {values}")]
    Key {
        /// The key.
        key: i128,
        /// Values of the dictionary.
        values: usize,
    },
    /// A dictionary that is not there.
    #[error("there is no dictionary {0}")]
    NoDictionary(i64),
    /// A decimal with more digits than its type.
    #[error("row {row} holds a decimal of more than {precision} digits")]
    Decimal {
        /// The row, from the first one that was read.
        row: usize,
        /// Digits of the type.
        precision: usize,
    },
    /// A buffer that cannot be decompressed.
    #[error("a buffer cannot be decompressed: {0}")]
    Compression(String),
    /// The store did not give the bytes.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// Values that are not of their type, such as text that is not UTF-8.
    #[error(transparent)]
    Polars(PolarsError),
    /// Polars panicked.
    #[error("Polars gave up: {0}")]
    Panic(String),
}

impl From<PolarsError> for Damage {
    fn from(error: PolarsError) -> Self {
        Self::Polars(error)
    }
}

impl From<StoreError> for Damage {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<Failure> for Damage {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Polars(error) => Self::Polars(error),
            Failure::Panic(message) => Self::Panic(message),
        }
    }
}

impl From<planus::Error> for Damage {
    fn from(error: planus::Error) -> Self {
        Self::Message(error.to_string())
    }
}

impl Damage {
    /// What a reader of a file in a store says.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => error.into(),
            Err(_) => Self::Ends,
        }
    }
}

/// For the error of a file that is damaged, unless it is its store that failed.
fn unless_store(source: Damage, error: impl FnOnce(Damage) -> IpcError) -> IpcError {
    match source {
        Damage::Store(failed) => FilesError::from(*failed).into(),
        source => error(source),
    }
}

impl IpcError {
    pub(super) fn footer(file: &InputFile, source: Damage) -> Self {
        unless_store(source, |source| Self::Footer { path: file.path(), source })
    }

    pub(super) fn dictionary(file: &InputFile, source: Damage) -> Self {
        unless_store(source, |source| Self::Dictionary { path: file.path(), source })
    }

    pub(super) fn batch(file: &InputFile, batch: usize, column: Option<&str>, source: Damage) -> Self {
        let column = column.map(str::to_owned);
        unless_store(source, |source| Self::Batch { path: file.path(), batch, column, source })
    }

    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Files(error) => error.kind(),
            Self::Footer { .. } | Self::UnsupportedType { .. } | Self::Batch { .. } | Self::Dictionary { .. } => {
                ErrorKind::InvalidData
            },
        }
    }
}

impl From<IpcError> for OperatorError {
    fn from(error: IpcError) -> Self {
        Self::new(error.kind(), error)
    }
}
