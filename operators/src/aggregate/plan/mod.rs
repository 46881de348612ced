//! How a `group_by(keys).agg(aggs)` is executed.

mod decompose;
mod function;
mod outcome;
mod two_phase;
mod whole_groups;

use std::sync::Arc;

use polars_core::schema::{Schema, SchemaRef};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::expr::prelude::col;
use quokka_engine::expr::{Expr, ExprError, Requirement, expand, expand_except, output_field, requirement};
use quokka_engine::operator::OperatorFactory;
use quokka_engine::partitioning::Partitioning;

#[cfg(doc)]
pub(crate) use self::decompose::Partial;
#[cfg(doc)]
pub(crate) use self::function::Function;
pub(crate) use self::two_phase::{Slot, TwoPhase};
pub(crate) use self::whole_groups::WholeGroups;
use super::final_aggregate::FinalAggregate;
use super::partial_aggregate::PartialAggregate;
use super::whole_group_aggregate::{KeyedRows, WholeGroupAggregate};

/// How a `group_by(keys).agg(aggs)` is executed: an operator where the rows are, an exchange by key, and an operator
/// behind it.
///
/// Aggregates that decompose (`sum`, `min`, `max`, `mean`, `count`, `len`, `null_count`, `first`, `last`, `any`, `all`,
/// `std`, `var`, `approx_n_unique`, approximate quantiles, filtered ones, and elementwise expressions over them) are computed in two phases: each worker reduces its
/// rows to one row a group, and the owner of a key merges them. With any other aggregate the rows themselves are exchanged,
/// and each group is evaluated as a whole.
///
/// Names and types of the result, and the treatment of nulls, are those of Polars, but for decimals. Null keys
/// form a group, NaN keys are equal, and so are -0.0 and 0.0. Inside a group, rows are
/// ordered by the worker that sent them, then as they were sent: after a sort, `first` and `last` are what they are in
/// Polars. Groups come in no particular order.
///
/// Without keys all rows are one group, which exists even if there are no rows.
///
/// ```
/// # use std::sync::Arc;
/// # use polars_core::df;
/// use quokka_engine::expr::prelude::*;
/// use quokka_operators::aggregate::AggregatePlan;
///
/// let schema = df!("k" => ["x"], "v" => [1i32])?.schema().clone();
/// let plan = AggregatePlan::new(&[col("k")], &[col("v").mean(), len()], &schema)?;
/// assert!(plan.two_phase());
/// assert_eq!(plan.output_schema().get("v"), Some(&DataType::Float64));
/// let plan = AggregatePlan::new(&[col("k")], &[col("v").median()], &schema)?;
/// assert!(!plan.two_phase());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AggregatePlan {
    execution: Execution,
    /// The worker that owns the only group if there are no keys.
    owner: usize,
}

enum Execution {
    TwoPhase(Arc<TwoPhase>),
    WholeGroups(Arc<WholeGroups>),
}

/// An expression of a query with the name of its output.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub name: PlSmallStr,
    pub expr: Expr,
}

impl AggregatePlan {
    /// Plans the aggregates `aggs` of rows of `schema`, grouped by `keys`. Both may be any Polars expression; wildcards
    /// in `aggs` do not stand for keys.
    ///
    /// # Errors
    /// Unknown columns, types that do not fit, two outputs of one name, and keys that are not computed row by row.
    pub fn new(keys: &[Expr], aggs: &[Expr], schema: &SchemaRef) -> Result<Self, OperatorError> {
        let keys = named(expand(keys, schema)?, schema)?;
        for key in &keys {
            if requirement(&key.expr, schema)? != Requirement::Rows {
                let message = format!("key `{}` depends on other rows: compute it with `with_columns` first", key.expr);
                return Err(OperatorError::message(ErrorKind::InvalidQuery, message));
            }
        }
        let key_names: Vec<PlSmallStr> = keys.iter().map(|key| key.name.clone()).collect();
        let aggs = named(expand_except(aggs, &key_names, schema)?, schema)?;
        unique(keys.iter().chain(&aggs).map(|output| &output.name))?;
        let execution = match TwoPhase::new(&keys, &aggs, schema)? {
            Some(plan) => Execution::TwoPhase(Arc::new(plan)),
            None => Execution::WholeGroups(Arc::new(WholeGroups::new(&keys, &aggs, schema)?)),
        };
        Ok(Self { execution, owner: 0 })
    }

    /// Without keys, this worker owns the only group, in place of worker 0: the one to which the exchange brings all rows.
    pub fn with_owner(mut self, worker: usize) -> Self {
        self.owner = worker;
        self
    }

    /// Plans to keep one row, any of them, of those that agree on the columns `subset`, or on all columns. The columns of
    /// the result are those of `schema`.
    ///
    /// # Errors
    /// Unknown columns.
    pub fn distinct(subset: Option<&[PlSmallStr]>, schema: &SchemaRef) -> Result<Self, OperatorError> {
        let all: Vec<PlSmallStr> = schema.iter_names_cloned().collect();
        let subset = subset.unwrap_or(&all);
        let keys: Vec<Expr> = subset.iter().map(|name| col(name.clone())).collect();
        let keys = named(expand(&keys, schema)?, schema)?;
        unique(keys.iter().map(|key| &key.name))?;
        let others = all.iter().filter(|name| !subset.contains(name));
        let others: Vec<Expr> = others.map(|name| col(name.clone()).first()).collect();
        let aggs = named(others, schema)?;
        match TwoPhase::ordered(&keys, &aggs, schema, &all)? {
            Some(plan) => Ok(Self { execution: Execution::TwoPhase(Arc::new(plan)), owner: 0 }),
            None => Err(OperatorError::message(
                ErrorKind::InvalidQuery,
                "columns without a type cannot be kept by `distinct`: drop them or cast them",
            )),
        }
    }

    /// Whether groups are reduced before the exchange.
    pub fn two_phase(&self) -> bool {
        matches!(self.execution, Execution::TwoPhase(_))
    }

    /// Columns of the result: keys, then aggregates.
    pub fn output_schema(&self) -> &SchemaRef {
        match &self.execution {
            Execution::TwoPhase(plan) => plan.output_schema(),
            Execution::WholeGroups(plan) => plan.output_schema(),
        }
    }

    /// Columns that are exchanged.
    pub fn exchanged_schema(&self) -> &SchemaRef {
        match &self.execution {
            Execution::TwoPhase(plan) => plan.partial_schema(),
            Execution::WholeGroups(plan) => plan.exchanged_schema(),
        }
    }

    /// The operator to fuse behind the producer of the rows.
    pub fn before_exchange(&self) -> Arc<dyn OperatorFactory> {
        match &self.execution {
            Execution::TwoPhase(plan) => Arc::new(PartialAggregate::new(plan.clone())),
            Execution::WholeGroups(plan) => Arc::new(KeyedRows::new(plan.clone())),
        }
    }

    /// How its output is distributed: by the hash of all keys, without keys to one worker.
    pub fn partitioning(&self) -> Partitioning {
        let keys = match &self.execution {
            Execution::TwoPhase(plan) => plan.key_names(),
            Execution::WholeGroups(plan) => plan.key_names(),
        };
        if keys.is_empty() { Partitioning::Gather } else { Partitioning::Hash(keys.to_vec()) }
    }

    /// The operator behind the exchange.
    pub fn after_exchange(&self) -> Arc<dyn OperatorFactory> {
        match &self.execution {
            Execution::TwoPhase(plan) => Arc::new(FinalAggregate::new(plan.clone(), self.owner)),
            Execution::WholeGroups(plan) => Arc::new(WholeGroupAggregate::new(plan.clone(), self.owner)),
        }
    }
}

fn named(exprs: Vec<Expr>, schema: &Schema) -> Result<Vec<Named>, OperatorError> {
    exprs.into_iter().map(|expr| Ok(Named { name: output_field(&expr, schema)?.name, expr })).collect()
}

/// Expressions as a list.
fn describe(exprs: &[Named]) -> String {
    exprs.iter().map(|output| output.expr.to_string()).collect::<Vec<_>>().join(", ")
}

fn unique<'a>(names: impl Iterator<Item = &'a PlSmallStr>) -> Result<(), OperatorError> {
    let mut seen: Vec<&PlSmallStr> = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(ExprError::DuplicateOutput { name: name.clone() }.into());
        }
        seen.push(name);
    }
    Ok(())
}

/// A name for the column with the given index among those of a kind. Users see it in plans, never in results.
fn internal_name(kind: impl std::fmt::Display, index: usize, taken: impl Fn(&str) -> bool) -> PlSmallStr {
    let mut name = format!("{kind}({index})");
    while taken(&name) {
        name.insert(0, '_');
    }
    name.into()
}
