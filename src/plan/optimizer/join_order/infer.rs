//! What is known of one column of a class holds for the others.

use polars_core::prelude::PlSmallStr;
use polars_plan::dsl::Expr;

use super::graph::{Attribute, Graph};
use crate::plan::expression::{columns, substitute};
use crate::plan::optimizer::known_predicates::{known_predicates, same_test};
use crate::plan::optimizer::predicate_pushdown;

/// Filters every relation by what is known of the columns that equal its own, also those that only filter.
pub(super) fn apply(graph: &mut Graph) {
    let known: Vec<Vec<Expr>> = graph.relations.iter().map(known_predicates).collect();
    let of_filters: Vec<Vec<Expr>> = graph.filters.iter().map(|filter| known_predicates(&filter.right)).collect();

    let mut found: Vec<Vec<Expr>> = vec![Vec::new(); graph.relations.len()];
    for (relation, predicates) in known.iter().enumerate() {
        for predicate in predicates {
            for (other, found) in found.iter_mut().enumerate().filter(|(other, _)| *other != relation) {
                found.extend(carried(graph, predicate, relation, other));
            }
        }
    }
    for (filter, predicates) in graph.filters.iter().zip(&of_filters) {
        if filter.is_semi() {
            for predicate in predicates {
                for (relation, found) in found.iter_mut().enumerate() {
                    found.extend(filter.to_left(predicate, |attribute| equal(graph, attribute, relation)));
                }
            }
        }
    }
    let mut of_rights: Vec<Vec<Expr>> = Vec::new();
    for filter in &graph.filters {
        let mut found = Vec::new();
        for (relation, predicates) in known.iter().enumerate() {
            let to_right = |predicate| filter.to_right(predicate, |attribute| equal(graph, attribute, relation));
            found.extend(predicates.iter().filter_map(to_right));
        }
        of_rights.push(found);
    }

    let relations = graph.relations.iter_mut().zip(&known).zip(found);
    let filters = graph.filters.iter_mut().map(|filter| &mut filter.right).zip(&of_filters).zip(of_rights);
    for ((plan, known), found) in relations.chain(filters) {
        let mut new: Vec<Expr> = Vec::new();
        for predicate in found {
            if !known.iter().chain(&new).any(|other| same_test(other, &predicate)) {
                new.push(predicate);
            }
        }
        if !new.is_empty() {
            *plan = predicate_pushdown::push(plan, new);
        }
    }
}

/// The column of `relation` that equals `attribute` in every row, if it has the same bits.
fn equal(graph: &Graph, attribute: &Attribute, relation: usize) -> Option<PlSmallStr> {
    if attribute.relation == relation {
        return Some(attribute.column.clone());
    }
    let class = graph.class_of(attribute).filter(|class| !class.dtype.is_float())?;
    class.member(relation).map(|member| member.column.clone())
}

/// What `predicate`, which holds for rows of `relation`, says of `other`.
fn carried(graph: &Graph, predicate: &Expr, relation: usize, other: usize) -> Option<Expr> {
    columns(predicate).next()?;
    substitute(predicate, |name| {
        let attribute = Attribute { relation, column: name.clone() };
        equal(graph, &attribute, other).map(Expr::Column)
    })
}
