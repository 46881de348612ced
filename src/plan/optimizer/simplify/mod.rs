//! Expressions that mean the same and cost less, and plans that can have no rows.
//!
//! Constants are computed, `not` moves into what it negates, comparisons get their constant on the right, and what a
//! constant decides is decided. Of ranges that a filter asks for, the narrowest stays; a filter that is always true goes,
//! and one that is never true leaves a table without rows, as does everything that needs rows of it.
//!
//! Types, nulls and errors stay what they are: a constant that fails to compute is left for the query to fail on, and
//! nothing that can fail is dropped. Names inside an expression go, unless an expression depends on them.

mod boolean;
mod constant;
mod empty;
mod membership;
mod ranges;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::cell::Cell;
use std::sync::Arc;

use polars_core::prelude::Schema;
use polars_plan::dsl::{DataTypeExpr, Expr, FunctionExpr};
use polars_plan::plans::visitor::TreeWalker;
use quokka_engine::expr::prelude::lit;
use quokka_engine::expr::{conjunction, split_conjunction};
use quokka_engine::source::ScanRequest;

use self::boolean::Logic;
use crate::plan::expression::{NamedExpr, Properties, columns, reads_columns};
use crate::plan::join::{Join, JoinCondition, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// Simplifies every expression of `plan`.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    let simplified = match plan.node() {
        Node::Scan { scan, request: request @ ScanRequest { predicate: Some(predicate), .. } } => {
            let schema = scan.schema();
            match Simplifier::new(&schema).filter(predicate) {
                Verdict::Never => Some(empty::like(&plan)),
                Verdict::Same => None,
                Verdict::Now(predicate) => {
                    let request = ScanRequest { predicate, ..request.clone() };
                    Some(LogicalPlan::new(Node::Scan { scan: scan.clone(), request }, plan.schema().clone()))
                },
            }
        },
        Node::Filter { input, predicate } => match Simplifier::new(input.schema()).filter(predicate) {
            Verdict::Never => Some(empty::like(&plan)),
            Verdict::Same => None,
            Verdict::Now(Some(predicate)) => Some(input.clone().filtered(predicate)),
            Verdict::Now(None) => Some(input.clone()),
        },
        Node::Select { input, exprs } => Simplifier::new(input.schema())
            .named(exprs)
            .map(|exprs| LogicalPlan::new(Node::Select { input: input.clone(), exprs }, plan.schema().clone())),
        Node::WithColumns { input, exprs } => Simplifier::new(input.schema())
            .named(exprs)
            .map(|exprs| LogicalPlan::new(Node::WithColumns { input: input.clone(), exprs }, plan.schema().clone())),
        Node::Aggregate { input, keys, aggs } => {
            let simplifier = Simplifier::new(input.schema());
            let simpler = (simplifier.named(keys), simplifier.named(aggs));
            (simpler.0.is_some() || simpler.1.is_some()).then(|| {
                let (keys, aggs) = (simpler.0.unwrap_or(keys.clone()), simpler.1.unwrap_or(aggs.clone()));
                LogicalPlan::new(Node::Aggregate { input: input.clone(), keys, aggs }, plan.schema().clone())
            })
        },
        Node::Join { left, right, join } => simplify_join(&plan, left, right, join),
        _ => None,
    };
    empty::propagate(simplified.unwrap_or(plan))
}

fn simplify_join(plan: &LogicalPlan, left: &LogicalPlan, right: &LogicalPlan, join: &Join) -> Option<LogicalPlan> {
    let condition = join.condition.as_ref()?;
    let dtype = |source: &JoinSource| match source {
        JoinSource::Left(name) => left.schema().get(name).cloned(),
        JoinSource::Right(name) => right.schema().get(name).cloned(),
        JoinSource::Key(_) => None,
    };
    let pairs = condition.columns.iter().map(|column| Some((column.name.clone(), dtype(&column.source)?)));
    let pairs: Schema = pairs.collect::<Option<_>>()?;
    let condition = match Simplifier::new(&pairs).filter(&condition.predicate) {
        Verdict::Same => return None,
        Verdict::Never if join.keeps_left() || join.keeps_right() => return None,
        Verdict::Never => return Some(empty::like(plan)),
        Verdict::Now(predicate) => predicate.map(|predicate| {
            let used = condition.columns.iter().filter(|column| columns(&predicate).any(|name| *name == column.name));
            JoinCondition { columns: used.cloned().collect(), predicate }
        }),
    };
    let join = Arc::new(Join { condition, ..join.clone() });
    Some(LogicalPlan::new(Node::Join { left: left.clone(), right: right.clone(), join }, plan.schema().clone()))
}

/// What became of a predicate.
enum Verdict {
    /// It was simple.
    Same,
    /// It is this; nothing if it is always true.
    Now(Option<Expr>),
    /// No row passes.
    Never,
}

/// Simplifies expressions over columns of a schema.
struct Simplifier<'a> {
    schema: &'a Schema,
}

impl<'a> Simplifier<'a> {
    fn new(schema: &'a Schema) -> Self {
        Self { schema }
    }

    /// Simpler expressions for `exprs`, if some are not simple.
    fn named(&self, exprs: &[NamedExpr]) -> Option<Vec<NamedExpr>> {
        let simpler =
            exprs.iter().map(
                |NamedExpr { expr, .. }| {
                    if reads_columns(expr) && !depends_on_names(expr) { self.value(expr) } else { None }
                },
            );
        let simpler: Vec<Option<Expr>> = simpler.collect();
        simpler.iter().any(Option::is_some).then(|| {
            let named = exprs.iter().zip(simpler).map(|(named, simpler)| NamedExpr {
                name: named.name.clone(),
                expr: simpler.unwrap_or_else(|| named.expr.clone()),
            });
            named.collect()
        })
    }

    /// What a filter by `predicate` comes down to.
    fn filter(&self, predicate: &Expr) -> Verdict {
        if depends_on_names(predicate) {
            return Verdict::Same;
        }
        let simpler = self.predicate(predicate);
        let Some(mut parts) = ranges::merge(split_conjunction(&simpler), self.schema) else { return Verdict::Never };
        parts.retain(|part| boolean::truth(part) != Some(true));
        if parts.iter().any(|part| boolean::truth(part) == Some(false)) && parts.iter().all(|part| self.can_go(part)) {
            return Verdict::Never;
        }
        match conjunction(parts) {
            Some(simpler) if simpler == *predicate => Verdict::Same,
            simpler => Verdict::Now(simpler),
        }
    }

    /// A predicate that is true for the same rows as `expr`; where that is null, it may be false.
    fn predicate(&self, expr: &Expr) -> Expr {
        match Logic::of(expr) {
            Logic::And(left, right) => self.both(self.predicate(left), self.predicate(right)),
            Logic::Or(left, right) => self.either(self.predicate(left), self.predicate(right)),
            Logic::Not(inner) => match self.negation(inner, true) {
                Some(negated) => self.predicate(&negated),
                None => self.leaf(expr),
            },
            Logic::Other => self.leaf(expr),
        }
    }

    fn leaf(&self, expr: &Expr) -> Expr {
        match self.value(expr) {
            Some(simpler) if boolean::is_null(&simpler) => lit(false),
            Some(simpler) if matches!(Logic::of(&simpler), Logic::Other) => simpler,
            Some(simpler) => self.predicate(&simpler),
            None if boolean::is_null(expr) => lit(false),
            None => expr.clone(),
        }
    }

    /// A simpler expression with the same values as `expr`, if there is one.
    fn value(&self, expr: &Expr) -> Option<Expr> {
        if matches!(expr, Expr::Column(_) | Expr::Literal(_) | Expr::Len) {
            return None;
        }
        if let Expr::Alias(inner, _) = expr {
            return Some(self.value(inner).unwrap_or_else(|| inner.as_ref().clone()));
        }
        if let Some(constant) = constant::fold(expr, self.schema) {
            return Some(constant);
        }
        let simpler = self.inputs(expr);
        let current = simpler.as_ref().unwrap_or(expr);
        let rewritten = self
            .logic(current)
            .or_else(|| self.comparison(current))
            .or_else(|| membership::simplify(current, self.schema))
            .or_else(|| self.useless_cast(current));
        rewritten.or(simpler)
    }

    /// `expr` with simpler inputs, if some are not simple.
    fn inputs(&self, expr: &Expr) -> Option<Expr> {
        let descends = match expr {
            Expr::BinaryExpr { .. } | Expr::Cast { .. } | Expr::Ternary { .. } | Expr::Agg(_) | Expr::Filter { .. } => {
                true
            },
            Expr::Function { function, .. } => is_plain_function(function),
            _ => false,
        };
        if !descends {
            return None;
        }
        let changed = Cell::new(false);
        let simpler = expr.clone().map_children(
            &mut |input, _| {
                Ok(match self.value(&input) {
                    Some(simpler) => {
                        changed.set(true);
                        simpler
                    },
                    None => input,
                })
            },
            &mut (),
        );
        simpler.ok().filter(|_| changed.get())
    }

    /// What a cast to the type that its input has anyway casts.
    fn useless_cast(&self, expr: &Expr) -> Option<Expr> {
        let Expr::Cast { expr: inner, dtype: DataTypeExpr::Literal(dtype), .. } = expr else { return None };
        match inner.as_ref() {
            Expr::Column(name) if self.schema.get(name) == Some(dtype) => Some(inner.as_ref().clone()),
            _ => None,
        }
    }

    /// Whether nobody misses `expr` if it is not evaluated.
    fn can_go(&self, expr: &Expr) -> bool {
        let properties = Properties::of(expr, self.schema);
        !properties.fallible && properties.deterministic
    }

    /// Whether `expr` gives one value, whatever the number of rows.
    fn is_scalar(&self, expr: &Expr) -> bool {
        Properties::of(expr, self.schema).scalar
    }
}

/// Whether `expr` renames in a way that depends on what is inside.
fn depends_on_names(expr: &Expr) -> bool {
    expr.into_iter().any(|part| matches!(part, Expr::KeepName(_) | Expr::RenameAlias { .. }))
}

/// Whether the names of its inputs do not matter to `function`.
pub(super) fn is_plain_function(function: &FunctionExpr) -> bool {
    matches!(
        function,
        FunctionExpr::Boolean(_)
            | FunctionExpr::StringExpr(_)
            | FunctionExpr::TemporalExpr(_)
            | FunctionExpr::Negate
            | FunctionExpr::NullCount
            | FunctionExpr::FillNull
            | FunctionExpr::Coalesce
            | FunctionExpr::MaxHorizontal
            | FunctionExpr::MinHorizontal
    )
}
