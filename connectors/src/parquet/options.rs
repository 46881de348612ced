//! How Parquet files are read.

use polars_utils::pl_str::PlSmallStr;

use crate::files::with_scan_options;
use crate::store::StoreOptions;

/// Options of a [`ParquetScan`](super::ParquetScan). Names are those of Polars' `scan_parquet`.
///
/// ```
/// let options = quokka_connectors::parquet::ParquetOptions::default().with_hive_partitioning(false);
/// assert_eq!(options.hive_partitioning, Some(false));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParquetOptions {
    /// Whether folders named `key=value` are columns. `None`: if there are such folders above the first file (for a
    /// directory: between it and the file).
    pub hive_partitioning: Option<bool>,
    /// Credentials, endpoint and the like for files in stores. Default: none, so that the environment counts.
    pub store_options: StoreOptions,
    /// The name of one more column, which holds the path of the file that a row is from. Default: none.
    pub include_file_paths: Option<PlSmallStr>,
}

impl ParquetOptions {
    with_scan_options!("parquet::ParquetOptions");
}
