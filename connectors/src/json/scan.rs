//! Files of newline-delimited JSON as a table.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use polars_core::frame::DataFrame;
use polars_core::schema::{Schema, SchemaRef};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;
use quokka_engine::source::{ColumnStatistics, Scan, ScanRequest, Source};

use super::columns::builder;
use super::error::JsonError;
use super::head::{Head, head};
use super::infer::columns;
use super::options::JsonOptions;
use super::reader::{Buffer, JsonReader};
use super::sample::Lines;
use crate::files::{FilesError, Format};
use crate::text::{
    Asked, FoundFiles, Measured, TextFile, TextFiles, TextSample, TextSource, TextTable, sample, sampled_rows,
    statistics, unsupported,
};

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
/// Bytes of text that come out of one of a compressed file, at a guess.
const EXPANSION: u64 = 8;

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

/// The files, and how they are read.
pub(super) struct Table {
    pub(super) files: TextFiles<TextFile>,
    pub(super) options: JsonOptions,
    /// Taken when it is first asked for; `None` if there can be none.
    pub(super) sample: OnceLock<Option<TextSample<Lines>>>,
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
        let found = FoundFiles::<TextFile>::new(paths, &FORMAT, &options.shared(), range_bytes)?;
        let (file_schema, measured) = match &options.schema {
            Some(schema) => ((**schema).clone(), None),
            None => {
                let (head, file) = first_head(&found.files, &options)?;
                let measured = measured(&head, file)?;
                let mut schema: Schema = columns(head.fields).collect();
                let overrides = options.schema_overrides.iter().flat_map(|overrides| overrides.iter());
                overrides.for_each(|(name, dtype)| drop(schema.insert(name.clone(), dtype.clone())));
                (schema, Some(measured))
            },
        };
        if let Some((column, dtype)) = unsupported(&file_schema, |dtype| builder(dtype).is_some()) {
            return Err(JsonError::UnsupportedType { column, dtype });
        }
        let files = found.into_table(file_schema, measured, &options.shared())?;
        Ok(Self { table: Arc::new(Table { files, options, sample: OnceLock::new() }) })
    }
}

fn check(options: &JsonOptions) -> Result<(), JsonError> {
    let needs_rows = "without a schema, columns must be inferred from at least one row";
    let has_no_rows = options.schema.is_none() && options.infer_schema_length == Some(0);
    match options.shared().contradiction().or(has_no_rows.then_some(needs_rows)) {
        Some(reason) => Err(JsonError::Options { reason: reason.to_owned() }),
        None => Ok(()),
    }
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

/// How long the first rows of a file are.
fn measured(head: &Head, file: &TextFile) -> Result<Measured, JsonError> {
    Ok(Measured::new(file, head.rows, head.bytes, EXPANSION)?)
}

impl Scan for JsonScan {
    fn describe(&self) -> Description {
        self.table.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.table.files.schema.clone()
    }

    fn estimated_rows(&self) -> Option<u64> {
        let table = &self.table;
        sampled_rows(&**table).or_else(|| {
            table.files.estimated_rows(|file| measured(&head(file, Some(MEASURED_ROWS), &table.options)?, file))
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
    type Buffer = Buffer;
    type File = TextFile;
    type Reader = JsonReader;

    fn describe(&self) -> Description {
        self.files.describe("json-scan")
    }

    fn files(&self) -> &TextFiles<TextFile> {
        &self.files
    }

    fn reader(self: &Arc<Self>, asked: Asked<Buffer>) -> JsonReader {
        JsonReader::new(self.clone(), asked)
    }

    fn refused(error: FilesError) -> OperatorError {
        JsonError::from(error).into()
    }
}
