//! Places in files of text.

use std::fmt;
use std::path::PathBuf;

/// Where a row of a file starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; `None` if the file can no longer be read.
    pub line: Option<u64>,
    /// Bytes before it, of the decompressed file.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ", byte {}", self.offset)
    }
}
