//! The readers and writers of quokka, one folder a format.

mod batches;
pub mod csv;
mod effort;
mod estimate;
pub mod files;
pub mod materialized;
pub mod memory;
pub mod parquet;
mod request;
mod row_filter;
pub mod sink;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod testing;
