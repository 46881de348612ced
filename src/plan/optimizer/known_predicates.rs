//! What holds for every row of a plan.

use polars_core::prelude::PlSmallStr;
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::split_conjunction;

use crate::plan::expression::{NamedExpr, Properties, columns, reads_columns, substitute};
use crate::plan::join::JoinSource;
use crate::plan::logical::{LogicalPlan, Node};

/// Predicates, over columns of `plan`, that are true for all of its rows and may be evaluated anywhere.
pub(super) fn known_predicates(plan: &LogicalPlan) -> Vec<Expr> {
    match plan.node() {
        Node::Scan { scan, request } => {
            let parts = request.predicate.iter().flat_map(split_conjunction);
            let schema = scan.schema();
            parts.filter(|part| has_columns(plan, part) && Properties::of(part, &schema).is_movable()).collect()
        },
        Node::Filter { input, predicate } => {
            let mut known = known_predicates(input);
            let parts = split_conjunction(predicate);
            if parts.iter().all(|part| Properties::of(part, input.schema()).elementwise) {
                let movable = |part: &Expr| reads_columns(part) && Properties::of(part, input.schema()).is_movable();
                known.extend(parts.into_iter().filter(movable));
            }
            known
        },
        Node::Select { input, exprs } => renamed(known_predicates(input), |name| passed_on(exprs, name)),
        Node::WithColumns { input, exprs } => renamed(known_predicates(input), |name| {
            let replaced = exprs.iter().any(|named| named.name == *name);
            if replaced { passed_on(exprs, name) } else { Some(name.clone()) }
        }),
        Node::Aggregate { input, keys, .. } if !keys.is_empty() => {
            renamed(known_predicates(input), |name| passed_on(keys, name))
        },
        Node::Join { left, right, join } => {
            let output = |source: JoinSource| {
                let found = join.columns.iter().find(|column| column.source == source)?;
                Some(found.name.clone())
            };
            let mut known = Vec::new();
            if !matches!(join.how, JoinType::Right | JoinType::Full) {
                known.extend(renamed(known_predicates(left), |name| output(JoinSource::Left(name.clone()))));
            }
            if matches!(join.how, JoinType::Inner | JoinType::Cross | JoinType::Right) {
                known.extend(renamed(known_predicates(right), |name| output(JoinSource::Right(name.clone()))));
            }
            known
        },
        Node::Rows { input, operation } => {
            renamed(known_predicates(input), |name| operation.keeps(name).then(|| name.clone()))
        },
        Node::Sort { input, .. }
        | Node::TopK { input, .. }
        | Node::Slice { input, .. }
        | Node::Placed { input, .. } => known_predicates(input),
        Node::Aggregate { .. } | Node::Union { .. } | Node::MapBatches { .. } | Node::Stateful { .. } => Vec::new(),
    }
}

/// Whether two predicates test the same, whatever names stand inside them.
pub(super) fn same_test(one: &Expr, other: &Expr) -> bool {
    let bare = |predicate: &Expr| {
        predicate.clone().map_expr(|part| match part {
            Expr::Alias(inner, _) => inner.as_ref().clone(),
            part => part,
        })
    };
    one == other || bare(one) == bare(other)
}

fn has_columns(plan: &LogicalPlan, predicate: &Expr) -> bool {
    reads_columns(predicate) && columns(predicate).all(|name| plan.schema().contains(name))
}

/// The name under which `exprs` pass a column on as it is.
fn passed_on(exprs: &[NamedExpr], column: &PlSmallStr) -> Option<PlSmallStr> {
    exprs.iter().find(|named| named.source_column() == Some(column)).map(|named| named.name.clone())
}

fn renamed(predicates: Vec<Expr>, name: impl Fn(&PlSmallStr) -> Option<PlSmallStr>) -> Vec<Expr> {
    let renamed = predicates.iter().map(|predicate| substitute(predicate, |old| name(old).map(Expr::Column)));
    renamed.flatten().collect()
}
