//! What can go wrong when files are written.

use std::io;
use std::path::{Path, PathBuf};

use polars_core::datatypes::DataType;
use quokka_engine::error::{ErrorKind, OperatorError};

use crate::store::{StoreError, StoreErrorKind};

/// Why files cannot be written, with the place and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The target exists, and nobody asked to replace it.
    #[error("`{}` exists already: choose another path, or the mode `Overwrite` or `Append`", path.display())]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// A directory is to be written where a file is.
    #[error("`{}` is a file, but a directory is to be written: choose another path, or one that ends in `.{extension}`", path.display())]
    IsFile {
        /// The target.
        path: PathBuf,
        /// What the names of single files end in.
        extension: &'static str,
    },
    /// A file is to be written where a directory is.
    #[error("`{}` is a directory, but a single file is to be written: choose another path, or one without an extension", path.display())]
    IsDirectory {
        /// The target.
        path: PathBuf,
    },
    /// An option that only directories can have.
    #[error(
        "`{option}` needs a directory, but `{}` names a single file: choose a path without an extension",
        path.display()
    )]
    NeedsDirectory {
        /// The target.
        path: PathBuf,
        /// The option.
        option: &'static str,
    },
    /// A path that has no name or is not UTF-8.
    #[error("`{}` cannot be written to: the path needs a last part, and must be UTF-8", path.display())]
    Path {
        /// The target.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("cannot {action} `{}`: check permissions and free space", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A store refused something.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Files in a store that could not all be made visible.
    #[error("cannot make the files of `{}` visible; {}", path.display(), left_of(visible, "none of them is", "delete these, which are"))]
    Commit {
        /// The target.
        path: PathBuf,
        /// Files that are visible nevertheless.
        visible: Vec<String>,
        /// What happened first.
        source: Box<StoreError>,
    },
    /// A single file in a store that is there, although the store has not said so.
    #[error(
        "`{}` may have been written: a file of its size is there, but the store did not confirm that it is this one; look \
         at it, or overwrite it",
        path.display()
    )]
    Unclear {
        /// The target.
        path: PathBuf,
        /// What happened.
        source: Box<StoreError>,
    },
    /// Files that two queries wrote to a store at the same time.
    #[error(
        "another query wrote to `{}` at the same time, so that it holds files of both; overwrite it again{}",
        path.display(),
        left_of(others, "", ", or delete these, which are of the other")
    )]
    Mixed {
        /// The target.
        path: PathBuf,
        /// Files of the other query.
        others: Vec<String>,
    },
    /// Files in a store that were to be replaced and could not be deleted.
    #[error("all new files of `{}` are visible, but old ones, too; {}", path.display(), left_of(old, "", "delete these"))]
    Replace {
        /// The target.
        path: PathBuf,
        /// Files that should be gone.
        old: Vec<String>,
        /// What happened first.
        source: Box<StoreError>,
    },
    /// Rows that the format cannot take, or a file that could not be written.
    #[error("cannot write `{}`", path.display())]
    Encode {
        /// The target.
        path: PathBuf,
        /// What happened.
        source: OperatorError,
    },
    /// A partition column that is not there.
    #[error("there is no column `{column}` to partition by: the columns are [{}]", columns.join(", "))]
    PartitionColumn {
        /// The name that was asked for.
        column: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// A column of a type that does not make names of folders.
    #[error(
        "cannot partition by column `{column}` of type `{dtype}`: use integers, booleans, strings or dates, or \
         cast it to a string"
    )]
    PartitionType {
        /// The column.
        column: String,
        /// Its type.
        dtype: Box<DataType>,
    },
    /// A number of rows or bytes that must be at least 1.
    #[error("`{option}` is 0: use 1 or more, or leave it out")]
    Zero {
        /// The option.
        option: &'static str,
    },
}

impl WriteError {
    /// For `map_err`: the operating system refused to `action` this `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// A list that is not too long for a message.
fn left_of(files: &[String], none: &str, some: &str) -> String {
    const MOST: usize = 20;
    let more = files.len().saturating_sub(MOST);
    match files {
        [] => none.to_owned(),
        files if more > 0 => format!("{some}: {} and {more} more", files[..MOST].join(", ")),
        files => format!("{some}: {}", files.join(", ")),
    }
}

impl From<WriteError> for OperatorError {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::Store(source) if source.kind() == StoreErrorKind::Invalid => ErrorKind::InvalidQuery,
            WriteError::Store(_) | WriteError::Commit { .. } | WriteError::Replace { .. } => ErrorKind::Io,
            WriteError::Io { .. } | WriteError::Unclear { .. } | WriteError::Mixed { .. } => ErrorKind::Io,
            WriteError::Encode { source, .. } => source.kind(),
            _ => ErrorKind::InvalidQuery,
        };
        Self::new(kind, error)
    }
}
