//! Queries that end in files, whatever their format: CSV here, Parquet in `sink`; and how they are waited for.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use quokka_connectors::csv::CsvWriteOptions;
use quokka_connectors::sink::{FileSink, WriteOptions, WriteReport, report_schema};
use quokka_engine::error::OperatorError;
use quokka_engine::pool::QueryProgress;

use super::DataStream;
use super::run::assembling;
use crate::context::shown;
use crate::error::{Error, Result};
use crate::plan::cardinality::Estimates;
use crate::plan::physical::{Collected, Ending};
use crate::progress::Shown;

impl DataStream {
    /// Runs the query and writes its rows to CSV files: to one file if `path` ends in `.csv`, `.csv.gz` or `.csv.zst` (then it
    /// is compressed), else to a directory of files, at least one of each worker that has rows. Each file starts with the names of
    /// the columns. Returns the files; in a cluster, every process gets the same list. `path` must not exist.
    ///
    /// All files become visible at once, when all of them are complete, as those of [`sink_parquet`](Self::sink_parquet).
    ///
    /// Streams. Each worker holds the text of some thousand rows; one file is written by one worker.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-csv-{}", std::process::id()));
    /// let path = folder.join("numbers.csv.gz");
    /// let stream = context.from_df(df!("n" => [1i64, 2], "text" => [Some("a,b"), None]).unwrap());
    /// let report = stream.sink_csv(&path)?;
    /// assert_eq!((report.files.len(), report.rows()), (1, 2));
    /// assert_eq!(context.read_csv(&path)?.collect()?, stream.collect()?);
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A target that exists; a type that has no text, such as a list; what the operating system refuses; as
    /// [`collect`](Self::collect).
    pub fn sink_csv(&self, path: impl AsRef<Path>) -> Result<WriteReport> {
        self.sink_csv_with(path, CsvWriteOptions::default())
    }

    /// [`sink_csv`](Self::sink_csv) with options: separators and quotes, forms of values, compression, sizes of files,
    /// partitions, and what happens if the target exists.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-csv-with-{}", std::process::id()));
    /// let sales = context.from_df(df!("year" => [2024, 2025], "price" => [Some(1.5), None]).unwrap());
    /// let options = CsvWriteOptions::default().with_separator(b';').with_null_value("n/a").with_partition_by(["year"]);
    /// sales.sink_csv_with(&folder, options)?;
    /// let text = std::fs::read_to_string(folder.join("year=2025/part-00000.csv")).unwrap();
    /// assert_eq!(text, "year;price\n2025;n/a\n");
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sink_csv`](Self::sink_csv); options that contradict each other, the columns or the target.
    pub fn sink_csv_with(&self, path: impl AsRef<Path>, options: CsvWriteOptions) -> Result<WriteReport> {
        self.start_sink(path, options)?.wait()
    }

    /// Starts to write the rows to files, in the format of `options`, and returns at once, to wait for the files, or to
    /// cancel the query, later. In a cluster, all processes must start their queries in the same order.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-start-sink-{}", std::process::id()));
    /// let stream = context.from_df(df!("n" => [1, 2]).unwrap());
    /// let one = stream.start_sink(folder.join("n.csv"), CsvWriteOptions::default())?;
    /// let other = stream.start_sink(folder.join("n.parquet"), ParquetWriteOptions::default())?;
    /// assert_eq!((one.wait()?.rows(), other.wait()?.rows()), (2, 2));
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A query that does not fit its input; a source that cannot be opened; a target that cannot be written to.
    pub fn start_sink(&self, path: impl AsRef<Path>, options: impl WriteOptions) -> Result<RunningSink> {
        let path = path.as_ref();
        let refused = |source: OperatorError| Error::Sink { path: shown(path).into(), source };
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let files = options.file_options().clone();
        let format = options.into_format(path).map_err(refused)?;
        let sink = FileSink::new(path, files, format, query.root.schema().clone());
        let sink = sink.map_err(|error| refused(error.into()))?;
        let collected = Collected::default();
        let mut plan = self.lower(&query, &estimates, Ending::Files(Arc::new(sink), &collected))?.plan;
        plan.is_followed = true;
        let handle = self.context.run(plan)?;
        Ok(RunningSink { handle, collected })
    }
}

/// A query that writes files, started by [`DataStream::start_sink`]. Dropping it does not stop the query.
#[must_use = "`wait` for the files, or `cancel`"]
pub struct RunningSink {
    handle: Shown,
    collected: Collected,
}

impl fmt::Debug for RunningSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningSink").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

impl RunningSink {
    /// Waits until all files are there.
    ///
    /// # Errors
    /// Whatever an operator, a source or another process fails with; [`quokka_engine::error::Error::Cancelled`].
    pub fn wait(self) -> Result<WriteReport> {
        self.handle.wait()?;
        let frame = self.collected.take(&report_schema());
        frame.and_then(|frame| Ok(WriteReport::from_frame(&frame)?)).map_err(assembling)
    }

    /// Stops the query in all processes; whoever waits for it gets [`quokka_engine::error::Error::Cancelled`]. Either nothing
    /// that it wrote is left, or, if it was making its files visible at that moment, all. Without effect on a query that has
    /// ended.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let path = std::env::temp_dir().join(format!("quokka-doc-cancel-sink-{}.csv", std::process::id()));
    /// let query = context.from_df(df!("a" => [1, 2]).unwrap()).start_sink(&path, CsvWriteOptions::default())?;
    /// query.cancel();
    /// // Cancelled, unless it was faster.
    /// let _ = query.wait();
    /// # drop(std::fs::remove_file(path));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// How far the query has come: what its sources have read, in all processes. The other processes tell how far they are a few
    /// times a second. Costs the workers nothing.
    pub fn progress(&self) -> QueryProgress {
        self.handle.progress()
    }

    /// Whether the query has ended in this process, well or not: [`wait`](Self::wait) returns at once.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}
