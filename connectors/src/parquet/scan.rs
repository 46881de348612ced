//! Parquet files as a table.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use polars_core::frame::DataFrame;
use polars_core::prelude::PlHashMap;
use polars_core::scalar::Scalar;
use polars_core::schema::SchemaRef;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;
use quokka_engine::source::{ColumnStatistics, Scan, ScanRequest, Source};

use super::error::ParquetError;
use super::file::ParquetFile;
use super::file_schema::FileSchemas;
use super::options::ParquetOptions;
use super::sample::Sample;
use super::source::ParquetSource;
use crate::files::{
    FilesError, Format, InputFile, KEPT_MAPPED, check_columns, constant, constants, expand, names, side_by_side,
    threads,
};

/// Parquet files on local disks or in stores, read as one table.
///
/// Footers are read once, when the scan is opened, and what queries need of them is kept, about 32 bytes for a column of
/// integers and a row group; local files are memory-mapped. All files must have the same columns
/// with the same types, in any order; the first file gives the order. Folders named `key=value` are columns too
/// ([`ParquetOptions::hive_partitioning`]), and the paths of files may be ([`ParquetOptions::include_file_paths`]).
///
/// The unit of reading is a row group. Row groups in which the predicate cannot be true, by the statistics in the footers
/// and the names of the folders, are not read; of the others, only the columns that are asked for are, and those that the
/// predicate does not use only for the rows that pass, if that is cheaper; pages without such a row stay compressed. Rows come in the order of the paths, of the
/// row groups and of the rows in them. A worker holds a batch and one page of each column, except of nested columns and
/// of rare types and encodings, which Polars decodes a row group at a time. Of a file in a store it holds the column chunks of
/// a row group, and those of the next row groups are fetched meanwhile.
///
/// Damaged files yield errors. There is one exception: a file that is cut off *while* it is read stops the process with
/// `SIGBUS`, as reading a mapped file always does. Replace files by writing a new one and renaming it.
///
/// ```
/// use quokka_connectors::files::FilesError;
/// use quokka_connectors::parquet::{ParquetError, ParquetOptions, ParquetScan};
///
/// let error = ParquetScan::open(["no/such/folder"], ParquetOptions::default()).err();
/// assert!(matches!(error, Some(ParquetError::Files(FilesError::Io { .. }))));
/// ```
pub struct ParquetScan {
    pub(super) table: Arc<Table>,
}

/// The open files and what their paths say.
pub(super) struct Table {
    pub(super) files: Vec<ParquetFile>,
    /// What folders say, and the path, if it is asked for: one row a file.
    pub(super) partitions: DataFrame,
    pub(super) schema: SchemaRef,
    identity: Option<Vec<u64>>,
    pub(super) sample: Sample,
    /// What was found out of columns.
    pub(super) summaries: Mutex<PlHashMap<PlSmallStr, ColumnStatistics>>,
}

impl ParquetScan {
    /// Opens the files behind `paths`: files, directories (searched at every depth for `*.parquet`, without names that
    /// start with `.` or `_`) and globs (`*`, `**`, `?`, `[ab]`, `{a,b}`), or their addresses in a store
    /// (`s3://bucket/folder`). The files of a directory or glob are sorted by name.
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, a file that is not Parquet or has a damaged footer, a column of
    /// an unsupported type, and files that do not fit together.
    pub fn open(
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
        options: ParquetOptions,
    ) -> Result<Self, ParquetError> {
        Self::open_keeping(paths, options, KEPT_MAPPED)
    }

    /// Opens files as [`open`](Self::open). Local ones stay mapped if fewer than `most_mapped` are; others are mapped again when
    /// they are read.
    pub(super) fn open_keeping(
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
        options: ParquetOptions,
        most_mapped: usize,
    ) -> Result<Self, ParquetError> {
        let paths = expand(paths, &options.store_options, &Format { name: "Parquet", suffixes: &[".parquet"] })?;
        let files = open_files(&paths, most_mapped)?;
        // There is a first file: `expand` fails if there is none.
        let Some(first) = files.first() else { return Err(FilesError::NoPath.into()) };
        for file in &files {
            check_columns((&first.input, first.schema()), (&file.input, file.schema()))?;
        }
        let path_column = options.include_file_paths.as_ref();
        let partitions = constants(&paths, first.schema(), options.hive_partitioning, path_column)?;
        let mut schema = (**first.schema()).clone();
        schema.merge((**partitions.schema()).clone());
        let sample = Sample::new(&files);
        // What paths say is not in the files.
        let identity = match partitions.width() {
            0 => files.iter().map(|file| file.identity).collect::<Option<Vec<_>>>().map(|files| files.concat()),
            _ => None,
        };
        let schema = Arc::new(schema);
        let table = Table { files, partitions, schema, identity, sample, summaries: Mutex::default() };
        Ok(Self { table: Arc::new(table) })
    }
}

impl Scan for ParquetScan {
    fn describe(&self) -> Description {
        self.table.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema.clone()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.table.files.iter().map(ParquetFile::rows).sum())
    }

    fn identity(&self) -> Option<&[u64]> {
        self.table.identity.as_deref()
    }

    fn statistics(&self, column: &str) -> ColumnStatistics {
        self.table.statistics(column)
    }

    fn sample(&self, columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        self.table.sample(columns)
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        Ok(Arc::new(ParquetSource::new(self.table.clone(), request)?))
    }
}

impl Table {
    pub(super) fn describe(&self) -> Description {
        Description::streams("parquet-scan").with("files", names(self.files.iter().map(|file| &file.input)))
    }

    pub(super) fn file(&self, index: usize) -> Result<&ParquetFile, OperatorError> {
        let missing = || OperatorError::message(ErrorKind::Internal, format!("there is no file {index}"));
        self.files.get(index).ok_or_else(missing)
    }

    /// The value of a column that is the same for all rows of a file.
    pub(super) fn partition_value(&self, name: &str, file: usize) -> Option<Scalar> {
        constant(&self.partitions, name, file)
    }
}

/// Opens all files, side by side if there are many, and reports the first failure by order of files.
fn open_files(files: &[InputFile], most_mapped: usize) -> Result<Vec<ParquetFile>, ParquetError> {
    let are_local = files.iter().all(|file| file.local_path().is_some());
    let schemas = FileSchemas::default();
    side_by_side(files.len(), threads(files.len(), are_local), |index| match files.get(index) {
        Some(file) => ParquetFile::open(file.clone(), &schemas, most_mapped),
        None => Err(FilesError::NoPath.into()),
    })
}
