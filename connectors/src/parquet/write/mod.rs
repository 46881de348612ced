//! Parquet files are written a row group at a time, each column chunk encoded on the worker that has its rows.
//!
//! Polars makes the pages. What it says of their values it merges wrongly over the pages of a chunk (unsigned integers as
//! signed ones, decimals in bytes as texts, nulls of a dictionary once a page), so pages are made without statistics, and
//! those of the chunk are computed from its values.

mod encoder;
mod options;
mod statistics;

pub use encoder::ParquetFormat;
pub use options::{ParquetCompression, ParquetWriteOptions};
