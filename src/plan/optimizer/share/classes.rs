//! Which parts of a plan are equal.

use std::collections::HashMap;
use std::sync::Arc;

use polars_core::prelude::Schema;
use polars_plan::dsl::Expr;
use quokka_engine::source::{Scan, ScanRequest};

use crate::plan::Line;
use crate::plan::expression::{NamedExpr, Properties};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

/// The parts of a plan, each with its equals in one class.
pub(super) struct Classes {
    classes: Vec<Class>,
    /// The class of each node, by its address.
    of: HashMap<usize, usize>,
}

struct Class {
    /// One of its parts.
    plan: LogicalPlan,
    /// What it reads; these have lower numbers.
    inputs: Vec<usize>,
    /// Whether to compute it costs more than to look at rows one by one.
    is_expensive: bool,
}

/// While classes are being found: what nodes of a class have in common at least.
type Candidates = HashMap<(String, Vec<usize>), Vec<usize>>;

impl Classes {
    /// The classes of `plan` if parts of it can be equal.
    pub(super) fn of(plan: &LogicalPlan) -> Option<Self> {
        let mut scans = Vec::new();
        if !reads_twice(plan, &mut scans) {
            return None;
        }
        let mut classes = Self { classes: Vec::new(), of: HashMap::new() };
        classes.classify(plan, &mut Candidates::new());
        Some(classes)
    }

    /// The classes that are to be shared, if `pays` does not object. Those that others are a part of come last.
    pub(super) fn shared(&self, pays: impl Fn(&LogicalPlan) -> bool) -> Vec<usize> {
        let mut shared = Vec::new();
        // How often each class would be computed. The whole plan has the highest number.
        let mut times = vec![0usize; self.classes.len()];
        times.iter_mut().last().into_iter().for_each(|times| *times = 1);
        for (number, class) in self.classes.iter().enumerate().rev() {
            if times[number] > 1 && class.is_expensive && pays(&class.plan) {
                times[number] = 1;
                shared.push(number);
            }
            class.inputs.iter().for_each(|input| times[*input] = times[*input].saturating_add(times[number]));
        }
        shared
    }

    /// One of the plans of a class.
    pub(super) fn plan(&self, class: usize) -> &LogicalPlan {
        &self.classes[class].plan
    }

    /// `plan` with each of its parts, but not itself, replaced by what `leaf` makes of its class, if anything.
    pub(super) fn rewrite(&self, plan: &LogicalPlan, leaf: &dyn Fn(usize) -> Option<LogicalPlan>) -> LogicalPlan {
        plan.map_inputs(|input| {
            let class = self.of.get(&input.address());
            class.and_then(|class| leaf(*class)).unwrap_or_else(|| self.rewrite(input, leaf))
        })
    }

    fn classify(&mut self, plan: &LogicalPlan, candidates: &mut Candidates) -> usize {
        if let Some(class) = self.of.get(&plan.address()) {
            return *class;
        }
        let inputs: Vec<usize> = plan.inputs().into_iter().map(|input| self.classify(input, candidates)).collect();
        let equals = candidates.entry((Line(plan).to_string(), inputs.clone())).or_default();
        let found = equals.iter().find(|class| is_same(&self.classes[**class].plan, plan)).copied();
        let class = found.unwrap_or_else(|| {
            let class = self.classes.len();
            equals.push(class);
            let is_expensive = is_expensive(plan) || inputs.iter().any(|input| self.classes[*input].is_expensive);
            self.classes.push(Class { plan: plan.clone(), inputs, is_expensive });
            class
        });
        self.of.insert(plan.address(), class);
        class
    }
}

/// Whether some table is read more than once: without that, no two parts are equal.
fn reads_twice<'a>(plan: &'a LogicalPlan, scans: &mut Vec<&'a Arc<dyn Scan>>) -> bool {
    if let Node::Scan { scan, .. } = plan.node() {
        if scans.iter().any(|other| is_same_table(scan, other)) {
            return true;
        }
        scans.push(scan);
    }
    plan.inputs().into_iter().any(|input| reads_twice(input, scans))
}

fn is_same_table(one: &Arc<dyn Scan>, other: &Arc<dyn Scan>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
        || one.identity().is_some_and(|identity| other.identity() == Some(identity))
}

/// Whether two nodes that print the same, over equal inputs, have equal results.
fn is_same(one: &LogicalPlan, other: &LogicalPlan) -> bool {
    if one.schema() != other.schema() {
        return false;
    }
    match (one.node(), other.node()) {
        (Node::Scan { scan, request }, Node::Scan { scan: other, request: other_request }) => {
            is_same_table(scan, other) && is_whole(request) && is_whole(other_request)
        },
        (Node::Filter { input, predicate }, Node::Filter { predicate: other, .. }) => {
            are_same([predicate], [other], input.schema())
        },
        (Node::Select { input, exprs }, Node::Select { exprs: others, .. })
        | (Node::WithColumns { input, exprs }, Node::WithColumns { exprs: others, .. }) => {
            are_same(values(exprs), values(others), input.schema())
        },
        (Node::Aggregate { input, keys, aggs }, Node::Aggregate { keys: other_keys, aggs: other_aggs, .. }) => {
            are_same(values(keys), values(other_keys), input.schema())
                && are_same(values(aggs), values(other_aggs), input.schema())
        },
        // Conditions read columns of both inputs, which no schema holds: those joins are equal only if they are the same.
        (Node::Join { left, right, join }, Node::Join { join: other, .. }) => {
            join == other
                && join.condition.is_none()
                && join.keys.iter().all(|key| {
                    is_deterministic(&key.left, left.schema()) && is_deterministic(&key.right, right.schema())
                })
        },
        (Node::Sort { input, by, options }, Node::Sort { by: others, options: other_options, .. }) => {
            options == other_options && are_same(by, others, input.schema())
        },
        (Node::TopK { input, k, by, options }, Node::TopK { k: other_k, by: others, options: other_options, .. }) => {
            k == other_k && options == other_options && are_same(by, others, input.schema())
        },
        (Node::Slice { offset, length, .. }, Node::Slice { offset: other_offset, length: other_length, .. }) => {
            offset == other_offset && length == other_length
        },
        (Node::Union { .. }, Node::Union { .. }) => true,
        (Node::Rows { operation, .. }, Node::Rows { operation: other, .. }) => {
            operation.is_deterministic() && operation == other
        },
        (Node::Placed { placement, .. }, Node::Placed { placement: other, .. }) => placement == other,
        (Node::MapBatches { function, .. }, Node::MapBatches { function: other, .. }) => Arc::ptr_eq(function, other),
        (Node::Stateful { operator, .. }, Node::Stateful { operator: other, .. }) => Arc::ptr_eq(operator, other),
        _ => false,
    }
}

/// Whether a table is asked for as the user named it.
fn is_whole(request: &ScanRequest) -> bool {
    request.projection.is_none() && request.predicate.is_none()
}

fn values(exprs: &[NamedExpr]) -> impl Iterator<Item = &Expr> {
    exprs.iter().map(|named| &named.expr)
}

/// Whether expressions are equal and have equal values, too.
fn are_same<'a>(
    some: impl IntoIterator<Item = &'a Expr>,
    others: impl IntoIterator<Item = &'a Expr>,
    schema: &Schema,
) -> bool {
    some.into_iter().eq(others.into_iter().filter(|expr| is_deterministic(expr, schema)))
}

fn is_deterministic(expr: &Expr, schema: &Schema) -> bool {
    Properties::of(expr, schema).deterministic
}

/// Whether a node does work that costs more than to keep its result. What looks at one row at a time does not, unless a
/// function of the user is called.
fn is_expensive(plan: &LogicalPlan) -> bool {
    let costs = |expr: &Expr, input: &LogicalPlan| {
        !Properties::of(expr, input.schema()).elementwise
            || expr.into_iter().any(|part| matches!(part, Expr::AnonymousFunction { .. }))
    };
    match plan.node() {
        Node::Aggregate { .. } | Node::Join { .. } | Node::Sort { .. } | Node::TopK { .. } => true,
        Node::MapBatches { .. } | Node::Stateful { .. } => true,
        Node::Filter { input, predicate } => costs(predicate, input),
        Node::Select { input, exprs } | Node::WithColumns { input, exprs } => {
            exprs.iter().any(|named| costs(&named.expr, input))
        },
        Node::Rows { operation, .. } => matches!(operation, RowOperation::Distinct { .. }),
        Node::Scan { .. } | Node::Slice { .. } | Node::Union { .. } | Node::Placed { .. } => false,
    }
}
