//! Polars expressions, compiled once a plan and evaluated per batch.
//!
//! | what | for |
//! |---|---|
//! | [`Projection`], [`Predicate`], [`GroupProjection`] | evaluate expressions on a batch, filter it, aggregate whole groups |
//! | [`expand`], [`expand_except`], [`output_field`], [`output_schema`], [`columns_of`] | what an expression yields and reads |
//! | [`requirement`] | which rows it must see at once, which decides how it is distributed |
//! | [`split_conjunction`], [`split_disjunction`], [`conjunction`], [`rewrite_columns`], [`comparisons`] | take predicates apart and push them down |
//! | [`decimal`] | exact decimal arithmetic in place of Polars' |
//!
//! This is the only module that names internals of `polars-plan` and `polars-expr`. A plan is never built: expressions
//! are expanded, rewritten for exact decimals, coerced by Polars' own rules and turned into physical expressions, which
//! takes some ten microseconds an expression. The names, types, nulls and defaults of the results are Polars', apart
//! from decimals.
//!
//! Errors found here are of kind [`InvalidQuery`](crate::error::ErrorKind::InvalidQuery) and most of them are an
//! [`ExprError`]; what goes wrong on a batch keeps the kind of its cause.

mod broadcast;
mod coerce;
mod columns;
mod comparison;
mod conjunction;
pub mod decimal;
mod error;
mod expand;
mod group_projection;
mod lower;
mod predicate;
pub mod prelude;
mod projection;
mod requirement;
mod schema;
mod stack;
#[cfg(test)]
mod tests;
mod udf;
mod window;

pub use columns::{columns_of, rewrite_columns};
pub use comparison::{Comparison, Test, comparisons};
pub use conjunction::{conjunction, split_conjunction, split_disjunction};
pub use error::ExprError;
pub use expand::{expand, expand_except};
pub use group_projection::GroupProjection;
pub use polars_plan::dsl::Expr;
pub use predicate::Predicate;
pub use projection::Projection;
pub use requirement::{Requirement, requirement};
pub use schema::{output_field, output_schema};
