//! Apache Parquet.

mod ahead;
mod chunks;
mod column;
mod columns;
mod decode;
mod error;
mod file;
mod file_schema;
mod footer;
mod guard;
mod guesses;
mod options;
mod packed_footer;
mod pages;
mod parts;
mod pruning;
mod reader;
mod rewrite;
mod sample;
mod scan;
mod slice;
mod source;
mod statistics;
mod stored;
mod summary;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod thrift;
mod together;
mod write;

pub use error::{Damage, ParquetError};
pub use options::ParquetOptions;
pub use scan::ParquetScan;
pub use write::{ParquetCompression, ParquetFormat, ParquetWriteOptions};
