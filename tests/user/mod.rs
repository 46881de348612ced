//! Code of users inside of queries.

mod cogroup;
pub mod examples;
mod map_batches;
mod readers;
mod stateful;
