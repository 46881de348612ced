//! Queries that end in Arrow IPC files.

use std::path::Path;

use quokka_connectors::ipc::IpcWriteOptions;
use quokka_connectors::sink::WriteReport;

use super::DataStream;
use crate::error::Result;

impl DataStream {
    /// Runs the query and writes its rows to Arrow IPC files (also known as Feather, version 2): to one file if `path` ends in
    /// `.arrow`, `.ipc`, `.feather` or `.arrows`, else to a directory of files, at least one of each worker that has rows. Returns
    /// the files; in a cluster, every process gets the same list. `path` must not exist.
    ///
    /// All files become visible at once, when all of them are complete, as those of [`sink_parquet`](Self::sink_parquet).
    ///
    /// Streams. Each worker holds the rows of a record batch; one file is written by one worker.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-ipc-{}", std::process::id()));
    /// let path = folder.join("numbers.arrow");
    /// let stream = context.from_df(df!("n" => [1, 2, 3]).unwrap());
    /// let report = stream.sink_ipc(&path)?;
    /// assert_eq!((report.files.len(), report.rows()), (1, 3));
    /// assert_eq!(context.read_ipc(&path)?.collect()?, stream.collect()?);
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A target that exists; what the operating system refuses; as [`collect`](Self::collect).
    pub fn sink_ipc(&self, path: impl AsRef<Path>) -> Result<WriteReport> {
        self.sink_ipc_with(path, IpcWriteOptions::default())
    }

    /// [`sink_ipc`](Self::sink_ipc) with options: files or streams, compression, sizes of files and record batches, partitions,
    /// and what happens if the target exists.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-ipc-with-{}", std::process::id()));
    /// use quokka::{IpcCompression, IpcWriteOptions};
    ///
    /// let sales = context.from_df(df!("year" => [2024, 2025, 2024], "price" => [1.0, 2.0, 3.0]).unwrap());
    /// let options = IpcWriteOptions::default().with_compression(IpcCompression::Lz4).with_partition_by(["year"]);
    /// let report = sales.sink_ipc_with(&folder, options)?;
    /// assert_eq!(report.files[0].path, folder.join("year=2024/part-00000.arrow"));
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sink_ipc`](Self::sink_ipc); options that do not fit the columns or the target.
    pub fn sink_ipc_with(&self, path: impl AsRef<Path>, options: IpcWriteOptions) -> Result<WriteReport> {
        self.start_sink(path, options)?.wait()
    }
}
