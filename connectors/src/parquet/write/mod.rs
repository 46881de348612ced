//! Parquet files are written a row group at a time, each column chunk encoded on the worker that has its rows.
//!
//! Rows become pages as they come, some ten thousand at a time (`column`): what is held back until the row group ends are its
//! compressed pages, and no call of a worker lasts longer than the encoding of one batch. Flat columns are encoded here, with a
//! dictionary as long as it pays, so that decimals and dates have one, too; nested ones by Polars. Bounds of the values are
//! collected for the chunk: those that Polars makes a page it merges wrongly (unsigned integers as signed ones, decimals in
//! bytes as texts).

mod column;
mod compress;
mod dictionary;
mod encoder;
mod hybrid;
mod leaf;
mod options;
mod other;
mod statistics;
mod values;

pub use encoder::ParquetFormat;
pub use options::{ParquetCompression, ParquetWriteOptions};
