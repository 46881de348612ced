//! Queries that end in files of JSON.

use std::path::Path;

use quokka_connectors::json::JsonWriteOptions;
use quokka_connectors::sink::WriteReport;

use super::DataStream;
use crate::error::Result;

impl DataStream {
    /// Runs the query and writes its rows as newline-delimited JSON, one object a line: to one file if `path` ends in `.ndjson`,
    /// `.jsonl` or `.json`, perhaps with `.gz` or `.zst` behind (then it is compressed), else to a directory of files, at
    /// least one of each worker that has rows. Lists and structs become lists and objects. Returns the files; in a cluster, every
    /// process gets the same list. `path` must not exist.
    ///
    /// All files become visible at once, when all of them are complete, as those of [`sink_parquet`](Self::sink_parquet).
    ///
    /// Streams. Each worker holds the text of some thousand rows; one file is written by one worker.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-ndjson-{}", std::process::id()));
    /// let path = folder.join("numbers.ndjson.gz");
    /// let stream = context.from_df(df!("n" => [1i64, 2], "text" => [Some("a\"b"), None]).unwrap());
    /// let report = stream.sink_ndjson(&path)?;
    /// assert_eq!((report.files.len(), report.rows()), (1, 2));
    /// assert_eq!(context.read_ndjson(&path)?.collect()?, stream.collect()?);
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A target that exists; binary values, which have no form in JSON; what the operating system refuses; as
    /// [`collect`](Self::collect).
    pub fn sink_ndjson(&self, path: impl AsRef<Path>) -> Result<WriteReport> {
        self.sink_ndjson_with(path, JsonWriteOptions::default())
    }

    /// [`sink_ndjson`](Self::sink_ndjson) with options: compression, sizes of files, partitions, and what happens if the target
    /// exists.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// # let folder = std::env::temp_dir().join(format!("quokka-doc-ndjson-with-{}", std::process::id()));
    /// use quokka::JsonWriteOptions;
    ///
    /// let sales = context.from_df(df!("year" => [2024, 2025], "price" => [Some(1.5), None]).unwrap());
    /// sales.sink_ndjson_with(&folder, JsonWriteOptions::default().with_partition_by(["year"]))?;
    /// let text = std::fs::read_to_string(folder.join("year=2025/part-00000.ndjson")).unwrap();
    /// assert_eq!(text, "{\"year\":2025,\"price\":null}\n");
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`sink_ndjson`](Self::sink_ndjson); options that do not fit the columns or the target.
    pub fn sink_ndjson_with(&self, path: impl AsRef<Path>, options: JsonWriteOptions) -> Result<WriteReport> {
        self.start_sink(path, options)?.wait()
    }
}
