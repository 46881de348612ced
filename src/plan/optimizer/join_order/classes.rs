//! Columns that are equal in every row of the result.

use polars_core::prelude::{DataType, Field, PlSmallStr, Schema};
use polars_plan::dsl::{Expr, Operator};
use quokka_engine::expr::output_field;

use super::graph::{Attribute, Edge, Graph, Scoped};
use super::set::Set;
use crate::plan::build::common_dtype;
use crate::plan::expression::substitute;
use crate::plan::logical::LogicalPlan;
use crate::plan::optimizer::predicate_pushdown;

/// Columns of one type that are equal in every row of the result, at most one of each relation.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) dtype: DataType,
    pub(super) members: Vec<Attribute>,
}

impl Class {
    /// The relations with a column of the class.
    pub(super) fn relations(&self) -> Set {
        self.members.iter().map(|member| member.relation).collect()
    }

    /// The column of a relation.
    pub(super) fn member(&self, relation: usize) -> Option<&Attribute> {
        self.members.iter().find(|member| member.relation == relation)
    }
}

impl Graph {
    /// The class of a column, if another equals it.
    pub(super) fn class_of(&self, attribute: &Attribute) -> Option<&Class> {
        self.classes.iter().find(|class| class.members.contains(attribute))
    }
}

/// What connects relations, in order.
pub(super) struct Connections {
    pub(super) classes: Vec<Class>,
    pub(super) edges: Vec<Edge>,
    pub(super) predicates: Vec<Scoped>,
}

impl Connections {
    /// Sorts `equalities` and `predicates` into classes, edges and the rest. What reads one relation alone filters it at
    /// once.
    pub(super) fn of(relations: &mut [LogicalPlan], equalities: Vec<Edge>, predicates: Vec<Scoped>) -> Option<Self> {
        let mut connections = Self { classes: Vec::new(), edges: Vec::new(), predicates: Vec::new() };
        let mut local: Vec<Scoped> = Vec::new();
        for predicate in predicates {
            match predicate.relations().len() {
                1 => local.push(predicate),
                _ => match equality(relations, &predicate) {
                    Some(edge) => connections.add(relations, edge),
                    None => connections.predicates.push(predicate),
                },
            }
        }
        for edge in equalities {
            if edge.left.relations().len() == 1 && edge.right.relations().len() == 1 {
                connections.add(relations, edge);
            } else {
                connections.predicates.push(as_predicate(edge)?);
            }
        }
        local.extend(connections.one_member_a_relation());
        for (index, relation) in relations.iter_mut().enumerate() {
            let own = local.iter().filter(|predicate| predicate.relations() == Set::of(index));
            let own: Vec<Expr> = own.map(over_relation).collect::<Option<_>>()?;
            if !own.is_empty() {
                *relation = predicate_pushdown::push(relation, own);
            }
        }
        Some(connections)
    }

    fn add(&mut self, relations: &[LogicalPlan], edge: Edge) {
        let (Some(left), Some(right)) = (edge.left.attribute(), edge.right.attribute()) else {
            self.edges.push(edge);
            return;
        };
        let has_type = |attribute: &Attribute| {
            relations.get(attribute.relation).and_then(|plan| plan.schema().get(&attribute.column)) == Some(&edge.dtype)
        };
        if !has_type(left) || !has_type(right) {
            self.edges.push(edge);
            return;
        }
        let mut merged = Class { dtype: edge.dtype.clone(), members: vec![left.clone(), right.clone()] };
        self.classes.retain(|class| {
            let meets = class.members.iter().any(|member| member == left || member == right);
            if meets {
                merged.members.extend(class.members.iter().filter(|m| *m != left && *m != right).cloned());
            }
            !meets
        });
        merged.members.sort_by_key(|member| member.relation);
        self.classes.push(merged);
    }

    /// Of several columns of a relation in one class leaves one; that they are equal becomes a predicate.
    fn one_member_a_relation(&mut self) -> Vec<Scoped> {
        let mut equal = Vec::new();
        for class in &mut self.classes {
            let mut kept: Vec<Attribute> = Vec::new();
            for member in class.members.drain(..) {
                match kept.iter().find(|other| other.relation == member.relation) {
                    Some(other) => {
                        let expr = Expr::Column(other.column.clone()).eq(Expr::Column(member.column.clone()));
                        let columns = [other, &member].map(|attribute| (attribute.column.clone(), attribute.clone()));
                        equal.push(Scoped { expr, columns: columns.into() });
                    },
                    None => kept.push(member),
                }
            }
            class.members = kept;
        }
        equal
    }
}

/// An expression of one relation over its columns.
pub(super) fn over_relation(predicate: &Scoped) -> Option<Expr> {
    substitute(&predicate.expr, |name| Some(Expr::Column(predicate.get(name)?.column.clone())))
}

/// The edge that a predicate is, if it compares expressions of two relations for equality as a join would.
fn equality(relations: &[LogicalPlan], predicate: &Scoped) -> Option<Edge> {
    let Expr::BinaryExpr { left, op: Operator::Eq, right } = &predicate.expr else { return None };
    let side = |expr: &Expr| {
        let expr = match expr {
            Expr::Alias(inner, _) => inner.as_ref(),
            expr => expr,
        };
        let columns = predicate
            .columns
            .iter()
            .filter(|(name, _)| expr.into_iter().any(|part| matches!(part, Expr::Column(column) if column == name)));
        let scoped = Scoped { expr: expr.clone(), columns: columns.cloned().collect() };
        let dtype = |attribute: &Attribute| relations.get(attribute.relation)?.schema().get(&attribute.column).cloned();
        let fields = scoped.columns.iter().filter_map(|(name, a)| Some(Field::new(name.clone(), dtype(a)?)));
        let dtype = output_field(&scoped.expr, &fields.collect::<Schema>()).ok()?.dtype;
        scoped.relations().only().map(|relation| (relation, scoped, dtype))
    };
    let (left_relation, left, left_dtype) = side(left)?;
    let (right_relation, right, right_dtype) = side(right)?;
    let dtype = common_dtype(&left_dtype, &right_dtype).filter(compares_as_a_key)?;
    (left_relation != right_relation).then_some(Edge { left, right, dtype })
}

/// Whether a comparison of this type says the same as a join key: both zeros and all NaNs, or categories of different
/// origin, are not left to two operators to agree on.
fn compares_as_a_key(dtype: &DataType) -> bool {
    dtype.is_integer()
        || dtype.is_decimal()
        || dtype.is_temporal()
        || matches!(dtype, DataType::String | DataType::Binary | DataType::Boolean)
}

/// A key that reads more than one relation a side, or none, as a predicate.
fn as_predicate(edge: Edge) -> Option<Scoped> {
    // Both sides may use one name for different columns.
    let renamed = |side: Scoped, prefix: &str| {
        let name = |name: &str| PlSmallStr::from_string(format!("{prefix}{name}"));
        let expr = substitute(&side.expr, |column| Some(Expr::Column(name(column))))?;
        let columns: Vec<_> = side.columns.into_iter().map(|(column, attribute)| (name(&column), attribute)).collect();
        Some((expr.cast(edge.dtype.clone()), columns))
    };
    let (left, mut columns) = renamed(edge.left, "left.")?;
    let (right, right_columns) = renamed(edge.right, "right.")?;
    columns.extend(right_columns);
    Some(Scoped { expr: left.eq(right), columns })
}
