//! Vertical concatenation.

use std::sync::Arc;

use polars_core::prelude::{DataType, PlSmallStr, Schema, SchemaRef};
use polars_core::utils::get_supertype;
use polars_plan::dsl::Expr;
use polars_plan::plans::{Literal, NULL};

use super::common_dtype;
use crate::error::PlanError;
use crate::plan::expression::NamedExpr;
use crate::plan::logical::{LogicalPlan, Node};

/// Which columns of two inputs of a union are one column of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ColumnMatch {
    /// Those at the same place, which must have one name.
    #[default]
    Identical,
    /// Those at the same place; the first input names them.
    Position,
    /// Those with the same name, which all inputs must have.
    Name,
    /// Those with the same name, null where an input has none.
    NameOrNull,
}

/// How the columns of a union come together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnionRule {
    pub(crate) columns: ColumnMatch,
    /// Whether types that differ are cast to one that holds both.
    pub(crate) to_supertypes: bool,
}

impl LogicalPlan {
    /// The rows of all `inputs`, whose columns come together as `rule` says.
    pub(crate) fn union_with(inputs: Vec<Self>, rule: UnionRule, method: &'static str) -> Result<Self, PlanError> {
        let Some(first) = inputs.first() else {
            return Err(PlanError::argument(method, "there is nothing to concatenate"));
        };
        let mut schema = Schema::clone(first.schema());
        for (index, input) in inputs.iter().enumerate().skip(1) {
            let differ = |difference: String| PlanError::Schemas {
                method,
                difference: format!("in input {index}, {difference}"),
            };
            if let Some(difference) = unmatched(&schema, input.schema(), rule.columns) {
                return Err(differ(difference));
            }
            extend(&mut schema, input.schema(), rule).map_err(differ)?;
        }
        let schema: SchemaRef = Arc::new(schema);
        let inputs = inputs.into_iter().map(|input| input.aligned(&schema, rule.columns)).collect();
        Ok(Self::new(Node::Union { inputs }, schema))
    }

    /// The plan with the columns of `schema`, which those of the plan can become.
    fn aligned(self, schema: &SchemaRef, columns: ColumnMatch) -> Self {
        if self.schema() == schema {
            return self;
        }
        let own = self.schema().clone();
        let source = |index: usize, name: &PlSmallStr| match columns {
            ColumnMatch::Identical | ColumnMatch::Position => own.get_at_index(index),
            ColumnMatch::Name | ColumnMatch::NameOrNull => own.get_full(name).map(|(_, name, dtype)| (name, dtype)),
        };
        let exprs = schema.iter().enumerate().map(|(index, (name, dtype))| {
            let expr = match source(index, name) {
                Some((source, found)) if found == dtype => Expr::Column(source.clone()),
                Some((source, _)) => Expr::Column(source.clone()).cast(dtype.clone()),
                None => NULL.lit().cast(dtype.clone()),
            };
            NamedExpr { name: name.clone(), expr }
        });
        let exprs = exprs.collect();
        // A selection of nulls alone would have one row.
        let node = match own.is_empty() {
            true => Node::WithColumns { input: self, exprs },
            false => Node::Select { input: self, exprs },
        };
        Self::new(node, schema.clone())
    }
}

/// The first column of `found` that has no partner in `expected`, or the other way round.
fn unmatched(expected: &Schema, found: &Schema, columns: ColumnMatch) -> Option<String> {
    match columns {
        ColumnMatch::NameOrNull => None,
        ColumnMatch::Name => {
            let missing = expected.iter_names().find(|name| !found.contains(name));
            let missing = missing.map(|name| format!("column `{name}` is missing: fill it with null by `diagonal`"));
            let other = || {
                let other = found.iter_names().find(|name| !expected.contains(name))?;
                Some(format!("column `{other}` is not in input 0: fill it with null there by `diagonal`"))
            };
            missing.or_else(other)
        },
        ColumnMatch::Identical | ColumnMatch::Position if expected.len() != found.len() => {
            Some(format!("there are {} columns, not {}", found.len(), expected.len()))
        },
        ColumnMatch::Position => None,
        ColumnMatch::Identical => {
            let mut pairs = expected.iter_names().zip(found.iter_names()).enumerate();
            let (index, (name, other)) = pairs.find(|(_, (name, other))| name != other)?;
            Some(format!("column {index} is `{other}`, not `{name}`"))
        },
    }
}

/// Brings the columns of `found` into `schema`.
fn extend(schema: &mut Schema, found: &Schema, rule: UnionRule) -> Result<(), String> {
    for (index, (name, dtype)) in found.iter().enumerate() {
        let partner = match rule.columns {
            ColumnMatch::Identical | ColumnMatch::Position => schema.get_at_index(index),
            ColumnMatch::Name | ColumnMatch::NameOrNull => schema.get_full(name).map(|(_, name, dtype)| (name, dtype)),
        };
        let Some((name, expected)) = partner.map(|(name, dtype)| (name.clone(), dtype.clone())) else {
            schema.insert(name.clone(), dtype.clone());
            continue;
        };
        if expected == *dtype {
            continue;
        }
        if !rule.to_supertypes {
            return Err(format!("column `{name}` is {dtype}, not {expected}: cast it"));
        }
        let Some(common) = supertype(&expected, dtype) else {
            return Err(format!(
                "column `{name}` is {dtype}, not {expected}, and no type holds both: cast one of them"
            ));
        };
        schema.insert(name, common);
    }
    Ok(())
}

/// A type for the values of two types.
fn supertype(left: &DataType, right: &DataType) -> Option<DataType> {
    match (left, right) {
        // Polars would take digits from one of them.
        (DataType::Decimal(..), DataType::Decimal(..)) => common_dtype(left, right),
        _ => get_supertype(left, right),
    }
}

/// The first column of `found` that is not as in `expected`.
pub(crate) fn difference(expected: &Schema, found: &Schema) -> Option<String> {
    unmatched(expected, found, ColumnMatch::Identical)
        .or_else(|| extend(&mut expected.clone(), found, UnionRule::default()).err())
}
