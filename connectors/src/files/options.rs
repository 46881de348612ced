//! Options that all readers of files share.

/// The methods that the options of all formats share, for types with fields of these names. `$options` is the path of the
/// type in this crate.
macro_rules! with_scan_options {
    ($options:literal) => {
        /// Whether folders named `key=value` are columns.
        ///
        /// ```
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// let options = Options::default().with_hive_partitioning(false);
        /// assert_eq!(options.hive_partitioning, Some(false));
        /// ```
        pub fn with_hive_partitioning(mut self, hive_partitioning: bool) -> Self {
            self.hive_partitioning = Some(hive_partitioning);
            self
        }

        /// A column of this name holds the path of the file.
        ///
        /// ```
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// let options = Options::default().with_include_file_paths("file");
        /// assert_eq!(options.include_file_paths.as_deref(), Some("file"));
        /// ```
        pub fn with_include_file_paths(mut self, column: impl Into<polars_utils::pl_str::PlSmallStr>) -> Self {
            self.include_file_paths = Some(column.into());
            self
        }

        /// Credentials, endpoint and the like for files in stores.
        ///
        /// ```
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        /// use quokka_connectors::store::StoreOptions;
        ///
        /// let store = StoreOptions::default().with("aws_region", "eu-central-1");
        /// let options = Options::default().with_store_options(store.clone());
        /// assert_eq!(options.store_options, store);
        /// ```
        pub fn with_store_options(mut self, store_options: $crate::store::StoreOptions) -> Self {
            self.store_options = store_options;
            self
        }
    };
}
pub(crate) use with_scan_options;
