//! The tables as streams.

use std::path::PathBuf;

use quokka::prelude::len;
use quokka::{Context, DataStream};

use super::format::Format;

/// The tables of a folder.
pub struct Tables {
    context: Context,
    folder: PathBuf,
    format: Format,
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
        Self { context, folder, format: Format::default() }
    }

    /// The same tables, read from files of this format.
    pub fn in_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    tables!(region, nation, supplier, customer, part, partsupp, orders, lineitem);

    /// The scale factor that the tables have: there are 10,000 suppliers at scale factor 1.
    ///
    /// # Errors
    /// The suppliers cannot be read.
    pub fn scale(&self) -> quokka::Result<f64> {
        let suppliers = self.supplier()?.select([len()]).collect()?;
        let rows = suppliers.columns().first().and_then(|rows| rows.get(0).ok()?.extract::<f64>());
        Ok(rows.unwrap_or(0.0) / 10_000.0)
    }

    fn read(&self, table: &str) -> quokka::Result<DataStream> {
        self.format.open(&self.context, &self.folder, table)
    }
}
