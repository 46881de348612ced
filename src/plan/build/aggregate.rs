//! Grouped aggregates.

use polars_core::prelude::{PlIndexSet, PlSmallStr};
use polars_plan::dsl::Expr;

use super::schema_of;
use crate::error::PlanError;
use crate::plan::expression::{expand, expand_aggregates};
use crate::plan::logical::{LogicalPlan, Node};

impl LogicalPlan {
    /// One row for each distinct combination of `keys`, with what `aggs` make of its rows.
    pub(crate) fn aggregate(self, keys: &[Expr], aggs: &[Expr], method: &'static str) -> Result<Self, PlanError> {
        let (keys, key_fields): (Vec<_>, Vec<_>) = expand(keys, self.schema(), method)?.into_iter().unzip();
        let names: PlIndexSet<PlSmallStr> = keys.iter().map(|key| key.name.clone()).collect();
        let aggs = expand_aggregates(aggs, &names, self.schema(), method)?;
        let (aggs, agg_fields): (Vec<_>, Vec<_>) = aggs.into_iter().unzip();
        let schema = schema_of(key_fields.into_iter().chain(agg_fields), method)?;
        Ok(Self::new(Node::Aggregate { input: self, keys, aggs }, schema))
    }
}
