//! Options that readers of text share.

use polars_core::schema::SchemaRef;
use polars_utils::pl_str::PlSmallStr;

use super::bad_rows::BadRows;
use crate::store::StoreOptions;

/// The options that CSV and JSON share.
pub(crate) struct TextOptions<'a> {
    pub(crate) schema: Option<&'a SchemaRef>,
    pub(crate) schema_overrides: Option<&'a SchemaRef>,
    pub(crate) bad_rows: BadRows,
    pub(crate) hive_partitioning: Option<bool>,
    pub(crate) include_file_paths: Option<&'a PlSmallStr>,
    pub(crate) store_options: &'a StoreOptions,
}

impl TextOptions<'_> {
    /// Why they contradict each other, if they do.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        if self.schema.is_some_and(|schema| schema.is_empty()) {
            return Some("a schema needs at least one column");
        }
        let is_overridden = self.schema.is_some() && self.schema_overrides.is_some();
        is_overridden.then_some("a schema gives all types, so that there is nothing to override")
    }
}

/// The methods that the options of CSV and JSON share, for types with fields of these names. `$options` is the path of the
/// type in this crate.
macro_rules! with_text_options {
    ($options:literal) => {
        /// All columns with their types.
        ///
        /// ```
        /// use polars_core::prelude::{DataType, Field, Schema};
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// let schema = Schema::from_iter([Field::new("n".into(), DataType::Int64)]);
        /// let options = Options::default().with_schema(schema.clone().into());
        /// assert_eq!(options.schema.as_deref(), Some(&schema));
        /// ```
        pub fn with_schema(mut self, schema: polars_core::schema::SchemaRef) -> Self {
            self.schema = Some(schema);
            self
        }

        /// Types of some columns.
        ///
        /// ```
        /// use polars_core::prelude::{DataType, Field, Schema};
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// let schema = Schema::from_iter([Field::new("price".into(), DataType::Decimal(12, 2))]);
        /// let options = Options::default().with_schema_overrides(schema.clone().into());
        /// assert_eq!(options.schema_overrides.as_deref(), Some(&schema));
        /// ```
        pub fn with_schema_overrides(mut self, schema_overrides: polars_core::schema::SchemaRef) -> Self {
            self.schema_overrides = Some(schema_overrides);
            self
        }

        /// Rows from which types are inferred; `None` for all.
        ///
        /// ```
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// assert_eq!(Options::default().infer_schema_length, Some(100));
        /// assert_eq!(Options::default().with_infer_schema_length(None).infer_schema_length, None);
        /// ```
        pub fn with_infer_schema_length(mut self, infer_schema_length: Option<usize>) -> Self {
            self.infer_schema_length = infer_schema_length;
            self
        }

        /// Whether dates and times are inferred.
        ///
        /// ```
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// assert!(Options::default().with_try_parse_dates(true).try_parse_dates);
        /// ```
        pub fn with_try_parse_dates(mut self, try_parse_dates: bool) -> Self {
            self.try_parse_dates = try_parse_dates;
            self
        }

        /// What becomes of rows that do not fit.
        ///
        /// ```
        /// use quokka_connectors::csv::BadRows;
        #[doc = concat!("use quokka_connectors::", $options, " as Options;")]
        ///
        /// assert_eq!(Options::default().with_bad_rows(BadRows::Skip).bad_rows, BadRows::Skip);
        /// ```
        pub fn with_bad_rows(mut self, bad_rows: $crate::text::BadRows) -> Self {
            self.bad_rows = bad_rows;
            self
        }

        $crate::files::with_scan_options!($options);

        pub(super) fn shared(&self) -> $crate::text::TextOptions<'_> {
            $crate::text::TextOptions {
                schema: self.schema.as_ref(),
                schema_overrides: self.schema_overrides.as_ref(),
                bad_rows: self.bad_rows,
                hive_partitioning: self.hive_partitioning,
                include_file_paths: self.include_file_paths.as_ref(),
                store_options: &self.store_options,
            }
        }
    };
}
pub(crate) use with_text_options;
