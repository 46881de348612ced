//! Joins run in the order that costs least, whatever the order of the program.
//!
//! A tree of inner and cross joins, with filters and renamings between them, becomes a graph of relations: what else there
//! is (tables, aggregates, outer joins) is a relation. Columns that joins and filters compare for equality form classes of
//! equal columns; any two relations with a column of one class can be joined on it, so that `a = b` and `b = c` also join
//! `a` to `c`, a cross join with an equality above it becomes an inner join, and what a predicate says of one column of a
//! class holds for the others. A semi or anti join takes part as a relation that only filters: it may run wherever the
//! columns that it compares are there. Predicates over several relations become conditions of the first join that has
//! their columns.
//!
//! The order is found by dynamic programming over all connected subgraphs (DPccp: Moerkotte and Neumann, "Analysis of two
//! existing and one new dynamic programming algorithm", VLDB 2006), or, if there are too many, greedily by the smallest
//! result (GOO: Fegaras, 1998). Relations that nothing connects are crossed last. Where the size of a relation is unknown,
//! the order of the program stays.

mod classes;
mod enumerate;
mod filters;
mod graph;
mod infer;
mod model;
mod rebuild;
mod set;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use self::enumerate::best_tree;
use self::graph::Graph;
use self::model::Model;
use self::rebuild::rebuild;
use crate::plan::cardinality::Estimates;
use crate::plan::logical::{LogicalPlan, Node};

/// Orders all joins of `plan`.
pub(crate) fn apply(plan: &LogicalPlan, estimates: &Estimates) -> LogicalPlan {
    if !matches!(plan.node(), Node::Join { .. } | Node::Filter { .. } | Node::Select { .. }) {
        return plan.map_inputs(|input| apply(input, estimates));
    }
    let Some(mut graph) = Graph::of(plan, &|plan| apply(plan, estimates)) else {
        return plan.map_inputs(|input| apply(input, estimates));
    };
    infer::apply(&mut graph);
    let tree = match Model::new(&graph, estimates) {
        Some(mut model) => best_tree(&graph, &mut model),
        None => graph.tree.clone(),
    };
    rebuild(&graph, &tree, plan.schema()).unwrap_or_else(|| plan.map_inputs(|input| apply(input, estimates)))
}
