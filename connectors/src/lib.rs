//! The readers and writers of quokka, one folder a format; `store` moves their bytes.

mod batches;
pub mod csv;
pub mod dataset;
mod effort;
mod estimate;
pub mod files;
mod guard;
pub mod ipc;
pub mod json;
pub mod materialized;
pub mod memory;
pub mod parquet;
mod release;
pub mod request;
mod row_filter;
mod sampled;
pub mod sink;
pub mod store;
mod survivors;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod testing;
mod text;
