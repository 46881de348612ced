//! Comma-separated values, and other text of one row a line (RFC 4180).

mod block;
mod columns;
mod error;
mod file;
mod head;
mod infer;
mod masks;
mod number;
mod options;
mod reader;
mod rows;
mod scan;
mod slice;
mod source;
mod structure;
mod temporal;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod texts;
mod values;
mod write;

pub use error::{CsvError, Place};
pub use options::{BadRows, CsvOptions};
pub use scan::CsvScan;
pub use write::{CsvCompression, CsvFormat, CsvSerializer, CsvWriteOptions, QuoteStyle};
