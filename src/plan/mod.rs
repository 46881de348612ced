//! From a query to what the workers build: logical plan, optimizer, physical plan.

mod build;
pub(crate) mod cardinality;
mod explain;
pub(crate) mod expression;
pub(crate) mod join;
pub(crate) mod logical;
pub(crate) mod optimizer;
pub(crate) mod outline;
pub(crate) mod physical;
pub(crate) mod query;
pub(crate) mod rows;

#[cfg(test)]
pub(crate) mod testing;

pub(crate) use build::{ColumnMatch, JoinSpecification, SampleRule, UnionRule, difference};
pub(crate) use explain::{Line, WithRows};
pub use optimizer::OptimizerRule;
