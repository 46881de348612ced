//! The `tpch` program, run as a user runs it: on its own, in several processes, and wrongly.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "tpch/answers.rs"]
mod answers;
#[path = "tpch/cluster.rs"]
mod cluster;
#[path = "tpch/failures.rs"]
mod failures;
#[path = "tpch/process.rs"]
mod process;
#[path = "tpch/temporary.rs"]
mod temporary;
