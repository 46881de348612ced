//! The readers and writers of quokka, one folder a format.

mod batches;
mod effort;
mod estimate;
pub mod materialized;
pub mod memory;
pub mod parquet;
mod request;
mod row_filter;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod testing;
