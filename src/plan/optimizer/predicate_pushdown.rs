//! Filters move towards the scans, so that rows are dropped before they are joined, exchanged or even decoded.
//!
//! A predicate moves if it is elementwise, cannot fail and is deterministic. Below a projection its columns are replaced
//! by their definitions. Below a join it goes to the side whose columns it reads, if rows of that side cannot turn up
//! unmatched, and, if it reads keys only, to the other side too. It never passes a limit or a top-k, whose result
//! depends on which rows there are, nor an operation that looks at more than one row at a time.

mod join;

use polars_core::prelude::{PlIndexMap, PlSmallStr};
use polars_plan::dsl::Expr;
use quokka_engine::expr::{conjunction, split_conjunction};
use quokka_engine::source::ScanRequest;

use crate::plan::expression::{NamedExpr, Properties, reads_columns, substitute};
use crate::plan::logical::{LogicalPlan, Node};

/// Moves all filters of `plan` as far down as they can go.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    push(plan, Vec::new())
}

/// `plan`, filtered by all of `predicates`, which may move.
fn push(plan: &LogicalPlan, predicates: Vec<Expr>) -> LogicalPlan {
    match plan.node() {
        Node::Scan { scan, request } => {
            let all = request.predicate.iter().cloned().chain(predicates).collect();
            let request = ScanRequest { projection: request.projection.clone(), predicate: conjunction(all) };
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
            let sides = join::split(join, left, right, predicates);
            let node = Node::Join { left: push(left, sides.left), right: push(right, sides.right), join: join.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), sides.above)
        },
        Node::Sort { .. } | Node::Union { .. } => plan.map_inputs(|input| push(input, predicates.clone())),
        Node::TopK { .. } | Node::Slice { .. } => filtered(plan.map_inputs(apply), predicates),
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
        return (Vec::new(), predicates);
    }
    split(predicates, |name| match properties.get(name) {
        Some((expr, properties)) => properties.is_movable().then(|| Expr::clone(expr)),
        None => others_pass.then(|| Expr::Column(name.clone())),
    })
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
