//! Comma-separated values, and other text of one row a line (RFC 4180).

mod block;
mod columns;
mod error;
mod file;
mod head;
mod infer;
mod options;
mod quotes;
mod reader;
mod rows;
mod sample;
mod scan;
mod slice;
mod structure;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod values;
mod write;

pub use error::CsvError;
pub use options::CsvOptions;
pub use scan::CsvScan;
pub use write::{CsvFormat, CsvSerializer, CsvWriteOptions, QuoteStyle};

pub use crate::text::{BadRows, Place, TextCompression};
