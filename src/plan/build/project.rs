//! Projections: `select`, `with_columns` and what is made of them.

use std::sync::Arc;

use polars_core::prelude::{Field, PlSmallStr, Schema};
use polars_plan::dsl::Expr;

use super::schema_of;
use crate::error::PlanError;
use crate::plan::expression::{NamedExpr, expand};
use crate::plan::logical::{LogicalPlan, Node};

impl LogicalPlan {
    /// The columns that `exprs` make.
    pub(crate) fn select(self, exprs: &[Expr], method: &'static str) -> Result<Self, PlanError> {
        let (exprs, fields): (Vec<_>, Vec<_>) = expand(exprs, self.schema(), method)?.into_iter().unzip();
        let schema = schema_of(fields, method)?;
        Ok(Self::new(Node::Select { input: self, exprs }, schema))
    }

    /// The columns of the input, with those that `exprs` make added or put in place.
    pub(crate) fn with_columns(self, exprs: &[Expr], method: &'static str) -> Result<Self, PlanError> {
        let (exprs, fields): (Vec<_>, Vec<_>) = expand(exprs, self.schema(), method)?.into_iter().unzip();
        if exprs.is_empty() {
            return Ok(self);
        }
        let added = schema_of(fields, method)?;
        let mut schema = Schema::clone(self.schema());
        schema.merge(Schema::clone(&added));
        Ok(Self::new(Node::WithColumns { input: self, exprs }, Arc::new(schema)))
    }

    /// The columns `names` of the input, in that order; all must exist.
    pub(crate) fn columns<'a>(self, names: impl IntoIterator<Item = &'a PlSmallStr>) -> Self {
        let mut exprs = Vec::new();
        let mut schema = Schema::default();
        for name in names {
            if let Some(dtype) = self.schema().get(name) {
                schema.insert(name.clone(), dtype.clone());
                exprs.push(NamedExpr::column(name.clone()));
            }
        }
        if self.schema().iter_names().eq(schema.iter_names()) {
            return self;
        }
        Self::new(Node::Select { input: self, exprs }, Arc::new(schema))
    }

    /// The columns of the input, those in `existing` under the names in `new`.
    pub(crate) fn rename(self, existing: &[PlSmallStr], new: &[PlSmallStr], strict: bool) -> Result<Self, PlanError> {
        const METHOD: &str = "rename";
        if existing.len() != new.len() {
            let reason = format!("there are {} existing but {} new names", existing.len(), new.len());
            return Err(PlanError::argument(METHOD, reason));
        }
        if strict && let Some(name) = existing.iter().find(|name| !self.schema().contains(name)) {
            return Err(PlanError::unknown_column(name, METHOD, self.schema()));
        }
        let renamed = self.schema().iter().map(|(name, dtype)| {
            let position = existing.iter().position(|old| old == name);
            let new_name = position.and_then(|index| new.get(index)).unwrap_or(name).clone();
            let field = Field::new(new_name.clone(), dtype.clone());
            (NamedExpr { name: new_name, expr: Expr::Column(name.clone()) }, field)
        });
        let (exprs, fields): (Vec<_>, Vec<_>) = renamed.unzip();
        let schema = schema_of(fields, METHOD)?;
        Ok(Self::new(Node::Select { input: self, exprs }, schema))
    }
}
