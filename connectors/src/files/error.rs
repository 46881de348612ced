//! What can go wrong before a file is read.

use std::io;
use std::path::PathBuf;

use polars_core::datatypes::DataType;
use quokka_engine::error::ErrorKind;

use crate::store::{StoreError, StoreErrorKind};

/// Why paths and addresses do not lead to files that can be read as one table, with what to do about it. Where a variant
/// names a path, that is the address of a file in a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// The list of paths is empty.
    #[error("no path was given: name at least one file, directory or glob")]
    NoPath,
    /// The operating system refused a file or directory.
    #[error("cannot read `{}`: check that it exists and that this process may read it", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A directory without files of the format.
    #[error(
        "no {format} file in the directory `{}`: files are looked for, at every depth, whose name ends in {suffixes} and \
         starts with neither `.` nor `_`; name other files one by one or by a glob",
        path.display()
    )]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// How names of files end.
        suffixes: String,
    },
    /// A glob without matches.
    #[error("no file matches `{pattern}`: check the folder and the pattern")]
    NoMatch {
        /// The glob.
        pattern: String,
    },
    /// An address or a glob that is wrong, or a store that did not give what was asked for.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Files that lie under different partition keys.
    #[error(
        "the folders of `{}` have the partition keys [{}], those of `{}` have [{}]: read directories of one layout, or \
         turn hive partitioning off",
        first.display(), first_keys.join(", "), path.display(), keys.join(", ")
    )]
    PartitionKeys {
        /// The first file.
        first: PathBuf,
        /// Its partition keys.
        first_keys: Vec<String>,
        /// The file that differs.
        path: PathBuf,
        /// Its partition keys.
        keys: Vec<String>,
    },
    /// A partition value that is not of the type of the column of that name in the files.
    #[error(
        "the folder `{key}={value}` of `{}` does not hold a value of type `{dtype}`, which the files' own column `{key}` \
         has: rename the folder, or turn hive partitioning off",
        path.display()
    )]
    PartitionValue {
        /// The file.
        path: PathBuf,
        /// The partition key.
        key: String,
        /// Its value.
        value: String,
        /// Type of the column.
        dtype: Box<DataType>,
    },
    /// A column of paths with the name of another column.
    #[error("there is a column `{column}` already: give the column of paths another name")]
    PathColumn {
        /// The name.
        column: String,
    },
    /// A column that some files have and others do not.
    #[error(
        "`{}` has a column `{column}`, `{}` has not: files that are read together need the same columns",
        with.display(), without.display()
    )]
    ColumnSet {
        /// The column.
        column: String,
        /// A file that has it.
        with: PathBuf,
        /// A file that has not.
        without: PathBuf,
    },
    /// A column that has different types in different files.
    #[error(
        "column `{column}` has type `{first_dtype}` in `{}` but `{dtype}` in `{}`: write the files with one type, or read \
         them apart and cast",
        first.display(), path.display()
    )]
    ColumnType {
        /// The column.
        column: String,
        /// The first file.
        first: PathBuf,
        /// Type of the column there.
        first_dtype: Box<DataType>,
        /// The file that differs.
        path: PathBuf,
        /// Type of the column in it.
        dtype: Box<DataType>,
    },
}

impl FilesError {
    /// The operating system, a decompressor or a store refused a file.
    pub(crate) fn from_io(path: PathBuf, source: io::Error) -> Self {
        match source.downcast::<StoreError>() {
            Ok(error) => Self::Store(error),
            Err(source) => Self::Io { path, source },
        }
    }

    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoPath | Self::PathColumn { .. } => ErrorKind::InvalidQuery,
            Self::Store(error) if error.kind() == StoreErrorKind::Invalid => ErrorKind::InvalidQuery,
            Self::Io { .. } | Self::Store(_) | Self::EmptyDirectory { .. } | Self::NoMatch { .. } => ErrorKind::Io,
            Self::PartitionKeys { .. }
            | Self::PartitionValue { .. }
            | Self::ColumnSet { .. }
            | Self::ColumnType { .. } => ErrorKind::SchemaMismatch,
        }
    }
}
