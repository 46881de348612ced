//! Apache Arrow's format of files and streams, which is that of its arrays in memory.

mod access;
mod ahead;
mod array;
mod batch;
mod body;
mod codec;
mod column;
mod dictionary;
mod error;
mod file;
mod message;
mod nested;
mod options;
mod reader;
mod sample;
mod scan;
mod schema;
mod slice;
mod source;
mod stream;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod typed;
mod write;

pub use error::{Damage, IpcError};
pub use options::IpcOptions;
pub use scan::IpcScan;
pub use write::{IpcCompression, IpcFormat, IpcLayout, IpcWriteOptions};
