//! Filters.

use polars_core::prelude::DataType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::conjunction;

use crate::error::PlanError;
use crate::plan::expression::expand;
use crate::plan::logical::{LogicalPlan, Node};

impl LogicalPlan {
    /// The rows for which `predicate` is true; a selector in it stands for the conjunction over its columns.
    pub(crate) fn filter(self, predicate: &Expr, method: &'static str) -> Result<Self, PlanError> {
        let parts = expand(std::slice::from_ref(predicate), self.schema(), method)?;
        for (part, field) in &parts {
            if !matches!(field.dtype, DataType::Boolean | DataType::Null) {
                return Err(PlanError::Type {
                    expression: part.expr.to_string(),
                    method,
                    expected: "a boolean".into(),
                    found: field.dtype.to_string(),
                });
            }
        }
        Ok(match conjunction(parts.into_iter().map(|(part, _)| part.expr).collect()) {
            Some(predicate) => self.filtered(predicate),
            None => self,
        })
    }

    /// The rows for which `predicate`, which was checked, is true.
    pub(crate) fn filtered(self, predicate: Expr) -> Self {
        let schema = self.schema().clone();
        Self::new(Node::Filter { input: self, predicate }, schema)
    }
}
