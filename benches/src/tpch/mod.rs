//! The TPC-H benchmark: its data, its queries and its known answers.

pub mod generate;
