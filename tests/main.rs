//! Black-box tests, through the façade only.
//!
//! Most compare a query with what Polars' in-memory engine makes of it, for several numbers of workers and sizes of
//! batches, with and without the optimizer: see [`support`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod aggregate;
mod approximate;
mod arrow;
mod channels;
mod clouds;
mod cluster;
mod csv;
mod csv_sinks;
mod dataset;
mod decimals;
mod errors;
mod failures;
mod ipc;
mod join;
mod join_order;
mod json;
mod json_sinks;
mod lifecycle;
mod moments;
mod nearest;
mod order;
mod parquet;
mod pictures;
mod processes;
mod profile;
mod progress;
mod project;
mod random;
mod rows;
mod sharing;
mod sinks;
mod spans;
mod stored_sinks;
mod stores;
mod support;
mod table;
mod user;
mod wide_keys;
mod window;
