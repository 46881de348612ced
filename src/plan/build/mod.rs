//! Builds nodes of the logical plan and checks that they fit their inputs.

mod aggregate;
mod filter;
mod join;
mod order;
mod placed;
mod project;
mod rows;
mod scan;
mod union;
mod user;

pub(crate) use join::{JoinSpecification, common_dtype};
pub(crate) use rows::SampleRule;
pub(crate) use union::{ColumnMatch, UnionRule, difference};

use std::sync::Arc;

use polars_core::prelude::{Field, Schema, SchemaRef};

use crate::error::PlanError;

/// A schema of fields whose names differ.
fn schema_of(fields: impl IntoIterator<Item = Field>, method: &'static str) -> Result<SchemaRef, PlanError> {
    let mut schema = Schema::default();
    for field in fields {
        if schema.contains(&field.name) {
            return Err(PlanError::DuplicateColumn { column: field.name.to_string(), method });
        }
        schema.insert(field.name, field.dtype);
    }
    Ok(Arc::new(schema))
}
