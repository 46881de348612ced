//! Files of newline-delimited JSON as a table.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use polars_core::frame::DataFrame;
use polars_core::scalar::Scalar;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;
use quokka_engine::source::{Scan, ScanRequest, Source};

use super::columns::builder;
use super::error::JsonError;
use super::head::{Head, head};
use super::infer::columns;
use super::options::JsonOptions;
use super::reader::{Buffer, JsonReader};
use crate::files::{Compression, FilesError, Format, constant, constants, expand, names};
use crate::text::{self, Asked, BadRows, TextFile, TextSource, TextTable, text_files};

/// How files of JSON are known in a directory.
const FORMAT: Format = Format {
    name: "JSON",
    suffixes: &[
        ".ndjson",
        ".jsonl",
        ".json",
        ".ndjson.gz",
        ".jsonl.gz",
        ".json.gz",
        ".ndjson.zst",
        ".jsonl.zst",
        ".json.zst",
    ],
};
/// Rows that tell how long a row is.
const MEASURED_ROWS: usize = 100;
/// What compression saves, at a guess.
const COMPRESSION: u64 = 8;

/// Files of newline-delimited JSON on local disks or in stores, read as one table: one object a line, of which each key is
/// a column.
///
/// Files may be compressed by gzip or zstd, as their first bytes say. The first rows of the first file that has any give
/// columns and types, unless the options do. A key that a row does not have is null, one that is no column is left out, and
/// of one that is there twice the last value counts. Blank lines are no rows. Folders named `key=value` are columns too
/// ([`JsonOptions::hive_partitioning`]).
///
/// The unit of reading is a range of some megabytes of a file, or a compressed file. Every line that is read is checked to
/// be JSON, but only the columns that are asked for are parsed, and those that the predicate does not use only for the rows
/// that pass. Rows come in the order of the paths and of the lines in them. A worker holds the bytes of a range, or as many
/// of a compressed file, where the values of a batch stand (eight bytes each), and a batch.
///
/// ```
/// use quokka_connectors::json::{JsonError, JsonOptions, JsonScan};
///
/// let error = JsonScan::open(["no/such/folder"], JsonOptions::default()).err();
/// assert!(matches!(error, Some(JsonError::Files(_))));
/// ```
pub struct JsonScan {
    table: Arc<Table>,
}

/// The files, and what is common to them.
pub(super) struct Table {
    pub(super) files: Vec<TextFile>,
    /// Columns of one value a file, one row a file.
    constants: DataFrame,
    /// Columns of the files.
    pub(super) file_schema: Schema,
    /// These, those of folders, and that of paths.
    pub(super) schema: SchemaRef,
    pub(super) options: JsonOptions,
    /// Bytes of a range.
    pub(super) range_bytes: u64,
    /// Rows that were left out so far.
    pub(super) skipped: AtomicU64,
    /// About how many rows there are.
    rows: OnceLock<Option<u64>>,
}

impl JsonScan {
    /// Opens the files behind `paths`: files, directories (searched at every depth for `*.ndjson`, `*.jsonl` and `*.json`,
    /// also with `.gz` or `.zst` behind, without names that start with `.` or `_`) and globs (`*`, `**`, `?`, `[ab]`,
    /// `{a,b}`), or their addresses in a store (`s3://bucket/folder`). The files of a directory or glob are sorted by name.
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, options that contradict each other, a type that JSON has no values
    /// of; if types are inferred, also no row to infer them from, or one that is wrong.
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>, options: JsonOptions) -> Result<Self, JsonError> {
        Self::open_in_ranges(paths, options, None)
    }

    /// As [`open`](Self::open), in ranges of so many bytes.
    pub(super) fn open_in_ranges(
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
        options: JsonOptions,
        range_bytes: Option<u64>,
    ) -> Result<Self, JsonError> {
        check(&options)?;
        let paths = expand(paths, &options.store_options, &FORMAT)?;
        let bytes = paths.iter().fold(0, |bytes: u64, file| bytes.saturating_add(file.size()));
        let range_bytes = range_bytes.unwrap_or_else(|| text::range_bytes(bytes));
        let files = text_files(&paths, range_bytes)?;
        let mut rows = OnceLock::new();
        let file_schema = match &options.schema {
            Some(schema) => (**schema).clone(),
            None => {
                let (head, file) = first_head(&files, &options)?;
                rows = OnceLock::from(estimate(&head, file, bytes));
                let mut schema: Schema = columns(head.fields).collect();
                let overrides = options.schema_overrides.iter().flat_map(|overrides| overrides.iter());
                overrides.for_each(|(name, dtype)| drop(schema.insert(name.clone(), dtype.clone())));
                schema
            },
        };
        for (name, dtype) in file_schema.iter() {
            if builder(dtype).is_none() {
                let (column, dtype) = (name.to_string(), Box::new(dtype.clone()));
                return Err(JsonError::UnsupportedType { column, dtype });
            }
        }
        let path_column = options.include_file_paths.as_ref();
        let constants = constants(&paths, &file_schema, options.hive_partitioning, path_column)?;
        let mut schema = file_schema.clone();
        schema.merge((**constants.schema()).clone());
        let schema = Arc::new(schema);
        let skipped = AtomicU64::new(0);
        let table = Table { files, constants, file_schema, schema, options, range_bytes, skipped, rows };
        Ok(Self { table: Arc::new(table) })
    }
}

fn check(options: &JsonOptions) -> Result<(), JsonError> {
    let reason = if options.schema.as_ref().is_some_and(|schema| schema.is_empty()) {
        "a schema needs at least one column"
    } else if options.schema.is_some() && options.schema_overrides.is_some() {
        "a schema gives all types, so that there is nothing to override"
    } else if options.schema.is_none() && options.infer_schema_length == Some(0) {
        "without a schema, columns must be inferred from at least one row"
    } else {
        return Ok(());
    };
    Err(JsonError::Options { reason: reason.to_owned() })
}

/// What the first file that has any rows tells.
fn first_head<'a>(files: &'a [TextFile], options: &JsonOptions) -> Result<(Head, &'a TextFile), JsonError> {
    for file in files.iter().filter(|file| file.length() > 0) {
        let head = head(file, options.infer_schema_length, options)?;
        let is_given = options.schema_overrides.as_ref().is_some_and(|overrides| !overrides.is_empty());
        if !head.fields.is_empty() || (head.rows > 0 && is_given) {
            return Ok((head, file));
        }
    }
    match files.first() {
        Some(file) => Err(JsonError::Empty { path: file.input.path() }),
        None => Err(FilesError::NoPath.into()),
    }
}

/// About how many rows there are in files of so many bytes.
fn estimate(head: &Head, file: &TextFile, bytes: u64) -> Option<u64> {
    let bytes = match file.compression().ok()? {
        Compression::None => bytes,
        _ => bytes.saturating_mul(COMPRESSION),
    };
    Some((u128::from(bytes) * head.rows as u128 / u128::from(head.bytes.max(1))) as u64)
}

impl Scan for JsonScan {
    fn describe(&self) -> Description {
        self.table.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema.clone()
    }

    fn estimated_rows(&self) -> Option<u64> {
        let table = &self.table;
        *table.rows.get_or_init(|| {
            let file = table.files.iter().find(|file| file.length() > 0)?;
            let head = head(file, Some(MEASURED_ROWS), &table.options).ok()?;
            estimate(&head, file, table.files.iter().map(TextFile::length).sum())
        })
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        Ok(Arc::new(TextSource::new(self.table.clone(), request)?))
    }
}

impl TextTable for Table {
    type Buffer = Buffer;
    type Reader = JsonReader;

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn text_file(&self, index: usize) -> Option<&TextFile> {
        self.files.get(index)
    }

    fn constants(&self) -> &DataFrame {
        &self.constants
    }

    fn reader(self: &Arc<Self>, asked: Asked<Buffer>) -> JsonReader {
        JsonReader::new(self.clone(), asked)
    }

    fn refused(error: FilesError) -> OperatorError {
        JsonError::from(error).into()
    }

    fn describe(&self) -> Description {
        let names = names(self.files.iter().map(|file| &file.input));
        let description = Description::streams("json-scan").with("files", names);
        match self.options.bad_rows {
            BadRows::Fail => description,
            BadRows::Null => description.with("bad-rows", "null"),
            BadRows::Skip => description.with("skipped-rows", self.skipped.load(Ordering::Relaxed)),
        }
    }
}

impl Table {
    pub(super) fn file(&self, index: usize) -> Result<&TextFile, OperatorError> {
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
