//! The substrate of quokka: everything between a physical plan and the timely workers that execute it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`batch`] | the unit that travels: one Polars DataFrame |
//! | [`physical`] | how the values of a column lie in batches |
//! | [`frame`] | the raw columnar wire frame between processes |
//! | [`hash`], [`partitioning`] | which worker a row belongs to |
//! | [`operator`], [`source`], [`sink`] | the contracts that operators and connectors implement, free of timely types |
//! | [`plan`] | the physical plan: nodes, edges, fused operators |
//! | [`dynamic_filter`] | what the build side of a join tells the scans of its probe side |
//! | [`expr`] | Polars expressions compiled once a plan, with exact decimals |
//! | [`pool`] | the persistent workers and the life cycle of a query |
//! | [`cluster`] | the mesh of processes |
//! | [`error`], [`metrics`], [`gate`] | typed errors, counters per operator, start signals |
//! | [`materialized`] | rows that are computed once and read several times |
//! | [`dataset`] | what workers tell of the rows that they keep |
//! | [`sample`] | rows that stand for a whole table |
//!
//! `engine` names no concrete operator and no file format.

pub mod batch;
mod channels;
pub mod cluster;
mod dataflow;
pub mod dataset;
pub mod dynamic_filter;
pub mod error;
pub mod expr;
pub mod frame;
pub mod gate;
pub mod hash;
pub mod materialized;
pub mod metrics;
pub mod operator;
pub mod partitioning;
pub mod physical;
pub mod plan;
pub mod pool;
pub mod sample;
pub mod sink;
pub mod source;
