//! Options that readers of text share.

/// The methods that the options of CSV and JSON share, for types with fields of these names.
macro_rules! with_text_options {
    () => {
        /// All columns with their types.
        pub fn with_schema(mut self, schema: polars_core::schema::SchemaRef) -> Self {
            self.schema = Some(schema);
            self
        }

        /// Types of some columns.
        pub fn with_schema_overrides(mut self, schema_overrides: polars_core::schema::SchemaRef) -> Self {
            self.schema_overrides = Some(schema_overrides);
            self
        }

        /// Rows from which types are inferred; `None` for all.
        pub fn with_infer_schema_length(mut self, infer_schema_length: Option<usize>) -> Self {
            self.infer_schema_length = infer_schema_length;
            self
        }

        /// Whether dates and times are inferred.
        pub fn with_try_parse_dates(mut self, try_parse_dates: bool) -> Self {
            self.try_parse_dates = try_parse_dates;
            self
        }

        /// What becomes of rows that do not fit.
        pub fn with_bad_rows(mut self, bad_rows: $crate::text::BadRows) -> Self {
            self.bad_rows = bad_rows;
            self
        }

        /// Whether folders named `key=value` are columns.
        pub fn with_hive_partitioning(mut self, hive_partitioning: bool) -> Self {
            self.hive_partitioning = Some(hive_partitioning);
            self
        }

        /// A column of this name holds the path of the file.
        pub fn with_include_file_paths(mut self, column: impl Into<polars_utils::pl_str::PlSmallStr>) -> Self {
            self.include_file_paths = Some(column.into());
            self
        }

        /// Credentials, endpoint and the like for files in stores.
        pub fn with_store_options(mut self, store_options: $crate::store::StoreOptions) -> Self {
            self.store_options = store_options;
            self
        }
    };
}
pub(crate) use with_text_options;
