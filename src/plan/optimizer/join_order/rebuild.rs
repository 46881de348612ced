//! From an order of joins back to a plan.

use std::sync::Arc;

use polars_core::prelude::{PlHashMap, PlHashSet, PlSmallStr, Schema, SchemaRef};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::conjunction;

use super::classes::Class;
use super::filters::{FilterCondition, FilterSource, Filtering};
use super::graph::{Attribute, Edge, Graph, Scoped, Tree};
use super::set::Set;
use crate::plan::expression::{NamedExpr, substitute};
use crate::plan::join::{Join, JoinColumn, JoinCondition, JoinKey, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// The plan that joins the relations of `graph` as `tree` says and delivers the columns of `schema`; `None` if an
/// expression cannot be written with the new names.
pub(super) fn rebuild(graph: &Graph, tree: &Tree, schema: &SchemaRef) -> Option<LogicalPlan> {
    let mut needed: Vec<Attribute> = Vec::new();
    for attribute in graph.scope.values() {
        require(&mut needed, attribute);
    }
    let rebuilding = Rebuilding { graph, names: names(graph) };
    let built = rebuilding.build(tree, &needed)?;
    // What reads no column decides on all rows or none.
    let constants = graph.predicates.iter().filter(|predicate| predicate.columns.is_empty());
    let plan = match conjunction(constants.map(|predicate| predicate.expr.clone()).collect()) {
        Some(predicate) => built.plan.clone().filtered(predicate),
        None => built.plan.clone(),
    };
    let exprs = graph.scope.iter().map(|(name, attribute)| {
        Some(NamedExpr { name: name.clone(), expr: Expr::Column(built.column(attribute)?.clone()) })
    });
    let exprs = exprs.collect::<Option<Vec<_>>>()?;
    let is_plain = exprs.iter().all(NamedExpr::is_plain) && plan.schema().iter_names().eq(schema.iter_names());
    Some(if is_plain { plan } else { LogicalPlan::new(Node::Select { input: plan, exprs }, schema.clone()) })
}

/// A part of the plan, and how it names the columns that are needed of it.
struct Built {
    plan: LogicalPlan,
    columns: Vec<(Attribute, PlSmallStr)>,
}

impl Built {
    fn column(&self, attribute: &Attribute) -> Option<&PlSmallStr> {
        self.columns.iter().find(|(known, _)| known == attribute).map(|(_, name)| name)
    }

    fn expr(&self, scoped: &Scoped) -> Option<Expr> {
        // Without the old name, which an expression put in place of a column would keep: a key that is a column.
        if let Some(attribute) = scoped.attribute() {
            return Some(Expr::Column(self.column(attribute)?.clone()));
        }
        substitute(&scoped.expr, |name| Some(Expr::Column(self.column(scoped.get(name)?)?.clone())))
    }
}

struct Rebuilding<'a> {
    graph: &'a Graph,
    /// A name for each column that is read, different from all others.
    names: PlHashMap<Attribute, PlSmallStr>,
}

impl Rebuilding<'_> {
    /// The plan of `tree`, with at least the columns in `needed`.
    fn build(&self, tree: &Tree, needed: &[Attribute]) -> Option<Built> {
        match tree {
            Tree::Relation(index) => {
                let columns = needed.iter().map(|attribute| (attribute.clone(), attribute.column.clone())).collect();
                Some(Built { plan: self.graph.relations.get(*index)?.clone(), columns })
            },
            Tree::Join(left, right) => self.join(left, right, needed),
            Tree::Filtered(tree, index) => self.filter(tree, self.graph.filters.get(*index)?, needed),
        }
    }

    fn join(&self, left: &Tree, right: &Tree, needed: &[Attribute]) -> Option<Built> {
        let (left_set, right_set) = (left.relations(), right.relations());
        let keys = self.keys(left_set, right_set, needed);
        let predicates: Vec<&Scoped> = self.predicates(left_set, right_set).collect();
        let key_columns = keys.iter().flat_map(|key| key.left.columns.iter().chain(&key.right.columns));
        let condition_columns = predicates.iter().flat_map(|predicate| &predicate.columns);
        let mut read = needed.to_vec();
        for (_, attribute) in key_columns.chain(condition_columns) {
            require(&mut read, attribute);
        }
        let left = self.build(left, &self.of_side(&read, left_set))?;
        let right = self.build(right, &self.of_side(&read, right_set))?;

        let column = |attribute: &Attribute| {
            let source = match left.column(attribute) {
                Some(name) => JoinSource::Left(name.clone()),
                None => JoinSource::Right(right.column(attribute)?.clone()),
            };
            Some(JoinColumn { name: self.names.get(attribute)?.clone(), source })
        };
        let keys = keys
            .into_iter()
            .map(|key| Some(JoinKey { left: left.expr(&key.left)?, right: right.expr(&key.right)?, dtype: key.dtype }));
        let keys = keys.collect::<Option<Vec<_>>>()?;
        let condition = if predicates.is_empty() { None } else { Some(self.condition(&predicates, &column)?) };
        let how = if keys.is_empty() { JoinType::Cross } else { JoinType::Inner };
        let (columns, schema) = self.output(needed, &column)?;
        let join = Arc::new(Join { how, keys, nulls_equal: false, condition, columns });
        self.built(Node::Join { left: left.plan, right: right.plan, join }, schema, needed)
    }

    fn filter(&self, tree: &Tree, filter: &Filtering, needed: &[Attribute]) -> Option<Built> {
        let relations = tree.relations();
        // Where a column is not there, an equal one stands in for it.
        let present = |attribute: &Attribute| match relations.has(attribute.relation) {
            true => Some(attribute.clone()),
            false => {
                let class = self.graph.class_of(attribute)?;
                class.members.iter().find(|member| relations.has(member.relation)).cloned()
            },
        };
        let mut read = needed.to_vec();
        for attribute in filter.attributes() {
            require(&mut read, &present(attribute)?);
        }
        let left = self.build(tree, &self.of_side(&read, relations))?;
        let keys = filter.keys.iter().map(|key| {
            let columns = key.left.columns.iter().map(|(name, attribute)| Some((name.clone(), present(attribute)?)));
            let scoped = Scoped { expr: key.left.expr.clone(), columns: columns.collect::<Option<_>>()? };
            Some(JoinKey { left: left.expr(&scoped)?, right: key.right.clone(), dtype: key.dtype.clone() })
        });
        let keys = keys.collect::<Option<_>>()?;
        let mut condition = None;
        if let Some(FilterCondition { predicate, columns }) = &filter.condition {
            let columns = columns.iter().map(|(name, source)| {
                let source = match source {
                    FilterSource::Left(attribute) => JoinSource::Left(left.column(&present(attribute)?)?.clone()),
                    FilterSource::Right(column) => JoinSource::Right(column.clone()),
                };
                Some(JoinColumn { name: name.clone(), source })
            });
            condition = Some(JoinCondition { columns: columns.collect::<Option<_>>()?, predicate: predicate.clone() });
        }
        let column = |attribute: &Attribute| {
            let source = JoinSource::Left(left.column(attribute)?.clone());
            Some(JoinColumn { name: self.names.get(attribute)?.clone(), source })
        };
        let (columns, schema) = self.output(needed, &column)?;
        let join = Join { how: filter.how.clone(), keys, nulls_equal: filter.nulls_equal, condition, columns };
        self.built(Node::Join { left: left.plan, right: filter.right.clone(), join: Arc::new(join) }, schema, needed)
    }

    /// A join that delivers the columns in `needed`, under their own names.
    fn built(&self, node: Node, schema: SchemaRef, needed: &[Attribute]) -> Option<Built> {
        let columns = needed.iter().map(|attribute| Some((attribute.clone(), self.names.get(attribute)?.clone())));
        Some(Built { plan: LogicalPlan::new(node, schema), columns: columns.collect::<Option<_>>()? })
    }

    fn output(
        &self,
        needed: &[Attribute],
        column: &dyn Fn(&Attribute) -> Option<JoinColumn>,
    ) -> Option<(Vec<JoinColumn>, SchemaRef)> {
        let columns = needed.iter().map(column).collect::<Option<Vec<_>>>()?;
        let mut schema = Schema::default();
        for (attribute, column) in needed.iter().zip(&columns) {
            schema.insert(column.name.clone(), self.graph.dtype(attribute)?.clone());
        }
        Some((columns, Arc::new(schema)))
    }

    fn condition(
        &self,
        predicates: &[&Scoped],
        column: &dyn Fn(&Attribute) -> Option<JoinColumn>,
    ) -> Option<JoinCondition> {
        let renamed = predicates.iter().map(|predicate| {
            substitute(&predicate.expr, |name| Some(Expr::Column(self.names.get(predicate.get(name)?)?.clone())))
        });
        let predicate = conjunction(renamed.collect::<Option<_>>()?)?;
        let mut columns: Vec<JoinColumn> = Vec::new();
        for (_, attribute) in predicates.iter().flat_map(|predicate| &predicate.columns) {
            let column = column(attribute)?;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        Some(JoinCondition { predicate, columns })
    }

    /// What must be equal for rows of two sides to match.
    fn keys(&self, left: Set, right: Set, needed: &[Attribute]) -> Vec<Edge> {
        let connects = |class: &&Class| {
            let relations = class.relations();
            !relations.both(left).is_empty() && !relations.both(right).is_empty()
        };
        let shared: Vec<&Class> = self.graph.classes.iter().filter(connects).collect();
        // Of several equal columns, one of a relation that has most of the keys, so that what is known of them together
        // counts; then one that is needed anyway.
        let weight = |attribute: &Attribute| {
            let classes = shared.iter().filter(|class| class.member(attribute.relation).is_some()).count();
            (classes, needed.contains(attribute), std::cmp::Reverse(attribute.relation))
        };
        let member = |class: &Class, side: Set| {
            let own = class.members.iter().filter(|member| side.has(member.relation));
            own.max_by_key(|member| weight(member)).map(Scoped::column)
        };
        let of_class = |class: &&Class| {
            Some(Edge { left: member(class, left)?, right: member(class, right)?, dtype: class.dtype.clone() })
        };
        let of_edge = |edge: &Edge| {
            let (one, other) = (edge.left.relations(), edge.right.relations());
            if left.includes(one) && right.includes(other) {
                Some(edge.clone())
            } else if left.includes(other) && right.includes(one) {
                Some(Edge { left: edge.right.clone(), right: edge.left.clone(), dtype: edge.dtype.clone() })
            } else {
                None
            }
        };
        shared.iter().filter_map(of_class).chain(self.graph.edges.iter().filter_map(of_edge)).collect()
    }

    /// The predicates for whose columns both sides are needed.
    fn predicates(&self, left: Set, right: Set) -> impl Iterator<Item = &Scoped> {
        self.graph.predicates.iter().filter(move |predicate| {
            let read = predicate.relations();
            left.with(right).includes(read) && !left.includes(read) && !right.includes(read)
        })
    }

    /// Those of `read` that a side has; one at least, as the number of rows is still asked for.
    fn of_side(&self, read: &[Attribute], side: Set) -> Vec<Attribute> {
        let mut own: Vec<Attribute> = read.iter().filter(|attribute| side.has(attribute.relation)).cloned().collect();
        if own.is_empty() {
            own.extend(side.iter().find_map(|relation| self.graph.first_column(relation)));
        }
        own
    }
}

fn require(needed: &mut Vec<Attribute>, attribute: &Attribute) {
    if !needed.contains(attribute) {
        needed.push(attribute.clone());
    }
}

/// A name for each column that the result has or a join reads: that in the result, or its own if it is free.
fn names(graph: &Graph) -> PlHashMap<Attribute, PlSmallStr> {
    let mut names: PlHashMap<Attribute, PlSmallStr> = PlHashMap::default();
    let mut taken: PlHashSet<PlSmallStr> = PlHashSet::default();
    for (name, attribute) in &graph.scope {
        taken.insert(name.clone());
        names.entry(attribute.clone()).or_insert_with(|| name.clone());
    }
    let edges = graph.edges.iter().flat_map(|edge| [&edge.left, &edge.right]);
    let scoped = edges.chain(&graph.predicates).flat_map(|scoped| &scoped.columns).map(|(_, attribute)| attribute);
    let members = graph.classes.iter().flat_map(|class| &class.members);
    let filters = graph.filters.iter().flat_map(Filtering::attributes);
    let first: Vec<Attribute> = (0..graph.relations.len()).filter_map(|index| graph.first_column(index)).collect();
    for attribute in scoped.chain(members).chain(filters).chain(&first) {
        if names.contains_key(attribute) {
            continue;
        }
        let mut name = attribute.column.clone();
        while !taken.insert(name.clone()) {
            name = format!("{name}_{}", attribute.relation).into();
        }
        names.insert(attribute.clone(), name);
    }
    names
}
