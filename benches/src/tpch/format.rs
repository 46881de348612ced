//! The formats in which the tables can be read.

use std::path::{Path, PathBuf};

use quokka::{Context, CsvOptions, DataStream, JsonOptions};

use super::error::Error;
use super::generate::{TABLES, table_path};

/// A format of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Parquet, as the tables are generated.
    #[default]
    Parquet,
    /// CSV.
    Csv,
    /// Newline-delimited JSON.
    Json,
    /// Arrow IPC.
    Arrow,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Csv, Self::Json, Self::Arrow];

    /// How names of its files end, and what the command line calls it.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "ndjson",
            Self::Arrow => "arrow",
        }
    }

    fn path(self, folder: &Path, table: &str) -> PathBuf {
        folder.join(format!("{table}.{}", self.suffix()))
    }

    /// The tables that a folder lacks in this format.
    pub(super) fn missing_tables(self, folder: &Path) -> Vec<&'static str> {
        let is_missing = |table: &&str| match self {
            Self::Parquet => table_path(folder, table).is_none(),
            other => !other.path(folder, table).exists(),
        };
        TABLES.into_iter().filter(is_missing).collect()
    }

    /// Writes the tables that a folder lacks in this format, of those that it has as Parquet, in the same order of rows.
    pub(super) fn convert_missing(self, folder: &Path) -> Result<(), Error> {
        let missing = self.missing_tables(folder);
        if missing.is_empty() {
            return Ok(());
        }
        let context = Context::builder().workers(1).build().map_err(Error::Start)?;
        for table in missing {
            let rows = self.open_parquet(&context, folder, table);
            let written = rows.and_then(|rows| match self {
                Self::Parquet => Ok(()),
                Self::Csv => rows.sink_csv(self.path(folder, table)).map(|_| ()),
                Self::Json => rows.sink_ndjson(self.path(folder, table)).map(|_| ()),
                Self::Arrow => rows.sink_ipc(self.path(folder, table)).map(|_| ()),
            });
            written.map_err(|error| Error::output(&self.path(folder, table), error.report()))?;
        }
        Ok(())
    }

    fn open_parquet(self, context: &Context, folder: &Path, table: &str) -> quokka::Result<DataStream> {
        // A table that has vanished is reported by the source, under the name it should have.
        context.read_parquet(table_path(folder, table).unwrap_or_else(|| Self::Parquet.path(folder, table)))
    }

    /// A table of a folder. What is text has the types of the Parquet file.
    pub(super) fn open(self, context: &Context, folder: &Path, table: &str) -> quokka::Result<DataStream> {
        let path = self.path(folder, table);
        let schema = || self.open_parquet(context, folder, table)?.schema();
        match self {
            Self::Parquet => self.open_parquet(context, folder, table),
            Self::Csv => context.read_csv_with(path, CsvOptions::default().with_schema(schema()?)),
            Self::Json => context.read_ndjson_with(path, JsonOptions::default().with_schema(schema()?)),
            Self::Arrow => context.read_ipc(path),
        }
    }
}
