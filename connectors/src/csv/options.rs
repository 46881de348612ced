//! How CSV files are read.

use polars_core::schema::SchemaRef;
use polars_utils::pl_str::PlSmallStr;

use crate::store::StoreOptions;
use crate::text::{BadRows, with_text_options};

/// Options of a [`CsvScan`](super::CsvScan). Names and defaults are those of Polars' `scan_csv`.
///
/// ```
/// use quokka_connectors::csv::{BadRows, CsvOptions};
///
/// let options = CsvOptions::default().with_separator(b'|').with_has_header(false).with_bad_rows(BadRows::Skip);
/// assert_eq!(options.separator, b'|');
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CsvOptions {
    /// What stands between two fields, an ASCII character. Default: `,`.
    pub separator: u8,
    /// What stands around a field that holds separators, newlines or this character, which is doubled in it; an ASCII
    /// character. `None`: fields are never quoted. Default: `"`.
    pub quote_char: Option<u8>,
    /// Whether the first row holds the names of the columns. If not, they are `column_1`, `column_2`, … Default: yes.
    pub has_header: bool,
    /// Rows before the header that are not read. Default: 0.
    pub skip_rows: usize,
    /// Lines that start with this are no rows. Default: none.
    pub comment_prefix: Option<String>,
    /// Fields that are null, as they stand in the file: in quotes only if the quotes are given too. An empty field is
    /// null anyway. Default: none.
    pub null_values: Vec<String>,
    /// Whether an empty field of a column of strings is the empty string rather than null; in quotes it always is.
    /// Default: no.
    pub missing_utf8_is_empty_string: bool,
    /// All columns with their types. Types are not inferred then, and no file is opened before a query is planned. The header
    /// may be other names, which do not count; but if it has the same names in another order, they do. Default: none.
    pub schema: Option<SchemaRef>,
    /// Types of some columns; those of the others are inferred. Default: none.
    pub schema_overrides: Option<SchemaRef>,
    /// Rows of the first file that has any from which types are inferred. 0: all columns are strings; `None`: all rows are
    /// looked at. Default: 100.
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

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            separator: b',',
            quote_char: Some(b'"'),
            has_header: true,
            skip_rows: 0,
            comment_prefix: None,
            null_values: Vec::new(),
            missing_utf8_is_empty_string: false,
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

impl CsvOptions {
    /// What stands between two fields.
    pub fn with_separator(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// What stands around fields that need it; `None` if nothing does.
    pub fn with_quote_char(mut self, quote_char: Option<u8>) -> Self {
        self.quote_char = quote_char;
        self
    }

    /// Whether the first row holds the names of the columns.
    pub fn with_has_header(mut self, has_header: bool) -> Self {
        self.has_header = has_header;
        self
    }

    /// Rows before the header that are not read.
    pub fn with_skip_rows(mut self, skip_rows: usize) -> Self {
        self.skip_rows = skip_rows;
        self
    }

    /// Lines that start with this are no rows.
    pub fn with_comment_prefix(mut self, comment_prefix: impl Into<String>) -> Self {
        self.comment_prefix = Some(comment_prefix.into());
        self
    }

    /// Fields that are null.
    pub fn with_null_values(mut self, null_values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.null_values = null_values.into_iter().map(Into::into).collect();
        self
    }

    /// Whether an empty field of a column of strings is the empty string.
    pub fn with_missing_utf8_is_empty_string(mut self, is_empty_string: bool) -> Self {
        self.missing_utf8_is_empty_string = is_empty_string;
        self
    }

    with_text_options!("csv::CsvOptions");
}
