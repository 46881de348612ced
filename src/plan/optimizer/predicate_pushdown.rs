//! Filters move towards the scans, so that rows are dropped before they are joined, exchanged or even decoded.
//!
//! A predicate moves if it is elementwise, cannot fail and is deterministic. Below a projection its columns are replaced
//! by their definitions. Below a join it goes to the side whose columns it reads, if rows of that side cannot turn up
//! unmatched, and, if it reads keys only, to the other side too, as does what is known of the keys of an outer join's
//! side that keeps its rows. Of alternatives that read both sides, each side gets
//! what they say of it, and the whole stays above the join. A predicate never passes a limit or a top-k, whose result
//! depends on which rows there are, nor an operation that looks at more than one row at a time; but it passes windows if it
//! reads only columns that all of them are partitioned by.

mod join;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use polars_core::prelude::{PlIndexMap, PlSmallStr};
use polars_plan::dsl::Expr;
use quokka_engine::expr::{Requirement, conjunction, requirement, split_conjunction};
use quokka_engine::source::ScanRequest;

use crate::plan::expression::{NamedExpr, Properties, reads_columns, substitute};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

/// Moves all filters of `plan` as far down as they can go.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    push(plan, Vec::new())
}

/// `plan`, filtered by all of `predicates`, which may move.
pub(super) fn push(plan: &LogicalPlan, predicates: Vec<Expr>) -> LogicalPlan {
    match plan.node() {
        Node::Scan { scan, request } => {
            let all = request.predicate.iter().cloned().chain(predicates).collect();
            let request = ScanRequest { predicate: conjunction(all), ..request.clone() };
            LogicalPlan::new(Node::Scan { scan: scan.clone(), request }, plan.schema().clone())
        },
        Node::Filter { input, predicate } => push_filter(input, predicate, predicates),
        Node::Select { input, exprs } => {
            let (below, above) = split_by_definition(exprs, input, false, predicates);
            let node = Node::Select { input: push(input, below), exprs: exprs.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), above)
        },
        Node::WithColumns { input, exprs } => {
            let (below, above) = split_by_definition(exprs, input, true, predicates);
            let node = Node::WithColumns { input: push(input, below), exprs: exprs.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), above)
        },
        Node::Aggregate { input, keys, aggs } => {
            let (below, above) = split_by_keys(keys, input, predicates);
            let node = Node::Aggregate { input: push(input, below), keys: keys.clone(), aggs: aggs.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), above)
        },
        Node::Join { left, right, join } => {
            let mut sides = join::split(join, left, right, predicates);
            sides.infer(join, left, right);
            let node = Node::Join { left: push(left, sides.left), right: push(right, sides.right), join: join.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), sides.above)
        },
        Node::Rows { operation, .. } => {
            let (below, above) = split_by_operation(operation, predicates);
            filtered(plan.map_inputs(|input| push(input, below.clone())), above)
        },
        Node::Sort { .. } | Node::Union { .. } | Node::Placed { .. } => {
            plan.map_inputs(|input| push(input, predicates.clone()))
        },
        Node::TopK { .. } | Node::Slice { .. } | Node::MapBatches { .. } | Node::Stateful { .. } => {
            filtered(plan.map_inputs(apply), predicates)
        },
    }
}

fn filtered(plan: LogicalPlan, predicates: Vec<Expr>) -> LogicalPlan {
    match conjunction(predicates) {
        Some(predicate) => plan.filtered(predicate),
        None => plan,
    }
}

/// A filter with `predicates` above it.
fn push_filter(input: &LogicalPlan, predicate: &Expr, predicates: Vec<Expr>) -> LogicalPlan {
    let parts = split_conjunction(predicate);
    let properties: Vec<_> = parts.iter().map(|part| Properties::of(part, input.schema())).collect();
    if properties.iter().any(|properties| !properties.elementwise) {
        // What it compares a row with depends on all rows, so none may be dropped before.
        return filtered(apply(input).filtered(predicate.clone()), predicates);
    }
    let mut movable = Vec::new();
    let mut staying = Vec::new();
    for (part, properties) in parts.into_iter().zip(properties) {
        if properties.is_movable() { movable.push(part) } else { staying.push(part) }
    }
    movable.extend(predicates);
    filtered(push(input, movable), staying)
}

/// Predicates below a projection, over the columns of its input, and those that stay above it.
fn split_by_definition(
    exprs: &[NamedExpr],
    input: &LogicalPlan,
    others_pass: bool,
    predicates: Vec<Expr>,
) -> (Vec<Expr>, Vec<Expr>) {
    if predicates.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let properties: PlIndexMap<&PlSmallStr, (&Expr, Properties)> =
        exprs.iter().map(|e| (&e.name, (&e.expr, Properties::of(&e.expr, input.schema())))).collect();
    let row_by_row = properties.values().all(|(_, properties)| properties.elementwise)
        && (others_pass || exprs.iter().any(|e| reads_columns(&e.expr)));
    if !row_by_row {
        let keys = window_keys(exprs, input);
        let (candidates, mut above): (Vec<_>, Vec<_>) = predicates.into_iter().partition(reads_columns);
        let (below, staying) = split(candidates, |name| {
            let column = match exprs.iter().find(|named| named.name == *name) {
                Some(named) => named.source_column()?,
                None => Some(name).filter(|_| others_pass)?,
            };
            keys.contains(column).then(|| Expr::Column(column.clone()))
        });
        above.extend(staying);
        return (below, above);
    }
    split(predicates, |name| match properties.get(name) {
        Some((expr, properties)) => properties.is_movable().then(|| Expr::clone(expr)),
        None => others_pass.then(|| Expr::Column(name.clone())),
    })
}

/// The columns that agree in all rows which a value of `exprs` depends on; none if there are other dependencies than
/// windows. Equal floats may differ in their sign.
fn window_keys(exprs: &[NamedExpr], input: &LogicalPlan) -> Vec<PlSmallStr> {
    let mut common: Option<Vec<PlSmallStr>> = None;
    for named in exprs {
        match requirement(&named.expr, input.schema()) {
            Ok(Requirement::Rows) => {},
            Ok(Requirement::Window { keys, .. }) => {
                let columns = keys.into_iter().filter_map(|key| match key {
                    Expr::Column(name) => Some(name),
                    _ => None,
                });
                let is_common = |name: &PlSmallStr| common.as_ref().is_none_or(|common| common.contains(name));
                let is_exact = |name: &PlSmallStr| input.schema().get(name).is_some_and(|dtype| !dtype.is_float());
                common = Some(columns.filter(|name| is_common(name) && is_exact(name)).collect());
            },
            _ => return Vec::new(),
        }
    }
    common.unwrap_or_default()
}

/// Predicates below an aggregate, which read only its keys, and those that stay above it.
fn split_by_keys(keys: &[NamedExpr], input: &LogicalPlan, predicates: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    // A predicate without columns, such as `false`, must not empty the input of an aggregate that then still has a row.
    let (candidates, mut above): (Vec<_>, Vec<_>) = predicates.into_iter().partition(reads_columns);
    let (below, staying) = split(candidates, |name| {
        let key = keys.iter().find(|key| key.name == *name)?;
        Properties::of(&key.expr, input.schema()).is_movable().then(|| key.expr.clone())
    });
    above.extend(staying);
    (below, above)
}

/// Predicates below an operation on rows, which read only columns that let them pass, and those that stay above it.
fn split_by_operation(operation: &RowOperation, predicates: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    let (candidates, mut above): (Vec<_>, Vec<_>) = predicates.into_iter().partition(reads_columns);
    let (below, staying) =
        split(candidates, |name| operation.passes_filters_on(name).then(|| Expr::Column(name.clone())));
    above.extend(staying);
    (below, above)
}

/// Predicates whose columns all have a definition, rewritten, and the others.
fn split(predicates: Vec<Expr>, definition: impl Fn(&PlSmallStr) -> Option<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    let mut below = Vec::new();
    let mut above = Vec::new();
    for predicate in predicates {
        match substitute(&predicate, &definition) {
            Some(rewritten) => below.push(rewritten),
            None => above.push(predicate),
        }
    }
    (below, above)
}
