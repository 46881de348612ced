//! Where streams start.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use polars_core::frame::DataFrame;
use quokka_connectors::csv::{CsvOptions, CsvScan};
use quokka_connectors::memory::MemoryScan;
use quokka_connectors::parquet::{ParquetOptions, ParquetScan};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::source::Scan;

use super::{Context, Paths, shown};
use crate::arrow::from_record_batches;
use crate::error::{Error, Result};
use crate::plan::logical::LogicalPlan;
use crate::stream::DataStream;
use crate::user::{InputReader, ReaderScan};

impl Context {
    /// The rows of Parquet files: a file, a directory (searched at every depth for `*.parquet`), a glob, or a list of them, on
    /// local disks or in stores ([`Paths`]). Folders named `key=value` become columns.
    ///
    /// Footers are read at once, data when the query runs: only the columns that it uses, and only the row groups in which
    /// its filters can be true. In a cluster, every process must see the same files.
    ///
    /// ```no_run
    /// # use quokka::prelude::*;
    /// let context = Context::builder().build()?;
    /// let lines = context.read_parquet("data/lineitem/*.parquet")?;
    /// let both = context.read_parquet(["data/2024.parquet", "data/2025.parquet"])?;
    /// let stored = context.read_parquet("s3://bucket/lineitem/*.parquet")?;
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, a damaged file, files that do not fit together.
    pub fn read_parquet(&self, paths: impl Paths) -> Result<DataStream> {
        self.read_parquet_with(paths, ParquetOptions::default())
    }

    /// [`read_parquet`](Self::read_parquet) with options.
    ///
    /// ```no_run
    /// # use quokka::prelude::*;
    /// use quokka::{ParquetOptions, StoreOptions};
    ///
    /// let store = StoreOptions::from_iter([("aws_region", "eu-west-1"), ("aws_skip_signature", "true")]);
    /// let context = Context::builder().build()?;
    /// let lines = context.read_parquet_with("s3://bucket/lineitem", ParquetOptions::default().with_store_options(store))?;
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_parquet`](Self::read_parquet).
    pub fn read_parquet_with(&self, paths: impl Paths, options: ParquetOptions) -> Result<DataStream> {
        let paths = paths.into_paths();
        let scan = ParquetScan::open(&paths, options).map_err(|error| cannot_open(&paths, error))?;
        Ok(self.stream(scan))
    }

    /// The rows of CSV files: a file, a directory (searched at every depth for `*.csv`, `*.csv.gz` and `*.csv.zst`), a glob,
    /// or a list of them, on local disks or in stores ([`Paths`]). Folders named `key=value` become columns.
    ///
    /// Types are inferred from the first hundred rows of the first file. Data is read when the query runs: only the columns
    /// that it uses are parsed, and most of them only for the rows that pass its filters. In a cluster, every process must see
    /// the same files.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("quokka-read-csv-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let file = folder.join("cities.csv");
    /// std::fs::write(&file, "city,inhabitants\nParis,2100000\n\"Alès, Gard\",44000\n").unwrap();
    /// let context = Context::builder().build()?;
    /// let cities = context.read_csv(&file)?.filter(col("inhabitants").gt(lit(1_000_000))).collect()?;
    /// assert_eq!(cities, df!("city" => ["Paris"], "inhabitants" => [2_100_000i64]).unwrap());
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, no row that tells the columns.
    pub fn read_csv(&self, paths: impl Paths) -> Result<DataStream> {
        self.read_csv_with(paths, CsvOptions::default())
    }

    /// [`read_csv`](Self::read_csv) with options: other separators and quotes, files without header, types, null values,
    /// what becomes of rows that do not fit.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("quokka-read-csv-with-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let file = folder.join("log.txt");
    /// use quokka::{BadRows, CsvOptions};
    ///
    /// std::fs::write(&file, "1;ok\n2;-\nthree;ok\n").unwrap();
    /// let types = [Field::new("id".into(), DataType::Int32), Field::new("state".into(), DataType::String)];
    /// let options = CsvOptions::default()
    ///     .with_separator(b';')
    ///     .with_schema(Schema::from_iter(types).into())
    ///     .with_has_header(false)
    ///     .with_null_values(["-"])
    ///     .with_bad_rows(BadRows::Skip);
    /// let context = Context::builder().build()?;
    /// let log = context.read_csv_with(&file, options)?.collect()?;
    /// assert!(log.equals_missing(&df!("id" => [1, 2], "state" => [Some("ok"), None]).unwrap()));
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_csv`](Self::read_csv), and options that contradict each other.
    pub fn read_csv_with(&self, paths: impl Paths, options: CsvOptions) -> Result<DataStream> {
        let paths = paths.into_paths();
        let scan = CsvScan::open(&paths, options).map_err(|error| cannot_open(&paths, error))?;
        Ok(self.stream(scan))
    }

    /// The rows of a DataFrame, each chunk of which is read on its own. Nothing is copied. In a cluster, every process must pass the same frame; each reads its
    /// share of it.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap());
    /// assert_eq!(stream.collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn from_df(&self, mut frame: DataFrame) -> DataStream {
        self.stream(match frame.first_col_n_chunks() {
            0 | 1 => MemoryScan::from(frame),
            _ => MemoryScan::new(frame.split_chunks().collect()).unwrap_or_else(|_| MemoryScan::from(frame)),
        })
    }

    /// The rows of record batches of arrow-rs, which have one schema. Values are not copied.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// use std::sync::Arc;
    /// use arrow_array::{ArrayRef, Int32Array, RecordBatch};
    ///
    /// let context = Context::builder().build()?;
    /// let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    /// let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    /// assert_eq!(context.from_arrow([batch])?.collect()?, df!("n" => [Some(1), None]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// No batch at all, batches of different schemas, a type that Polars does not have.
    pub fn from_arrow(&self, batches: impl IntoIterator<Item = RecordBatch>) -> Result<DataStream> {
        let refused = |source| Error::Source { source_name: "record batches".into(), source };
        let batches: Vec<RecordBatch> = batches.into_iter().collect();
        match from_record_batches(&batches).map_err(|error| refused(error.into()))? {
            Some(frame) => Ok(self.from_df(frame)),
            None => {
                let message = "there is no batch: pass one without rows, which gives the columns";
                Err(refused(OperatorError::message(ErrorKind::InvalidQuery, message)))
            },
        }
    }

    /// The rows that `reader` reads.
    ///
    /// Its splits are read side by side by the workers of all processes, each split once. Only the columns that the query
    /// uses are asked for, and only the rows that pass its filters go on. In a cluster, every process must pass an equal
    /// reader. See [`InputReader`].
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// /// The numbers below 80, ten in a split.
    /// struct Numbers;
    ///
    /// impl InputReader for Numbers {
    ///     fn describe(&self) -> Description {
    ///         Description::streams("numbers")
    ///     }
    ///
    ///     fn schema(&self) -> SchemaRef {
    ///         Schema::from_iter([Field::new("n".into(), DataType::Int64)]).into()
    ///     }
    ///
    ///     fn splits(&self) -> Result<Vec<Split>, UserError> {
    ///         Ok((0..8).map(|i| Split { name: format!("from {}", 10 * i), rows: Some(10) }).collect())
    ///     }
    ///
    ///     fn read(&self, split: usize, _columns: &Schema) -> Result<Batches, UserError> {
    ///         let first = 10 * split as i64;
    ///         let batch = df!("n" => (first..first + 10).collect::<Vec<_>>())?;
    ///         Ok(Box::new(std::iter::once(Ok(batch))))
    ///     }
    /// }
    ///
    /// let context = Context::builder().workers(2).build()?;
    /// let sum = context.read(Numbers).select([col("n").sum()]).collect()?;
    /// assert_eq!(sum, df!("n" => [3160i64]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn read(&self, reader: impl InputReader) -> DataStream {
        self.stream(ReaderScan::new(Arc::new(reader)))
    }

    /// The rows of a table.
    pub(super) fn stream(&self, scan: impl Scan + 'static) -> DataStream {
        DataStream::new(self.clone(), LogicalPlan::scan(Arc::new(scan)))
    }
}

pub(super) fn cannot_open(paths: &[PathBuf], error: impl Into<OperatorError>) -> Error {
    let names = paths.iter().map(|path| shown(path)).collect::<Vec<_>>();
    Error::Source { source_name: names.join(", "), source: error.into() }
}
