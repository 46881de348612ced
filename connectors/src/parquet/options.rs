//! How Parquet files are read.

use crate::store::StoreOptions;

/// Options of a [`ParquetScan`](super::ParquetScan).
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
}

impl ParquetOptions {
    /// Whether folders named `key=value` are columns.
    pub fn with_hive_partitioning(mut self, hive_partitioning: bool) -> Self {
        self.hive_partitioning = Some(hive_partitioning);
        self
    }

    /// Credentials, endpoint and the like for files in stores.
    pub fn with_store_options(mut self, store_options: StoreOptions) -> Self {
        self.store_options = store_options;
        self
    }
}
