//! Streams that start at files of JSON.

use quokka_connectors::json::{JsonOptions, JsonScan};

use super::sources::cannot_open;
use super::{Context, Paths};
use crate::error::Result;
use crate::stream::DataStream;

impl Context {
    /// The rows of files of newline-delimited JSON, one object a line: a file, a directory (searched at every depth for
    /// `*.ndjson`, `*.jsonl` and `*.json`, also with `.gz` or `.zst` behind), a glob, or a list of them. Each key is a column;
    /// folders named `key=value` become columns, too.
    ///
    /// Columns and types are inferred from the first hundred rows of the first file; lists and objects become lists and
    /// structs. A key that a row does not have is null, one that is no column is left out. Data is read when the query runs:
    /// only the columns that it uses are parsed, and most of them only for the rows that pass its filters. In a cluster,
    /// every process must see the same files.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("quokka-read-ndjson-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// let file = folder.join("cities.ndjson");
    /// let lines = r#"{"city": "Paris", "inhabitants": 2100000}
    /// {"city": "Alès", "inhabitants": 44000, "twins": ["Kilmarnock", "Herstal"]}
    /// "#;
    /// std::fs::write(&file, lines).unwrap();
    /// let context = Context::builder().build()?;
    /// let cities = context.read_ndjson(&file)?.filter(col("twins").is_null()).select([col("city"), col("inhabitants")]);
    /// assert_eq!(cities.collect()?, df!("city" => ["Paris"], "inhabitants" => [2_100_000i64]).unwrap());
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, no row that tells the columns, a line among the first that is no
    /// object.
    pub fn read_ndjson(&self, paths: impl Paths) -> Result<DataStream> {
        self.read_ndjson_with(paths, JsonOptions::default())
    }

    /// [`read_ndjson`](Self::read_ndjson) with options: types, what becomes of rows that do not fit.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("quokka-read-ndjson-with-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let file = folder.join("log.txt");
    /// use quokka::{BadRows, JsonOptions};
    ///
    /// std::fs::write(&file, "{\"id\":1,\"cost\":0.10}\n{\"id\":\n{\"id\":3}\n").unwrap();
    /// let types = [Field::new("id".into(), DataType::Int32), Field::new("cost".into(), DataType::Decimal(9, 2))];
    /// let options = JsonOptions::default().with_schema(Schema::from_iter(types).into()).with_bad_rows(BadRows::Skip);
    /// let context = Context::builder().build()?;
    /// let log = context.read_ndjson_with(&file, options)?;
    /// assert_eq!(log.select([col("id")]).collect()?, df!("id" => [1, 3]).unwrap());
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_ndjson`](Self::read_ndjson), and options that contradict each other.
    pub fn read_ndjson_with(&self, paths: impl Paths, options: JsonOptions) -> Result<DataStream> {
        let paths = paths.into_paths();
        let scan = JsonScan::open(&paths, options).map_err(|error| cannot_open(&paths, error))?;
        Ok(self.stream(scan))
    }
}
