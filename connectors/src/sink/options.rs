//! How files are laid out and what happens to files that are there.

use polars_utils::pl_str::PlSmallStr;

/// What happens if the target of a write exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteMode {
    /// The query is refused, before it runs if possible. A directory without entries counts as nothing.
    #[default]
    ErrorIfExists,
    /// What is written takes the place of all that is there, when it is complete: until then, what was there stays. A
    /// directory is replaced with all that is in it.
    Overwrite,
    /// Rows are added to those of a directory, in a folder of their own inside of it.
    Append,
}

/// What all formats have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// What happens if the target exists.
    pub mode: WriteMode,
    /// Rows of a file; no bound if `None`.
    pub rows_per_file: Option<usize>,
    /// A file ends when so many bytes or more of it have been written; no bound if `None`. Rows that the format holds
    /// back, such as those of an unfinished row group, do not count yet.
    pub bytes_per_file: Option<u64>,
    /// Rows with different values in these columns go to different folders, `key=value` each, the first column outermost.
    pub partition_by: Vec<PlSmallStr>,
}
