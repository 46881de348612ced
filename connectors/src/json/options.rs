//! How JSON files are read.

use polars_core::schema::SchemaRef;
use polars_utils::pl_str::PlSmallStr;

use crate::store::StoreOptions;
use crate::text::{BadRows, with_text_options};

/// Options of a [`JsonScan`](super::JsonScan). Names and defaults are those of Polars' `scan_ndjson`.
///
/// ```
/// use quokka_connectors::json::{BadRows, JsonOptions};
///
/// let options = JsonOptions::default().with_infer_schema_length(Some(1000)).with_bad_rows(BadRows::Skip);
/// assert_eq!(options.infer_schema_length, Some(1000));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JsonOptions {
    /// All columns with their types. Types are not inferred then, no file is opened before a query is planned, and other keys
    /// are left out. Default: none.
    pub schema: Option<SchemaRef>,
    /// Types of some columns, which may be missing in the rows that types are inferred from; those of the others are
    /// inferred. Default: none.
    pub schema_overrides: Option<SchemaRef>,
    /// Rows of the first file that has any from which columns and types are inferred; `None`: all rows are looked at.
    /// Default: 100.
    pub infer_schema_length: Option<usize>,
    /// Whether dates, times, and dates with times are inferred, in the forms of ISO 8601. Default: no.
    pub try_parse_dates: bool,
    /// What becomes of rows that do not fit. Default: the query fails.
    pub bad_rows: BadRows,
    /// Whether folders named `key=value` are columns. `None`: if there are such folders above the first file (for a
    /// directory: between it and the file). Default: `None`.
    pub hive_partitioning: Option<bool>,
    /// The name of one more column, which holds the path or address of the file that a row is from. Default: none.
    pub include_file_paths: Option<PlSmallStr>,
    /// Credentials, endpoint and the like for files in stores. Default: none, so that the environment counts.
    pub store_options: StoreOptions,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            schema: None,
            schema_overrides: None,
            infer_schema_length: Some(100),
            try_parse_dates: false,
            bad_rows: BadRows::default(),
            hive_partitioning: None,
            include_file_paths: None,
            store_options: StoreOptions::default(),
        }
    }
}

impl JsonOptions {
    with_text_options!("json::JsonOptions");
}
