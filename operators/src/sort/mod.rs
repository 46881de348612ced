//! All rows of a stream in a sort order.
//!
//! With one worker, [`SortRun`] sorts. With more, the order is cut into one range for each worker, by a sample of the data;
//! rows go to the worker of their range, which sorts them:
//!
//! ```text
//! data ─┬─ pass-through ─ SortSample ─ gather ─ SortSplitters ─ broadcast ─┐
//!       └─ pass-through ───────────────────────────────────────────────── SortPartition ─ range ─ SortRun
//! ```
//!
//! Afterwards worker `i` holds the `i`-th range: batches in the order of their origins are the whole order.
//! [`add_sort`] adds the nodes to a plan.

mod keys;
mod merge;
mod order;
mod partition;
mod plan;
mod run;
mod sample;
mod sort_run;
mod splitters;
#[cfg(test)]
mod tests;

pub use order::SortOrder;
pub use partition::SortPartition;
pub use plan::add_sort;
pub use sample::SortSample;
pub use sort_run::SortRun;
pub use splitters::SortSplitters;
