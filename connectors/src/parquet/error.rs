//! What can go wrong with Parquet files.

use std::path::PathBuf;

use polars_core::error::PolarsError;
use quokka_engine::error::{ErrorKind, OperatorError};

use crate::files::FilesError;
use crate::store::StoreError;

/// Why Parquet files cannot be read, with the file and what to do about it. Where a variant names a path, that is the address
/// of a file in a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParquetError {
    /// Paths that lead to no files, or files that cannot be opened.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A file that is not Parquet, or whose footer is damaged.
    #[error("`{}` cannot be read as Parquet: replace it or leave it out", path.display())]
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
    /// A column chunk that cannot be decoded.
    #[error(
        "column `{column}` of `{}`, row group {row_group}, cannot be decoded: the file is damaged or was changed while \
         it was read; write it again or leave it out",
        path.display()
    )]
    Decode {
        /// The file.
        path: PathBuf,
        /// Index of the row group in the file.
        row_group: usize,
        /// The column.
        column: String,
        /// What is wrong with it.
        source: Damage,
    },
}

/// What is wrong with the bytes of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// A file of no bytes.
    #[error("the file is empty")]
    Empty,
    /// No `PAR1` at the start or the end.
    #[error("the file does not start and end with `PAR1`, as Parquet files do; it may be of another format or cut off")]
    NotParquet,
    /// An encrypted footer.
    #[error("the file is encrypted, which is not supported")]
    Encrypted,
    /// A footer that is longer than the file.
    #[error("the footer claims {length} bytes, the file has {file}")]
    FooterLength {
        /// What the file says of its footer.
        length: usize,
        /// Bytes of the file.
        file: usize,
    },
    /// A footer, page header or page that ends too early.
    #[error("a footer, a page header or a page ends too early")]
    Ends,
    /// A footer or page header that is not well formed.
    #[error("a footer or page header has {0}")]
    Thrift(&'static str),
    /// A column chunk outside the file.
    #[error("the column chunk claims the bytes from {start} on, {length} of them, in a file of {file} bytes")]
    ByteRange {
        /// Where the chunk starts.
        start: i64,
        /// Its length.
        length: i64,
        /// Bytes of the file.
        file: usize,
    },
    /// A number of rows or values that does not agree with another.
    #[error("{what}: {found} where {expected} were expected")]
    Count {
        /// What was counted.
        what: &'static str,
        /// What another part of the file says.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// A store did not give the bytes.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// A page that claims to be larger than its column chunk.
    #[error("a page claims {found} bytes, its column chunk has {limit}")]
    PageSize {
        /// Bytes that the page claims to hold.
        found: u64,
        /// Bytes that it can hold at most.
        limit: u64,
    },
    /// A page whose bytes do not make sense.
    #[error("a page has {0}")]
    Page(&'static str),
    /// A page that is not what its codec makes.
    #[error("a page cannot be decompressed by ZSTD: {0}")]
    Zstd(&'static str),
    /// A page in an encoding that its type cannot have.
    #[error("a page has the encoding {0}, which values of this type cannot have")]
    Encoding(i64),
    /// A column that the footer announces and no column chunk holds.
    #[error("the row group has no column chunk for it")]
    NoColumnChunk,
    /// Polars' decoder failed.
    #[error(transparent)]
    Polars(PolarsError),
    /// Polars' decoder panicked.
    #[error("the decoder gave up: {0}")]
    Panic(String),
}

impl ParquetError {
    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Files(error) => error.kind(),
            Self::Footer { .. } | Self::UnsupportedType { .. } | Self::Decode { .. } => ErrorKind::InvalidData,
        }
    }
}

impl From<StoreError> for Damage {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<ParquetError> for OperatorError {
    fn from(error: ParquetError) -> Self {
        Self::new(error.kind(), error)
    }
}
