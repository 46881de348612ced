//! Grouped aggregates.
//!
//! [`AggregatePlan`] decides how a group-by is executed and makes its operators. Aggregates that decompose run as a
//! [`PartialAggregate`] where the rows are and a [`FinalAggregate`] behind the exchange; for the others the rows are
//! exchanged, and a [`WholeGroupAggregate`] evaluates each group.

mod accumulator;
mod final_aggregate;
mod grouped_state;
pub(crate) mod groups;
mod partial_aggregate;
mod partitioned_state;
mod plan;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod whole_group_aggregate;

pub(crate) use accumulator::{approximate_n_unique, has_hash, native, series_of};
pub use final_aggregate::FinalAggregate;
pub use partial_aggregate::PartialAggregate;
pub use plan::AggregatePlan;
pub use whole_group_aggregate::{KeyedRows, WholeGroupAggregate};
