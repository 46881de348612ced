//! Which side of a join a predicate may move to.

use polars_core::prelude::{PlSmallStr, Schema};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::{conjunction, split_conjunction, split_disjunction};

use crate::plan::expression::{columns, reads_columns, substitute};
use crate::plan::join::{Join, JoinKey, JoinSource};
use crate::plan::logical::LogicalPlan;
use crate::plan::optimizer::known_predicates::{known_predicates, same_test};

/// Where predicates above a join go. One that goes to both sides is in both lists.
#[derive(Default)]
pub(super) struct Sides {
    pub(super) left: Vec<Expr>,
    pub(super) right: Vec<Expr>,
    pub(super) above: Vec<Expr>,
}

/// Distributes `predicates` over the inputs of `join`.
pub(super) fn split(join: &Join, left: &LogicalPlan, right: &LogicalPlan, predicates: Vec<Expr>) -> Sides {
    let source = |name: &PlSmallStr| join.columns.iter().find(|column| column.name == *name).map(|c| &c.source);
    let on_left = |name: &PlSmallStr| match source(name)? {
        JoinSource::Left(column) => Some(Expr::Column(column.clone())),
        _ => None,
    };
    let on_right = |name: &PlSmallStr| match source(name)? {
        JoinSource::Right(column) => Some(Expr::Column(column.clone())),
        _ => None,
    };
    // The two expressions of the key that a column of the result equals in every row that has it.
    let key = |name: &PlSmallStr| {
        let source = source(name)?;
        let key = join.keys.iter().enumerate().find(|(index, key)| match source {
            JoinSource::Left(column) => key.left == Expr::Column(column.clone()),
            JoinSource::Right(column) => key.right == Expr::Column(column.clone()),
            JoinSource::Key(key) => key == index,
        });
        key.map(|(_, key)| key).filter(|key| is_same_type(key, left.schema(), right.schema()))
    };
    let left_key = |name: &PlSmallStr| key(name).map(|key| key.left.clone());
    let right_key = |name: &PlSmallStr| key(name).map(|key| key.right.clone());

    let mut sides = Sides::default();
    for predicate in predicates {
        let reads_columns = reads_columns(&predicate);
        let to_left = substitute(&predicate, on_left).filter(|_| !join.keeps_right());
        let to_right = substitute(&predicate, on_right).filter(|_| !join.keeps_left() && !join.filters_left());
        let by_keys = || {
            let both = (substitute(&predicate, left_key)?, substitute(&predicate, right_key)?);
            reads_columns.then_some(both)
        };
        match (to_left, to_right) {
            (Some(to_left), _) => {
                sides.right.extend(by_keys().map(|(_, right)| right));
                sides.left.push(to_left);
            },
            (None, Some(to_right)) => {
                sides.left.extend(by_keys().map(|(left, _)| left));
                sides.right.push(to_right);
            },
            (None, None) => match by_keys() {
                // Rows of both sides that can make up a row of the result have the same key.
                Some((to_left, to_right)) if is_pure_key(join, &predicate) => {
                    sides.left.push(to_left);
                    sides.right.push(to_right);
                },
                _ => {
                    if !join.keeps_right() {
                        sides.left.extend(implied(&predicate, on_left));
                    }
                    if !join.keeps_left() && !join.filters_left() {
                        sides.right.extend(implied(&predicate, on_right));
                    }
                    sides.above.push(predicate);
                },
            },
        }
    }
    sides
}

impl Sides {
    /// Adds what is known of the keys of the side of an outer join whose rows are kept: rows of the other side for which
    /// it is not true find no match. (What inner joins know of each other is found when they are ordered.)
    pub(super) fn infer(&mut self, join: &Join, left: &LogicalPlan, right: &LogicalPlan) {
        if join.nulls_equal {
            return;
        }
        let same_type = |key: &&JoinKey| is_same_type(key, left.schema(), right.schema());
        let pairs: Vec<(&Expr, &Expr)> =
            join.keys.iter().filter(same_type).map(|key| (&key.left, &key.right)).collect();
        match join.how {
            JoinType::Left => carry(left, right, &pairs, &mut self.right),
            JoinType::Right => {
                let pairs: Vec<_> = pairs.into_iter().map(|(left, right)| (right, left)).collect();
                carry(right, left, &pairs, &mut self.left);
            },
            _ => {},
        }
    }
}

/// What is known of `from` and reads only keys, for the rows of `to`.
fn carry(from: &LogicalPlan, to: &LogicalPlan, keys: &[(&Expr, &Expr)], found: &mut Vec<Expr>) {
    if keys.is_empty() {
        return;
    }
    let other_key = |name: &PlSmallStr| {
        let pair = keys.iter().find(|(own, _)| matches!(own, Expr::Column(column) if column == name));
        pair.map(|(_, other)| Expr::clone(other))
    };
    let known = known_predicates(to);
    for predicate in known_predicates(from).iter().filter_map(|predicate| substitute(predicate, other_key)) {
        if !known.iter().chain(found.iter()).any(|known| same_test(known, &predicate)) {
            found.push(predicate);
        }
    }
}

/// What rows of one side must fulfil so that some pair of rows can fulfil `predicate`, which reads both sides: where it
/// offers alternatives, each with a part that reads this side alone, one of those parts.
fn implied(predicate: &Expr, on_side: impl Fn(&PlSmallStr) -> Option<Expr> + Copy) -> Option<Expr> {
    let alternatives = split_disjunction(predicate);
    if alternatives.len() < 2 {
        return None;
    }
    let parts = alternatives.into_iter().map(|alternative| {
        let own = split_conjunction(&alternative).iter().filter_map(|part| substitute(part, on_side)).collect();
        conjunction(own)
    });
    parts.collect::<Option<Vec<Expr>>>()?.into_iter().reduce(Expr::or)
}

/// Whether the predicate sees the same value whichever side a key comes from.
fn is_same_type(key: &JoinKey, left: &Schema, right: &Schema) -> bool {
    let is_plain = |expr: &Expr, schema: &Schema| match expr {
        Expr::Column(name) => schema.get(name) == Some(&key.dtype),
        _ => false,
    };
    is_plain(&key.left, left) && is_plain(&key.right, right)
}

/// Whether `predicate` reads only columns that hold the key in every row of the result, matched or not.
fn is_pure_key(join: &Join, predicate: &Expr) -> bool {
    columns(predicate).all(|name| {
        join.columns.iter().any(|column| {
            column.name == *name
                && match &column.source {
                    JoinSource::Key(_) => true,
                    _ => matches!(join.how, JoinType::Inner),
                }
        })
    })
}
