//! Newline-delimited JSON: one object a line (RFC 8259, <https://github.com/ndjson/ndjson-spec>).

mod block;
mod columns;
mod error;
mod head;
mod infer;
mod keys;
mod nested;
mod options;
mod reader;
mod rows;
mod sample;
mod scan;
mod syntax;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod write;

pub use error::JsonError;
pub use options::JsonOptions;
pub use scan::JsonScan;
pub use syntax::JsonFault;
pub use write::{JsonFormat, JsonSerializer, JsonWriteOptions};

pub use crate::text::{BadRows, Place, TextCompression};
