//! CSV files as a table.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use polars_core::datatypes::Field;
use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;
use quokka_engine::source::{ColumnStatistics, Scan, ScanRequest, Source};

use super::block::Block;
use super::columns::builder;
use super::error::CsvError;
use super::file::CsvFile;
use super::head::{Head, read_head};
use super::infer::infer;
use super::options::CsvOptions;
use super::reader::CsvReader;
use super::rows::{Rows, Shape};
use super::structure::Dialect;
use crate::files::{FilesError, Format};
use crate::text::{
    Asked, FoundFiles, Measured, TextFiles, TextSample, TextSource, TextTable, sample, sampled_rows, statistics,
    unsupported,
};

/// How CSV files are known in a directory.
const FORMAT: Format = Format { name: "CSV", suffixes: &[".csv", ".csv.gz", ".csv.zst"] };
/// Rows that tell how long a row is.
const MEASURED_ROWS: usize = 100;
/// Bytes of text that come out of one of a compressed file, at a guess.
const EXPANSION: u64 = 4;

/// CSV files on local disks or in stores, read as one table.
///
/// Files may be compressed by gzip or zstd, as their first bytes say. All files must have the same columns, in any order if
/// they have headers; the first file gives names and order, and the types of its first rows, unless the options do. The
/// others are opened when they are read. Folders named `key=value` are columns too ([`CsvOptions::hive_partitioning`]).
///
/// The unit of reading is a range of some megabytes of a file, or a compressed file. Fields in quotes may hold newlines,
/// also where a file is cut. Only the columns that are asked for are parsed, and those that the predicate does not use
/// only for the rows that pass. Rows come in the order of the paths and of the rows in them. A worker holds the bytes of a
/// range, or as many of a compressed file, about half as many bytes again for where the fields are, and a batch.
///
/// ```
/// use quokka_connectors::csv::{CsvError, CsvOptions, CsvScan};
///
/// let error = CsvScan::open(["no/such/folder"], CsvOptions::default()).err();
/// assert!(matches!(error, Some(CsvError::Files(_))));
/// ```
pub struct CsvScan {
    table: Arc<Table>,
}

/// The files, and how they are read.
pub(super) struct Table {
    pub(super) files: TextFiles<CsvFile>,
    pub(super) options: CsvOptions,
    pub(super) dialect: Dialect,
    pub(super) nulls: Vec<Box<[u8]>>,
    /// Taken when it is first asked for; `None` if there can be none.
    pub(super) sample: OnceLock<Option<TextSample<Block>>>,
}

impl CsvScan {
    /// Opens the files behind `paths`: files, directories (searched at every depth for `*.csv`, `*.csv.gz` and `*.csv.zst`,
    /// without names that start with `.` or `_`) and globs (`*`, `**`, `?`, `[ab]`, `{a,b}`), or their addresses in a store
    /// (`s3://bucket/folder`). The files of a directory or glob are sorted by name.
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, options that contradict each other, a type that fields cannot be
    /// parsed to; if types are inferred, also no row to infer them from.
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>, options: CsvOptions) -> Result<Self, CsvError> {
        Self::open_in_ranges(paths, options, None)
    }

    /// As [`open`](Self::open), in ranges of so many bytes.
    pub(super) fn open_in_ranges(
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
        options: CsvOptions,
        range_bytes: Option<u64>,
    ) -> Result<Self, CsvError> {
        let dialect = dialect(&options)?;
        let found = FoundFiles::<CsvFile>::new(paths, &FORMAT, &options.shared(), range_bytes)?;
        let (file_schema, measured) = match &options.schema {
            Some(schema) => ((**schema).clone(), None),
            None => {
                let (head, file) = first_head(&found.files, &options, &dialect)?;
                (schema_of(&head, file, &options)?, Some(measured(&head, file)?))
            },
        };
        if let Some((column, dtype)) = unsupported(&file_schema, |dtype| builder(dtype, 0).is_some()) {
            return Err(CsvError::UnsupportedType { column, dtype });
        }
        let files = found.into_table(file_schema, measured, &options.shared())?;
        let nulls = options.null_values.iter().map(|null| null.as_bytes().into()).collect();
        Ok(Self { table: Arc::new(Table { files, options, dialect, nulls, sample: OnceLock::new() }) })
    }
}

fn dialect(options: &CsvOptions) -> Result<Dialect, CsvError> {
    let wrong = |reason: &str| Err(CsvError::Options { reason: reason.to_owned() });
    let is_usable = |byte: u8| byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0);
    if !is_usable(options.separator) || options.quote_char.is_some_and(|quote| !is_usable(quote)) {
        return wrong("separator and quote must be ASCII characters other than the ends of lines");
    }
    if Some(options.separator) == options.quote_char {
        return wrong("separator and quote must differ");
    }
    if options.comment_prefix.as_ref().is_some_and(|prefix| prefix.is_empty() || prefix.contains('\n')) {
        return wrong("the comment prefix must be a part of a line");
    }
    if let Some(reason) = options.shared().contradiction() {
        return wrong(reason);
    }
    let comment = options.comment_prefix.as_ref().map(|prefix| prefix.as_bytes().into());
    Ok(Dialect { separator: options.separator, quote: options.quote_char, comment })
}

/// The start of the first file that has any columns.
fn first_head<'a>(
    files: &'a [CsvFile],
    options: &CsvOptions,
    dialect: &Dialect,
) -> Result<(Head, &'a CsvFile), CsvError> {
    let mut only_header = None;
    for file in files.iter().filter(|file| file.text.length() > 0) {
        let head =
            read_head(&file.text.input, file.text.compression()?, options, dialect, options.infer_schema_length)?;
        if !head.rows.is_empty() || (head.fields > 0 && options.infer_schema_length == Some(0)) {
            return Ok((head, file));
        }
        if head.fields > 0 && only_header.is_none() {
            only_header = Some((head, file));
        }
    }
    let first = files.first().map(|file| file.text.input.path());
    only_header.ok_or_else(|| match first {
        Some(path) => CsvError::Empty { path },
        None => FilesError::NoPath.into(),
    })
}

fn schema_of(head: &Head, file: &CsvFile, options: &CsvOptions) -> Result<Schema, CsvError> {
    let schema: Schema = infer(head, options).into_iter().map(|(name, dtype)| Field::new(name, dtype)).collect();
    let overrides = options.schema_overrides.iter().flat_map(|overrides| overrides.iter_names());
    match overrides.into_iter().find(|name| !schema.contains(name)) {
        None => Ok(schema),
        Some(name) => {
            let names = schema.iter_names().map(PlSmallStr::as_str).collect::<Vec<_>>().join(", ");
            let path = file.text.input.location();
            let reason =
                format!("the type of column `{name}` is overridden, but the columns of `{path}` are [{names}]");
            Err(CsvError::Options { reason })
        },
    }
}

/// How long the first rows of a file are.
fn measured(head: &Head, file: &CsvFile) -> Result<Measured, CsvError> {
    Ok(Measured::new(&file.text, head.rows.len(), head.bytes, EXPANSION)?)
}

impl Scan for CsvScan {
    fn describe(&self) -> Description {
        self.table.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.table.files.schema.clone()
    }

    fn estimated_rows(&self) -> Option<u64> {
        let table = &self.table;
        sampled_rows(&**table).or_else(|| {
            table.files.estimated_rows(|file| {
                let text = &file.text;
                let rows = Some(MEASURED_ROWS);
                measured(&read_head(&text.input, text.compression()?, &table.options, &table.dialect, rows)?, file)
            })
        })
    }

    fn identity(&self) -> Option<&[u64]> {
        self.table.files.identity(&self.table.options)
    }

    fn statistics(&self, column: &str) -> ColumnStatistics {
        statistics(&*self.table, column, self.estimated_rows())
    }

    fn sample(&self, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        sample(&*self.table, columns)
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        Ok(Arc::new(TextSource::new(self.table.clone(), request)?))
    }
}

impl TextTable for Table {
    type Buffer = Rows;
    type File = CsvFile;
    type Reader = CsvReader;

    fn describe(&self) -> Description {
        self.files.describe("csv-scan")
    }

    fn files(&self) -> &TextFiles<CsvFile> {
        &self.files
    }

    fn reader(self: &Arc<Self>, asked: Asked<Rows>) -> CsvReader {
        CsvReader::new(self.clone(), asked)
    }

    fn refused(error: FilesError) -> OperatorError {
        CsvError::from(error).into()
    }
}

impl Table {
    pub(super) fn shape(&self) -> Shape<'_> {
        Shape { dialect: &self.dialect, fields: self.files.file_schema.len(), bad_rows: self.options.bad_rows }
    }
}
