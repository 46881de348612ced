//! Generates the tables as Parquet files.
//!
//! The rows are those of the `tpchgen` crate, which are those of the official generator. Files have the shape that its
//! command line gives them: Snappy, row groups of about 128 K rows with statistics, decimals as `DECIMAL(15, 2)`.

mod columns;
mod customer;
mod error;
mod lineitem;
mod nation;
mod orders;
mod part;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

pub use error::GenerateError;
use writer::write_table;

/// The names of the tables.
pub const TABLES: [&str; 8] = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

/// Where a table is in a folder: `<table>.parquet`, or the folder `<table>`; nothing if it is not there.
pub fn table_path(folder: &Path, table: &str) -> Option<PathBuf> {
    [folder.join(format!("{table}.parquet")), folder.join(table)].into_iter().find(|path| path.exists())
}

/// The tables that a folder lacks.
pub fn missing_tables(folder: &Path) -> Vec<&'static str> {
    TABLES.into_iter().filter(|table| table_path(folder, table).is_none()).collect()
}

/// Generates the tables that a folder lacks, at a scale factor of which 1 is about 1 GB of text. Creates the folder.
/// `before` is told the name of each table that is made.
///
/// Rows are generated and written a row group at a time, so memory does not grow with the scale factor. A file gets its
/// name when it is complete.
///
/// # Errors
/// A file or folder that cannot be written.
pub fn generate_missing(folder: &Path, scale: f64, mut before: impl FnMut(&str)) -> Result<(), GenerateError> {
    fs::create_dir_all(folder).map_err(|source| GenerateError::new(folder, source))?;
    for table in missing_tables(folder) {
        before(table);
        generate_table(folder, table, scale)?;
    }
    Ok(())
}

fn generate_table(folder: &Path, table: &str, scale: f64) -> Result<(), GenerateError> {
    let path = folder.join(format!("{table}.parquet"));
    match table {
        "region" => write_table(&path, RegionGenerator::new(scale, 1, 1).iter(), nation::region_columns),
        "nation" => write_table(&path, NationGenerator::new(scale, 1, 1).iter(), nation::nation_columns),
        "supplier" => write_table(&path, SupplierGenerator::new(scale, 1, 1).iter(), customer::supplier_columns),
        "customer" => write_table(&path, CustomerGenerator::new(scale, 1, 1).iter(), customer::customer_columns),
        "part" => write_table(&path, PartGenerator::new(scale, 1, 1).iter(), part::part_columns),
        "partsupp" => write_table(&path, PartSuppGenerator::new(scale, 1, 1).iter(), part::partsupp_columns),
        "orders" => write_table(&path, OrderGenerator::new(scale, 1, 1).iter(), orders::columns),
        _ => write_table(&path, LineItemGenerator::new(scale, 1, 1).iter(), lineitem::columns),
    }
}
