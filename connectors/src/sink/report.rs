//! What was written.

use std::path::PathBuf;
use std::sync::Arc;

use polars_core::datatypes::{DataType, Field};
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{IntoColumn, NamedFrom};
use polars_core::schema::{Schema, SchemaRef};
use polars_core::series::Series;

/// The files that a query wrote, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// The files.
    pub files: Vec<WrittenFile>,
}

/// A file that a query wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The folders that name its partition, such as `year=2024/month=1`; empty without `partition_by`.
    pub partition: String,
}

impl WriteReport {
    /// Rows of all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What [`CommitFiles`](super::CommitFiles) sent.
    ///
    /// # Errors
    /// A frame with other columns.
    pub fn from_frame(frame: &DataFrame) -> PolarsResult<Self> {
        let mut rows = Vec::new();
        from_frame(frame, &mut rows)?;
        let file =
            |FileRow { path, partition, rows, bytes, .. }| WrittenFile { path: path.into(), rows, bytes, partition };
        let mut files: Vec<_> = rows.into_iter().map(file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files })
    }
}

/// A file in a staging folder, or where it belongs.
pub(super) struct FileRow {
    pub(super) path: String,
    pub(super) partition: String,
    /// What worker 0 needs to commit it, if it lies in a store and another process wrote it.
    pub(super) staged: String,
    /// Who wrote it, and after how many other files: the order of files follows the order of the stream.
    pub(super) worker: u64,
    pub(super) number: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// The columns of what [`WriteFiles`](super::WriteFiles) and [`CommitFiles`](super::CommitFiles) send: a row a file.
pub fn report_schema() -> SchemaRef {
    let text = ["path", "partition", "staged"].map(|name| Field::new(name.into(), DataType::String));
    let numbers = ["worker", "number", "rows", "bytes"].map(|name| Field::new(name.into(), DataType::UInt64));
    Arc::new(Schema::from_iter(text.into_iter().chain(numbers)))
}

pub(super) fn to_frame(rows: &[FileRow]) -> PolarsResult<DataFrame> {
    let text = |name: &str, value: fn(&FileRow) -> &str| {
        Series::new(name.into(), rows.iter().map(value).collect::<Vec<_>>()).into_column()
    };
    let number = |name: &str, value: fn(&FileRow) -> u64| {
        Series::new(name.into(), rows.iter().map(value).collect::<Vec<_>>()).into_column()
    };
    DataFrame::new(
        rows.len(),
        vec![
            text("path", |row| &row.path),
            text("partition", |row| &row.partition),
            text("staged", |row| &row.staged),
            number("worker", |row| row.worker),
            number("number", |row| row.number),
            number("rows", |row| row.rows),
            number("bytes", |row| row.bytes),
        ],
    )
}

pub(super) fn from_frame(frame: &DataFrame, into: &mut Vec<FileRow>) -> PolarsResult<()> {
    let (paths, partitions) = (frame.column("path")?.str()?, frame.column("partition")?.str()?);
    let staged = frame.column("staged")?.str()?;
    let (workers, numbers) = (frame.column("worker")?.u64()?, frame.column("number")?.u64()?);
    let (rows, bytes) = (frame.column("rows")?.u64()?, frame.column("bytes")?.u64()?);
    into.extend((0..frame.height()).map(|index| FileRow {
        path: paths.get(index).unwrap_or_default().to_owned(),
        partition: partitions.get(index).unwrap_or_default().to_owned(),
        staged: staged.get(index).unwrap_or_default().to_owned(),
        worker: workers.get(index).unwrap_or_default(),
        number: numbers.get(index).unwrap_or_default(),
        rows: rows.get(index).unwrap_or_default(),
        bytes: bytes.get(index).unwrap_or_default(),
    }));
    Ok(())
}
