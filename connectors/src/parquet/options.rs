//! How Parquet files are read.

/// Options of a [`ParquetScan`](super::ParquetScan).
///
/// ```
/// let options = quokka_connectors::parquet::ParquetOptions::default().with_hive_partitioning(false);
/// assert_eq!(options.hive_partitioning, Some(false));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParquetOptions {
    /// Whether folders named `key=value` are columns. `None`: if there are such folders above the first file (for a
    /// directory: between it and the file).
    pub hive_partitioning: Option<bool>,
}

impl ParquetOptions {
    /// Whether folders named `key=value` are columns.
    pub fn with_hive_partitioning(mut self, hive_partitioning: bool) -> Self {
        self.hive_partitioning = Some(hive_partitioning);
        self
    }
}
