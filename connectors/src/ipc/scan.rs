//! Arrow IPC files as a table.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;
use quokka_engine::source::{ColumnStatistics, Scan, ScanRequest, Source};

use super::error::IpcError;
use super::file::IpcFile;
use super::options::IpcOptions;
use super::sample::Sample;
use super::source::IpcSource;
use crate::files::{FilesError, Format, InputFile, check_columns, constants, expand, names, side_by_side, threads};

/// How Arrow IPC files are known in a directory.
const FORMAT: Format = Format { name: "Arrow IPC", suffixes: &[".arrow", ".ipc", ".feather", ".arrows"] };

/// Arrow IPC files on local disks or in stores, read as one table: files with a footer (also known as Feather version 2) and
/// streams, as their first bytes say.
///
/// Schemas are read once, when the scan is opened; local files are memory-mapped. All files must have the same columns
/// with the same types, in any order; the first file gives the order. Folders named `key=value` are columns too
/// ([`IpcOptions::hive_partitioning`]).
///
/// The unit of reading is a record batch: small ones are read together, large ones in parts. A stream is one unit. Only
/// the columns that are asked for are read, and those that the predicate does not use only where rows pass. Values that
/// are not compressed stay where they are, in the mapped file; texts, offsets and keys are checked. Rows come in the order
/// of the paths, of the record batches and of the rows in them. A worker holds a batch, of compressed files a record batch.
///
/// Damaged files yield errors. There is one exception: a file that is cut off or overwritten *while* it is read, or while
/// results that refer to it are alive, stops the process with `SIGBUS` or changes these results, as reading a mapped file
/// always does. Replace files by writing a new one and renaming it.
///
/// ```
/// use quokka_connectors::files::FilesError;
/// use quokka_connectors::ipc::{IpcError, IpcOptions, IpcScan};
///
/// let error = IpcScan::open(["no/such/folder"], IpcOptions::default()).err();
/// assert!(matches!(error, Some(IpcError::Files(FilesError::Io { .. }))));
/// ```
pub struct IpcScan {
    table: Arc<Table>,
}

/// The open files and what their paths say.
pub(super) struct Table {
    pub(super) files: Vec<IpcFile>,
    /// Columns of one value a file, one row a file.
    pub(super) constants: DataFrame,
    pub(super) schema: SchemaRef,
    identity: Option<Vec<u64>>,
    /// Taken when it is first asked for; `None` if there can be none.
    pub(super) sample: OnceLock<Option<Sample>>,
}

impl IpcScan {
    /// Opens the files behind `paths`: files, directories (searched at every depth for `*.arrow`, `*.ipc`, `*.feather` and
    /// `*.arrows`, without names that start with `.` or `_`) and globs (`*`, `**`, `?`, `[ab]`, `{a,b}`), or their addresses
    /// in a store (`s3://bucket/folder`). The files of a directory or glob are sorted by name.
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, a file that is not Arrow IPC or has a damaged schema, a column of
    /// an unsupported type, and files that do not fit together.
    pub fn open(paths: impl IntoIterator<Item = impl AsRef<Path>>, options: IpcOptions) -> Result<Self, IpcError> {
        let paths = expand(paths, &options.store_options, &FORMAT)?;
        let files = open_files(&paths)?;
        // There is a first file: `expand` fails if there is none.
        let Some(first) = files.first() else { return Err(FilesError::NoPath.into()) };
        for file in &files {
            check_columns((&first.input, &first.columns.schema), (&file.input, &file.columns.schema))?;
        }
        let file_schema = &first.columns.schema;
        let constants = constants(&paths, file_schema, options.hive_partitioning, options.include_file_paths.as_ref())?;
        let mut schema = file_schema.clone();
        schema.merge((**constants.schema()).clone());
        // What paths say is not in the files.
        let identity = match constants.width() {
            0 => files.iter().map(|file| file.identity).collect::<Option<Vec<_>>>().map(|files| files.concat()),
            _ => None,
        };
        let (schema, sample) = (Arc::new(schema), OnceLock::new());
        Ok(Self { table: Arc::new(Table { files, constants, schema, identity, sample }) })
    }
}

/// Opens all files, with the help of other threads if there are many, and reports the first failure by order of files.
fn open_files(files: &[InputFile]) -> Result<Vec<IpcFile>, IpcError> {
    let are_local = files.iter().all(|file| file.local_path().is_some());
    side_by_side(files.len(), threads(files.len(), are_local), |index| match files.get(index) {
        Some(file) => IpcFile::open(file.clone()),
        None => Err(FilesError::NoPath.into()),
    })
}

#[cfg(test)]
impl IpcScan {
    pub(super) fn table(&self) -> &Table {
        &self.table
    }
}

impl Scan for IpcScan {
    fn describe(&self) -> Description {
        self.table.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.table.schema.clone()
    }

    fn rows(&self) -> Option<u64> {
        self.table.files.iter().map(IpcFile::rows).sum()
    }

    fn estimated_rows(&self) -> Option<u64> {
        self.table.estimated_rows()
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
        Ok(Arc::new(IpcSource::new(self.table.clone(), request)?))
    }
}

impl Table {
    pub(super) fn describe(&self) -> Description {
        Description::streams("ipc-scan").with("files", names(self.files.iter().map(|file| &file.input)))
    }

    pub(super) fn estimated_rows(&self) -> Option<u64> {
        self.files.iter().map(IpcFile::estimated_rows).sum()
    }

    pub(super) fn file(&self, index: usize) -> Result<&IpcFile, OperatorError> {
        let missing = || OperatorError::message(ErrorKind::Internal, format!("there is no file {index}"));
        self.files.get(index).ok_or_else(missing)
    }
}
