//! The tables as streams.

use std::path::PathBuf;

use quokka::{Context, DataStream};

use super::generate::table_path;

/// The tables of a folder.
pub struct Tables {
    context: Context,
    folder: PathBuf,
}

macro_rules! tables {
    ($($table:ident),*) => {
        $(
            #[doc = concat!("`", stringify!($table), "`.")]
            ///
            /// # Errors
            /// Its files cannot be opened.
            pub fn $table(&self) -> quokka::Result<DataStream> {
                self.read(stringify!($table))
            }
        )*
    };
}

impl Tables {
    /// The tables in `folder`, read by the workers of `context`.
    pub fn new(context: Context, folder: PathBuf) -> Self {
        Self { context, folder }
    }

    tables!(region, nation, supplier, customer, part, partsupp, orders, lineitem);

    fn read(&self, table: &str) -> quokka::Result<DataStream> {
        // A table that has vanished is reported by the source, under the name it should have.
        let path = table_path(&self.folder, table).unwrap_or_else(|| self.folder.join(format!("{table}.parquet")));
        self.context.read_parquet(path)
    }
}
