//! Sort, top-k and slices.

use polars_core::prelude::{DataType, SortMultipleOptions};
use polars_plan::dsl::Expr;

use crate::error::PlanError;
use crate::plan::expression::{Properties, expand};
use crate::plan::logical::{LogicalPlan, Node};

impl LogicalPlan {
    /// All rows in the order of `by`.
    pub(crate) fn sort(
        self,
        by: &[Expr],
        options: SortMultipleOptions,
        method: &'static str,
    ) -> Result<Self, PlanError> {
        let (by, options) = self.sort_keys(by, options, method)?;
        if by.is_empty() {
            return Ok(self);
        }
        let schema = self.schema().clone();
        Ok(Self::new(Node::Sort { input: self, by, options }, schema))
    }

    /// The first `k` rows in the order of `by`.
    pub(crate) fn top_k(
        self,
        k: u64,
        by: &[Expr],
        options: SortMultipleOptions,
        method: &'static str,
    ) -> Result<Self, PlanError> {
        let (by, options) = self.sort_keys(by, options, method)?;
        if by.is_empty() {
            return Ok(self.slice(0, k));
        }
        let schema = self.schema().clone();
        Ok(Self::new(Node::TopK { input: self, k, by, options }, schema))
    }

    /// `length` rows from the `offset`-th on; a negative offset counts from the end.
    pub(crate) fn slice(self, offset: i64, length: u64) -> Self {
        let schema = self.schema().clone();
        Self::new(Node::Slice { input: self, offset, length }, schema)
    }

    /// Expands the sort keys and gives each of them its own direction and place of nulls.
    fn sort_keys(
        &self,
        by: &[Expr],
        mut options: SortMultipleOptions,
        method: &'static str,
    ) -> Result<(Vec<Expr>, SortMultipleOptions), PlanError> {
        let directions = flags(&options.descending, by.len(), "descending", method)?;
        let null_places = flags(&options.nulls_last, by.len(), "nulls_last", method)?;
        let mut keys = Vec::new();
        options.descending.clear();
        options.nulls_last.clear();
        for (key, (descending, nulls_last)) in by.iter().zip(directions.into_iter().zip(null_places)) {
            for (named, field) in expand(std::slice::from_ref(key), self.schema(), method)? {
                // Nulls alone order nothing.
                if field.dtype == DataType::Null {
                    continue;
                }
                if !Properties::of(&named.expr, self.schema()).elementwise {
                    let reason =
                        format!("`{}` depends on other rows: compute it with `with_columns` first", named.expr);
                    return Err(PlanError::argument(method, reason));
                }
                keys.push(named.expr);
                options.descending.push(descending);
                options.nulls_last.push(nulls_last);
            }
        }
        Ok((keys, options))
    }
}

/// One flag for each of `keys`.
fn flags(given: &[bool], keys: usize, name: &str, method: &'static str) -> Result<Vec<bool>, PlanError> {
    match given {
        [flag] => Ok(vec![*flag; keys]),
        given if given.len() == keys => Ok(given.to_vec()),
        given => {
            let reason = format!("`{name}` has {} values for {keys} sort keys: give one, or one for each", given.len());
            Err(PlanError::argument(method, reason))
        },
    }
}
