//! From a tree of joins to relations and what connects them.

use polars_core::prelude::{DataType, PlIndexMap, PlSmallStr, Schema, SchemaRef};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::split_conjunction;

use super::classes::{Class, Connections};
use super::filters::Filtering;
use super::set::Set;
use crate::plan::expression::{NamedExpr, Properties, columns};
use crate::plan::join::{Join, JoinKey, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Attribute {
    pub(super) relation: usize,
    pub(super) column: PlSmallStr,
}

/// An expression over columns of relations.
#[derive(Clone, Debug)]
pub(super) struct Scoped {
    pub(super) expr: Expr,
    /// What the names in it stand for.
    pub(super) columns: Vec<(PlSmallStr, Attribute)>,
}

impl Scoped {
    /// A column.
    pub(super) fn column(attribute: &Attribute) -> Self {
        let name = attribute.column.clone();
        Self { expr: Expr::Column(name.clone()), columns: vec![(name, attribute.clone())] }
    }

    /// What a name in it stands for.
    pub(super) fn get(&self, name: &PlSmallStr) -> Option<&Attribute> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, attribute)| attribute)
    }

    /// The relations it reads.
    pub(super) fn relations(&self) -> Set {
        self.columns.iter().map(|(_, attribute)| attribute.relation).collect()
    }

    /// The column that it is, if it is no more.
    pub(super) fn attribute(&self) -> Option<&Attribute> {
        match (&self.expr, self.columns.as_slice()) {
            (Expr::Column(_), [(_, attribute)]) => Some(attribute),
            _ => None,
        }
    }
}

/// Two expressions, each over one relation, that must be equal.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) left: Scoped,
    pub(super) right: Scoped,
    /// The type in which they are compared.
    pub(super) dtype: DataType,
}

/// An order of joins.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Relation(usize),
    Join(Box<Tree>, Box<Tree>),
    /// Filtered by the semi or anti join with this index.
    Filtered(Box<Tree>, usize),
}

/// Relations, and what connects them.
pub(super) struct Graph {
    pub(super) relations: Vec<LogicalPlan>,
    /// Columns that are equal in every row of the result.
    pub(super) classes: Vec<Class>,
    /// Equalities of other expressions.
    pub(super) edges: Vec<Edge>,
    /// What else must hold, each for columns of several relations or none.
    pub(super) predicates: Vec<Scoped>,
    pub(super) filters: Vec<Filtering>,
    /// The columns of the result.
    pub(super) scope: Scope,
    /// The order of the program.
    pub(super) tree: Tree,
}

/// What the names of columns stand for.
pub(super) type Scope = PlIndexMap<PlSmallStr, Attribute>;

impl Graph {
    /// The graph of the joins at the top of `plan`, if there are any. `inside` rewrites the plans of its relations.
    pub(super) fn of(plan: &LogicalPlan, inside: &dyn Fn(&LogicalPlan) -> LogicalPlan) -> Option<Self> {
        let mut flattening = Flattening {
            inside,
            relations: Vec::new(),
            equalities: Vec::new(),
            predicates: Vec::new(),
            filters: Vec::new(),
        };
        if !flattening.has_join(plan) {
            return None;
        }
        let (scope, tree) = flattening.flatten(plan)?;
        let Flattening { mut relations, equalities, predicates, filters, .. } = flattening;
        let Connections { classes, edges, predicates } = Connections::of(&mut relations, equalities, predicates)?;
        Some(Self { relations, classes, edges, predicates, filters, scope, tree })
    }

    /// The number of relations, with those that only filter.
    pub(super) fn len(&self) -> usize {
        self.relations.len() + self.filters.len()
    }

    /// A column of a relation.
    pub(super) fn first_column(&self, relation: usize) -> Option<Attribute> {
        let column = self.relations.get(relation)?.schema().iter_names().next()?.clone();
        Some(Attribute { relation, column })
    }

    /// The type of a column.
    pub(super) fn dtype(&self, attribute: &Attribute) -> Option<&DataType> {
        self.relations.get(attribute.relation)?.schema().get(&attribute.column)
    }
}

struct Flattening<'a> {
    inside: &'a dyn Fn(&LogicalPlan) -> LogicalPlan,
    relations: Vec<LogicalPlan>,
    equalities: Vec<Edge>,
    predicates: Vec<Scoped>,
    filters: Vec<Filtering>,
}

impl Flattening<'_> {
    /// Whether there is a join below filters and renamings.
    fn has_join(&self, plan: &LogicalPlan) -> bool {
        match plan.node() {
            Node::Join { left, right, join } => fits(join, left, right),
            Node::Filter { input, predicate } => can_move_all(predicate, input.schema()) && self.has_join(input),
            Node::Select { input, exprs } => only_renames(exprs) && self.has_join(input),
            _ => false,
        }
    }

    /// Takes the joins of `plan` apart; `None` if they do not fit together.
    fn flatten(&mut self, plan: &LogicalPlan) -> Option<(Scope, Tree)> {
        match plan.node() {
            Node::Join { left, right, join } if fits(join, left, right) && self.has_space() => {
                if join.filters_left() {
                    self.filtered(left, right, join)
                } else {
                    self.joined(left, right, join)
                }
            },
            Node::Filter { input, predicate } if can_move_all(predicate, input.schema()) && self.has_join(input) => {
                let (scope, tree) = self.flatten(input)?;
                for part in split_conjunction(predicate) {
                    self.predicates.push(scoped(part, |name| scope.get(name))?);
                }
                Some((scope, tree))
            },
            Node::Select { input, exprs } if only_renames(exprs) && self.has_join(input) => {
                let (scope, tree) = self.flatten(input)?;
                let renamed =
                    exprs.iter().map(|named| Some((named.name.clone(), scope.get(named.source_column()?)?.clone())));
                Some((renamed.collect::<Option<_>>()?, tree))
            },
            _ => Some(self.relation(plan)),
        }
    }

    /// Whether two more relations fit into a set.
    fn has_space(&self) -> bool {
        self.relations.len() + self.filters.len() + 2 < Set::LIMIT
    }

    fn relation(&mut self, plan: &LogicalPlan) -> (Scope, Tree) {
        let relation = self.relations.len();
        self.relations.push((self.inside)(plan));
        let attribute = |name: &PlSmallStr| (name.clone(), Attribute { relation, column: name.clone() });
        (plan.schema().iter_names().map(attribute).collect(), Tree::Relation(relation))
    }

    fn joined(&mut self, left: &LogicalPlan, right: &LogicalPlan, join: &Join) -> Option<(Scope, Tree)> {
        let (left_scope, left_tree) = self.flatten(left)?;
        let (right_scope, right_tree) = self.flatten(right)?;
        for key in &join.keys {
            let left = scoped(key.left.clone(), |name| left_scope.get(name))?;
            let right = scoped(key.right.clone(), |name| right_scope.get(name))?;
            self.equalities.push(Edge { left, right, dtype: key.dtype.clone() });
        }
        let attribute = |source: &JoinSource| match source {
            JoinSource::Left(name) => left_scope.get(name),
            JoinSource::Right(name) => right_scope.get(name),
            JoinSource::Key(_) => None,
        };
        if let Some(condition) = &join.condition {
            let column = |name: &PlSmallStr| {
                let column = condition.columns.iter().find(|column| column.name == *name)?;
                attribute(&column.source)
            };
            for part in split_conjunction(&condition.predicate) {
                self.predicates.push(scoped(part, column)?);
            }
        }
        let columns = join.columns.iter().map(|column| Some((column.name.clone(), attribute(&column.source)?.clone())));
        Some((columns.collect::<Option<_>>()?, Tree::Join(Box::new(left_tree), Box::new(right_tree))))
    }

    fn filtered(&mut self, left: &LogicalPlan, right: &LogicalPlan, join: &Join) -> Option<(Scope, Tree)> {
        let (scope, tree) = self.flatten(left)?;
        let index = self.filters.len();
        self.filters.push(Filtering::new(join, &scope, left, (self.inside)(right))?);
        let columns = join.columns.iter().map(|column| match &column.source {
            JoinSource::Left(name) => Some((column.name.clone(), scope.get(name)?.clone())),
            _ => None,
        });
        Some((columns.collect::<Option<_>>()?, Tree::Filtered(Box::new(tree), index)))
    }
}

/// `expr` with what its names stand for; `None` if one of them stands for nothing.
pub(super) fn scoped<'a>(expr: Expr, attribute: impl Fn(&PlSmallStr) -> Option<&'a Attribute>) -> Option<Scoped> {
    let mut found: Vec<(PlSmallStr, Attribute)> = Vec::new();
    for name in columns(&expr) {
        if !found.iter().any(|(known, _)| known == name) {
            found.push((name.clone(), attribute(name)?.clone()));
        }
    }
    Some(Scoped { expr, columns: found })
}

fn only_renames(exprs: &[NamedExpr]) -> bool {
    !exprs.is_empty() && exprs.iter().all(|named| named.source_column().is_some())
}

fn can_move_all(predicate: &Expr, schema: &SchemaRef) -> bool {
    Properties::of(predicate, schema).is_movable()
}

/// Whether a join can change its place.
fn fits(join: &Join, left: &LogicalPlan, right: &LogicalPlan) -> bool {
    let can_move = match join.how {
        // A null key that equals a null key would not do so in a class.
        JoinType::Inner | JoinType::Cross => !join.nulls_equal || join.keys.is_empty(),
        JoinType::Semi | JoinType::Anti => true,
        _ => false,
    };
    let movable_key = |key: &JoinKey| {
        Properties::of(&key.left, left.schema()).is_movable() && Properties::of(&key.right, right.schema()).is_movable()
    };
    let movable_condition = || {
        join.condition.as_ref().is_none_or(|condition| {
            let dtype = |source: &JoinSource| match source {
                JoinSource::Left(name) => left.schema().get(name).cloned(),
                JoinSource::Right(name) => right.schema().get(name).cloned(),
                JoinSource::Key(_) => None,
            };
            let fields = condition.columns.iter().filter_map(|c| Some((c.name.clone(), dtype(&c.source)?)));
            let schema: Schema = fields.map(|(name, dtype)| polars_core::prelude::Field::new(name, dtype)).collect();
            Properties::of(&condition.predicate, &schema).is_movable()
        })
    };
    can_move
        && join.columns.iter().all(|column| !matches!(column.source, JoinSource::Key(_)))
        && join.keys.iter().all(movable_key)
        && movable_condition()
}
