//! Queries that end outside of the program: in files, or in a function of the user.

use std::path::Path;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use quokka_connectors::parquet::ParquetWriteOptions;
use quokka_connectors::sink::WriteReport;
use quokka_engine::error::OperatorError;
use quokka_engine::sink::SinkFactory;

use super::DataStream;
use crate::error::Result;
use crate::plan::cardinality::Estimates;
use crate::plan::physical::{CallFunction, Ending};

impl DataStream {
    /// Runs the query and writes its rows to Parquet files: to one file if `path` ends in `.parquet`, else to a directory
    /// of files, at least one of each worker that has rows. Returns the files; in a cluster, every process gets the same
    /// list. `path` must not exist.
    ///
    /// All files become visible at once, when all of them are complete and durable: a query that fails, is cancelled or
    /// killed leaves nothing. Files of a sorted stream are in order by name. A result without rows is one file.
    ///
    /// `path` may be an address of a store, such as `s3://bucket/prefix`. There files appear one by one when all of them are
    /// complete; `docs/sinks.md` says what holds if that fails.
    ///
    /// Streams. Each worker holds the compressed pages of a row group; one file is written by one worker.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-{}", std::process::id()));
    /// let path = folder.join("numbers.parquet");
    /// let stream = context.from_df(df!("n" => [1, 2, 3]).unwrap());
    /// let report = stream.sink_parquet(&path)?;
    /// assert_eq!((report.files.len(), report.rows()), (1, 3));
    /// assert_eq!(context.read_parquet(&path)?.collect()?, stream.collect()?);
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A target that exists; what the operating system refuses; as [`collect`](Self::collect).
    pub fn sink_parquet(&self, path: impl AsRef<Path>) -> Result<WriteReport> {
        self.sink_parquet_with(path, ParquetWriteOptions::default())
    }

    /// [`sink_parquet`](Self::sink_parquet) with options: compression, sizes of files and row groups, partitions, and what
    /// happens if the target exists.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-with-{}", std::process::id()));
    /// let sales = context.from_df(df!("year" => [2024, 2025, 2024], "price" => [1.0, 2.0, 3.0]).unwrap());
    /// let options = ParquetWriteOptions::default().with_partition_by(["year"]).with_mode(WriteMode::Overwrite);
    /// let report = sales.sink_parquet_with(&folder, options)?;
    /// assert_eq!(report.files[0].path, folder.join("year=2024/part-00000.parquet"));
    ///
    /// // In a store: here in memory, which takes no options.
    /// let store = quokka::StoreOptions::from_iter([("aws_region", "eu-west-1")]);
    /// let options = ParquetWriteOptions::default().with_store_options(store);
    /// sales.sink_parquet_with("memory://shop/sales", options)?;
    /// assert_eq!(context.read_parquet("memory://shop/sales")?.collect()?, sales.collect()?);
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sink_parquet`](Self::sink_parquet); options that do not fit the columns or the target.
    pub fn sink_parquet_with(&self, path: impl AsRef<Path>, options: ParquetWriteOptions) -> Result<WriteReport> {
        self.start_sink(path, options)?.wait()
    }

    /// Runs the query and hands its rows, batch by batch, to a function of yours, on the workers that have them: several
    /// at a time, on as many threads. It gets the index of the worker, too; the batches of one worker come one after the
    /// other, in order if the stream has one. In a cluster, each process calls it with the rows of its own workers.
    ///
    /// Streams: a slow function holds the query back. What the function did stays done if the query fails.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// # let context = Context::builder().build()?;
    /// let rows = std::sync::Arc::new(AtomicUsize::new(0));
    /// let counter = rows.clone();
    /// context.from_df(df!("n" => [1, 2, 3]).unwrap()).sink_fn(move |_worker, batch| {
    ///     counter.fetch_add(batch.height(), Ordering::Relaxed);
    ///     Ok(())
    /// })?;
    /// assert_eq!(rows.load(Ordering::Relaxed), 3);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the function returns, or its panic; as [`collect`](Self::collect).
    pub fn sink_fn<F>(&self, function: F) -> Result<()>
    where
        F: Fn(usize, DataFrame) -> Result<(), OperatorError> + Send + Sync + 'static,
    {
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let sink: Arc<dyn SinkFactory> = Arc::new(CallFunction::new(Arc::new(function), query.root.schema().clone()));
        let physical = self.lower(&query, &estimates, Ending::Sink(sink))?;
        self.context.run(physical.plan)?.wait()?;
        Ok(())
    }
}
