//! Starts the program.

use std::process::Command;

#[path = "../../../engine/src/cluster/tests/harness.rs"]
#[expect(dead_code, reason = "the tests of other crates use the rest")]
mod harness;

pub(crate) use harness::{Finished, Process, free_addresses};

pub(crate) fn start(arguments: &[&str]) -> Process {
    Process::start(Command::new(env!("CARGO_BIN_EXE_tpch")).args(arguments))
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    start(arguments).finish()
}
