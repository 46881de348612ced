//! Benchmarks of quokka.

pub mod tpch;
