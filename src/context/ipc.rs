//! Streams that start at Arrow IPC files.

use quokka_connectors::ipc::{IpcOptions, IpcScan};

use super::sources::cannot_open;
use super::{Context, Paths};
use crate::error::Result;
use crate::stream::DataStream;

impl Context {
    /// The rows of Arrow IPC files (also known as Feather, version 2) and Arrow streams: a file, a directory (searched at every
    /// depth for `*.arrow`, `*.ipc`, `*.feather` and `*.arrows`), a glob, or a list of them, on local disks or in stores
    /// ([`Paths`]). Folders named `key=value` become columns.
    ///
    /// Schemas are read at once, data when the query runs: only the columns that it uses. What is not compressed stays where
    /// it lies in the file, which is mapped into memory. In a cluster, every process must see the same files.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("quokka-read-ipc-{}", std::process::id()));
    /// let context = Context::builder().build()?;
    /// let file = folder.join("cities.arrow");
    /// let cities = df!("city" => ["Paris", "Alès"], "inhabitants" => [2_100_000i64, 44_000]).unwrap();
    /// context.from_df(cities).sink_ipc(&file)?;
    /// let large = context.read_ipc(&file)?.filter(col("inhabitants").gt(lit(1_000_000))).select([col("city")]);
    /// assert_eq!(large.collect()?, df!("city" => ["Paris"]).unwrap());
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A path that cannot be read or leads to no file, a damaged file, files that do not fit together.
    pub fn read_ipc(&self, paths: impl Paths) -> Result<DataStream> {
        self.read_ipc_with(paths, IpcOptions::default())
    }

    /// [`read_ipc`](Self::read_ipc) with options: what folders and paths say as columns, access to stores.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let folder = std::env::temp_dir().join(format!("quokka-read-ipc-with-{}", std::process::id()));
    /// use quokka::IpcOptions;
    ///
    /// let context = Context::builder().build()?;
    /// let file = folder.join("numbers.arrow");
    /// context.from_df(df!("n" => [1, 2]).unwrap()).sink_ipc(&file)?;
    /// let options = IpcOptions::default().with_include_file_paths("file");
    /// let numbers = context.read_ipc_with(&folder, options)?.filter(col("n").eq(lit(2))).collect()?;
    /// assert_eq!(numbers, df!("n" => [2], "file" => [file.display().to_string()]).unwrap());
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_ipc`](Self::read_ipc), and a column of paths whose name is taken.
    pub fn read_ipc_with(&self, paths: impl Paths, options: IpcOptions) -> Result<DataStream> {
        let paths = paths.into_paths();
        let scan = IpcScan::open(&paths, options).map_err(|error| cannot_open(&paths, error))?;
        Ok(self.stream(scan))
    }
}
