//! How CSV files are written.

use std::path::Path;
use std::sync::Arc;

use quokka_engine::error::OperatorError;

use super::encoder::CsvFormat;
use crate::csv::error::CsvError;
use crate::sink::{FileFormat, FileOptions, WriteOptions, with_file_options};
use crate::text::TextCompression;

/// Which fields are written in quotes. Nulls never are, so that they differ from empty strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuoteStyle {
    /// Those that would not be read as what they are without: text with separators, quotes or ends of lines, the empty
    /// string, and text that says null.
    #[default]
    Necessary,
    /// All.
    Always,
    /// All but numbers.
    NonNumeric,
    /// None, even if what is written cannot be read again.
    Never,
}

/// Options of a CSV sink and of a [`CsvSerializer`](super::CsvSerializer), which looks at those of rows and fields only. Names
/// and defaults are those of Polars' `sink_csv`.
///
/// ```
/// use quokka_connectors::csv::{CsvWriteOptions, QuoteStyle, TextCompression};
/// use quokka_connectors::sink::WriteMode;
///
/// let options = CsvWriteOptions::default()
///     .with_separator(b'\t')
///     .with_quote_style(QuoteStyle::Always)
///     .with_compression(TextCompression::Gzip(6))
///     .with_mode(WriteMode::Append);
/// assert!(options.include_header);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CsvWriteOptions {
    /// Whether the first row holds the names of the columns. Default: yes.
    pub include_header: bool,
    /// What stands between two fields, an ASCII character. Default: `,`.
    pub separator: u8,
    /// What stands around fields in quotes, an ASCII character. Default: `"`.
    pub quote_char: u8,
    /// Which fields are in quotes. Default: those that need it.
    pub quote_style: QuoteStyle,
    /// What nulls are written as. Default: nothing.
    pub null_value: String,
    /// What ends a row, `\n` or `\r\n`. Default: `\n`.
    pub line_terminator: String,
    /// Format of dates, in the letters of `strftime`. Default: `2024-01-31`.
    pub date_format: Option<String>,
    /// Format of dates with times. Default: `2024-01-31T12:34:56.789`, with the digits of the unit, and behind them, if there
    /// is a time zone, its offset.
    pub datetime_format: Option<String>,
    /// Format of times. Default: `12:34:56.789000000`.
    pub time_format: Option<String>,
    /// Digits of floats behind the point. Default: as few as tell the number from all others.
    pub float_precision: Option<usize>,
    /// How files are compressed. Default: what the name of a single file says (gzip at level 6 for `.csv.gz`, ZSTD at level 3
    /// for `.csv.zst`), else not at all.
    pub compression: Option<TextCompression>,
    /// What happens if the target exists, sizes of files and partitions.
    pub files: FileOptions,
}

impl Default for CsvWriteOptions {
    fn default() -> Self {
        Self {
            include_header: true,
            separator: b',',
            quote_char: b'"',
            quote_style: QuoteStyle::default(),
            null_value: String::new(),
            line_terminator: "\n".into(),
            date_format: None,
            datetime_format: None,
            time_format: None,
            float_precision: None,
            compression: None,
            files: FileOptions::default(),
        }
    }
}

impl CsvWriteOptions {
    /// Whether the first row holds the names of the columns.
    pub fn with_include_header(mut self, include_header: bool) -> Self {
        self.include_header = include_header;
        self
    }

    /// What stands between two fields.
    pub fn with_separator(mut self, separator: u8) -> Self {
        self.separator = separator;
        self
    }

    /// What stands around fields in quotes.
    pub fn with_quote_char(mut self, quote_char: u8) -> Self {
        self.quote_char = quote_char;
        self
    }

    /// Which fields are in quotes.
    pub fn with_quote_style(mut self, quote_style: QuoteStyle) -> Self {
        self.quote_style = quote_style;
        self
    }

    /// What nulls are written as.
    pub fn with_null_value(mut self, null_value: impl Into<String>) -> Self {
        self.null_value = null_value.into();
        self
    }

    /// What ends a row.
    pub fn with_line_terminator(mut self, line_terminator: impl Into<String>) -> Self {
        self.line_terminator = line_terminator.into();
        self
    }

    /// Format of dates.
    pub fn with_date_format(mut self, format: impl Into<String>) -> Self {
        self.date_format = Some(format.into());
        self
    }

    /// Format of dates with times.
    pub fn with_datetime_format(mut self, format: impl Into<String>) -> Self {
        self.datetime_format = Some(format.into());
        self
    }

    /// Format of times.
    pub fn with_time_format(mut self, format: impl Into<String>) -> Self {
        self.time_format = Some(format.into());
        self
    }

    /// Digits of floats behind the point.
    pub fn with_float_precision(mut self, digits: usize) -> Self {
        self.float_precision = Some(digits);
        self
    }

    /// How files are compressed.
    pub fn with_compression(mut self, compression: TextCompression) -> Self {
        self.compression = Some(compression);
        self
    }

    with_file_options!();

    pub(super) fn check(&self) -> Result<(), CsvError> {
        let is_usable = |byte: u8| byte.is_ascii() && byte != b'\n' && byte != b'\r';
        let reason = if !is_usable(self.separator) || !is_usable(self.quote_char) || self.separator == self.quote_char {
            "separator and quote must be two ASCII characters other than the ends of lines"
        } else if self.line_terminator != "\n" && self.line_terminator != "\r\n" {
            "a row must end in `\\n` or `\\r\\n`"
        } else {
            return Ok(());
        };
        Err(CsvError::Options { reason: reason.to_owned() })
    }
}

impl WriteOptions for CsvWriteOptions {
    fn file_options(&self) -> &FileOptions {
        &self.files
    }

    fn into_format(self, path: &Path) -> Result<Arc<dyn FileFormat>, OperatorError> {
        Ok(Arc::new(CsvFormat::new(self, path)?))
    }
}
