//! Code of users inside a query: functions of batches, readers, and operators with state; what they implement, and how it
//! becomes part of a plan.
//!
//! Users see Polars' types. What they deliver is checked against the columns that they promised, converted to the form
//! that [batches](quokka_engine::physical) have, and cut into batches; panics are caught as those of all operators are.

mod batches;
mod cogroup;
mod column;
mod delivery;
mod reader;
mod reader_scan;
mod stateful;
mod stateful_channel;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use batches::MapOptions;
pub(crate) use batches::{BatchFunction, MapBatches};
pub(crate) use cogroup::{CoGroup, CoGroupSide};
pub(crate) use column::computed_column;
pub use quokka_engine::operator::{Description, Output, Progress, State, WorkerContext};
pub use quokka_engine::source::{ColumnStatistics, Split};
pub use reader::{Batches, InputReader};
pub(crate) use reader_scan::ReaderScan;
pub use stateful::{InputPartitioning, StatefulChannel, StatefulOperator};
pub(crate) use stateful_channel::{UserOperator, UserOperatorFactory};

use std::error::Error;

/// What code of users returns when it fails: any error, or a message. The query fails with it; an error of Polars or an
/// [`OperatorError`](quokka_engine::error::OperatorError) keeps its kind, any other has the kind
/// [`User`](quokka_engine::error::ErrorKind::User).
pub type UserError = Box<dyn Error + Send + Sync>;
