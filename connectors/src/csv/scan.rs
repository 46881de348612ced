//! CSV files as a table.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use polars_core::datatypes::Field;
use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;
use polars_core::scalar::Scalar;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;
use quokka_engine::source::{Scan, ScanRequest, Source};

use super::columns::builder;
use super::error::CsvError;
use super::file::CsvFile;
use super::head::{Head, read_head};
use super::infer::infer;
use super::options::CsvOptions;
use super::reader::CsvReader;
use super::rows::{Rows, Shape};
use super::structure::Dialect;
use crate::files::{Compression, FilesError, Format, constant, constants, expand, names};
use crate::text::{self, Asked, BadRows, TextFile, TextSource, TextTable, text_files};

/// How CSV files are known in a directory.
const FORMAT: Format = Format { name: "CSV", suffixes: &[".csv", ".csv.gz", ".csv.zst"] };
/// Rows that tell how long a row is.
const MEASURED_ROWS: usize = 100;
/// What compression saves, at a guess.
const COMPRESSION: u64 = 4;

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

/// The files, and what is common to them.
pub(super) struct Table {
    pub(super) files: Vec<CsvFile>,
    /// Columns of one value a file, one row a file.
    constants: DataFrame,
    /// Columns of the files.
    pub(super) file_schema: Schema,
    /// These, those of folders, and that of paths.
    pub(super) schema: SchemaRef,
    pub(super) options: CsvOptions,
    pub(super) dialect: Dialect,
    pub(super) nulls: Vec<Box<[u8]>>,
    /// Bytes of a range.
    pub(super) range_bytes: u64,
    /// Rows that were left out so far.
    pub(super) skipped: AtomicU64,
    /// About how many rows there are.
    rows: OnceLock<Option<u64>>,
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
        let paths = expand(paths, &options.store_options, &FORMAT)?;
        let bytes = paths.iter().fold(0, |bytes: u64, file| bytes.saturating_add(file.size()));
        let range_bytes = range_bytes.unwrap_or_else(|| text::range_bytes(bytes));
        let files: Vec<CsvFile> = text_files(&paths, range_bytes)?.into_iter().map(CsvFile::new).collect();
        let mut rows = OnceLock::new();
        let file_schema = match &options.schema {
            Some(schema) => (**schema).clone(),
            None => {
                let (head, file) = first_head(&files, &options, &dialect)?;
                rows = OnceLock::from(estimate(&head, file, bytes));
                schema_of(&head, file, &options)?
            },
        };
        for (name, dtype) in file_schema.iter() {
            if builder(dtype, 0).is_none() {
                let (column, dtype) = (name.to_string(), Box::new(dtype.clone()));
                return Err(CsvError::UnsupportedType { column, dtype });
            }
        }
        let path_column = options.include_file_paths.as_ref();
        let constants = constants(&paths, &file_schema, options.hive_partitioning, path_column)?;
        let mut schema = file_schema.clone();
        schema.merge((**constants.schema()).clone());
        let nulls = options.null_values.iter().map(|null| null.as_bytes().into()).collect();
        let skipped = AtomicU64::new(0);
        let schema = Arc::new(schema);
        let table =
            Table { files, constants, file_schema, schema, options, dialect, nulls, range_bytes, skipped, rows };
        Ok(Self { table: Arc::new(table) })
    }
}

#[cfg(test)]
impl CsvScan {
    /// Number of files.
    pub(super) fn table_files(&self) -> usize {
        self.table.files.len()
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
    if options.schema.as_ref().is_some_and(|schema| schema.is_empty()) {
        return wrong("a schema needs at least one column");
    }
    if options.schema.is_some() && options.schema_overrides.is_some() {
        return wrong("a schema gives all types, so that there is nothing to override");
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

/// About how many rows there are in files of so many bytes.
fn estimate(head: &Head, file: &CsvFile, bytes: u64) -> Option<u64> {
    let bytes = match file.text.compression().ok()? {
        Compression::None => bytes,
        _ => bytes.saturating_mul(COMPRESSION),
    };
    let rows = head.rows.len() as u128;
    Some((u128::from(bytes) * rows / u128::from(head.bytes.max(1))) as u64)
}

impl Scan for CsvScan {
    fn describe(&self) -> Description {
        self.table.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema.clone()
    }

    fn estimated_rows(&self) -> Option<u64> {
        let table = &self.table;
        *table.rows.get_or_init(|| {
            let file = table.files.iter().find(|file| file.text.length() > 0)?;
            let compression = file.text.compression().ok()?;
            let head =
                read_head(&file.text.input, compression, &table.options, &table.dialect, Some(MEASURED_ROWS)).ok()?;
            estimate(&head, file, table.files.iter().map(|file| file.text.length()).sum())
        })
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        Ok(Arc::new(TextSource::new(self.table.clone(), request)?))
    }
}

impl TextTable for Table {
    type Buffer = Rows;
    type Reader = CsvReader;

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn text_file(&self, index: usize) -> Option<&TextFile> {
        self.files.get(index).map(|file| &file.text)
    }

    fn constants(&self) -> &DataFrame {
        &self.constants
    }

    fn reader(self: &Arc<Self>, asked: Asked<Rows>) -> CsvReader {
        CsvReader::new(self.clone(), asked)
    }

    fn refused(error: FilesError) -> OperatorError {
        CsvError::from(error).into()
    }

    fn describe(&self) -> Description {
        let names = names(self.files.iter().map(|file| &file.text.input));
        let description = Description::streams("csv-scan").with("files", names);
        match self.options.bad_rows {
            BadRows::Fail => description,
            BadRows::Null => description.with("bad-rows", "null"),
            BadRows::Skip => description.with("skipped-rows", self.skipped.load(Ordering::Relaxed)),
        }
    }
}

impl Table {
    pub(super) fn shape(&self) -> Shape<'_> {
        Shape { dialect: &self.dialect, fields: self.file_schema.len(), bad_rows: self.options.bad_rows }
    }

    pub(super) fn file(&self, index: usize) -> Result<&CsvFile, OperatorError> {
        let missing = || OperatorError::message(ErrorKind::Internal, format!("there is no file {index}"));
        self.files.get(index).ok_or_else(missing)
    }

    /// The value of a column that is the same for all rows of a file.
    pub(super) fn constant(&self, name: &str, file: usize) -> Option<Scalar> {
        constant(&self.constants, name, file)
    }

    /// Whether a column stands in the files rather than in their paths.
    pub(super) fn is_in_files(&self, name: &str) -> bool {
        self.file_schema.contains(name) && self.constants.get_column_index(name).is_none()
    }
}
