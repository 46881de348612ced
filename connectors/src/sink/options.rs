//! How files are laid out and what happens to files that are there.

use std::path::Path;
use std::sync::Arc;

use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::format::FileFormat;
use crate::store::StoreOptions;

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
    /// The columns stay in the files, too, as with Polars, so that they keep their types.
    pub partition_by: Vec<PlSmallStr>,
    /// Credentials, endpoint and the like for targets in stores; what is not given is taken from the environment.
    pub store_options: StoreOptions,
}

/// Options of a file sink: a format with its own options, and what all formats have in common.
pub trait WriteOptions {
    /// What all formats have in common.
    fn file_options(&self) -> &FileOptions;

    /// The format of files at `path`.
    ///
    /// # Errors
    /// Options that contradict each other, or the path.
    fn into_format(self, path: &Path) -> Result<Arc<dyn FileFormat>, OperatorError>;
}

/// The methods that the options of all formats share, for types with a field `files` of type [`FileOptions`].
macro_rules! with_file_options {
    () => {
        /// What happens if the target exists.
        pub fn with_mode(mut self, mode: $crate::sink::WriteMode) -> Self {
            self.files.mode = mode;
            self
        }

        /// Rows of a file of a directory.
        pub fn with_rows_per_file(mut self, rows: usize) -> Self {
            self.files.rows_per_file = Some(rows);
            self
        }

        /// A file of a directory ends when so many bytes or more of it have been written.
        pub fn with_bytes_per_file(mut self, bytes: u64) -> Self {
            self.files.bytes_per_file = Some(bytes);
            self
        }

        /// The columns whose values name folders.
        pub fn with_partition_by(
            mut self,
            columns: impl IntoIterator<Item = impl Into<polars_utils::pl_str::PlSmallStr>>,
        ) -> Self {
            self.files.partition_by = columns.into_iter().map(Into::into).collect();
            self
        }

        /// Credentials, endpoint and the like for a target in a store.
        pub fn with_store_options(mut self, store_options: $crate::store::StoreOptions) -> Self {
            self.files.store_options = store_options;
            self
        }
    };
}
pub(crate) use with_file_options;
