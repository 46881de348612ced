//! How Arrow IPC files are read.

use polars_utils::pl_str::PlSmallStr;

use crate::files::with_scan_options;
use crate::store::StoreOptions;

/// Options of an [`IpcScan`](super::IpcScan). Names are those of Polars' `scan_ipc`.
///
/// ```
/// let options = quokka_connectors::ipc::IpcOptions::default().with_include_file_paths("file");
/// assert_eq!(options.include_file_paths.as_deref(), Some("file"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpcOptions {
    /// Whether folders named `key=value` are columns. `None`: if there are such folders above the first file (for a
    /// directory: between it and the file). Default: `None`.
    pub hive_partitioning: Option<bool>,
    /// The name of one more column, which holds the path of the file that a row is from. Default: none.
    pub include_file_paths: Option<PlSmallStr>,
    /// Credentials, endpoint and the like for files in stores. Default: none, so that the environment counts.
    pub store_options: StoreOptions,
}

impl IpcOptions {
    with_scan_options!("ipc::IpcOptions");
}
