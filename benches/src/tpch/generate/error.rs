//! Why a table could not be generated.

use std::error::Error;
use std::path::{Path, PathBuf};

/// A file or folder could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub struct GenerateError {
    path: PathBuf,
    source: Box<dyn Error + Send + Sync>,
}

impl GenerateError {
    pub(super) fn new(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { path: path.to_owned(), source: source.into() }
    }
}
