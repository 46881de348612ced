//! Semi and anti joins: relations that only filter.

use polars_core::prelude::{DataType, PlSmallStr};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_engine::expr::output_field;

use super::graph::{Attribute, Graph, Scope, Scoped, scoped};
use super::set::Set;
use crate::plan::expression::substitute;
use crate::plan::join::{Join, JoinCondition, JoinSource};
use crate::plan::logical::LogicalPlan;

/// A semi or anti join, which may run wherever the columns that it compares are there.
pub(super) struct Filtering {
    pub(super) how: JoinType,
    pub(super) nulls_equal: bool,
    pub(super) keys: Vec<FilterKey>,
    pub(super) condition: Option<FilterCondition>,
    pub(super) right: LogicalPlan,
}

/// What must be equal.
pub(super) struct FilterKey {
    pub(super) left: Scoped,
    /// Over the columns of the right plan.
    pub(super) right: Expr,
    /// The type of the left expression.
    pub(super) left_dtype: DataType,
    /// The type in which they are compared.
    pub(super) dtype: DataType,
}

/// What else must hold.
pub(super) struct FilterCondition {
    pub(super) predicate: Expr,
    pub(super) columns: Vec<(PlSmallStr, FilterSource)>,
}

/// Where a column of a condition comes from.
pub(super) enum FilterSource {
    Left(Attribute),
    Right(PlSmallStr),
}

impl Filtering {
    /// `join`, whose left columns are those of `scope`, with `right`.
    pub(super) fn new(join: &Join, scope: &Scope, left: &LogicalPlan, right: LogicalPlan) -> Option<Self> {
        let keys = join.keys.iter().map(|key| {
            let left_dtype = output_field(&key.left, left.schema()).ok()?.dtype;
            let left = scoped(key.left.clone(), |name| scope.get(name))?;
            Some(FilterKey { left, right: key.right.clone(), left_dtype, dtype: key.dtype.clone() })
        });
        let keys = keys.collect::<Option<_>>()?;
        let mut condition = None;
        if let Some(JoinCondition { predicate, columns }) = &join.condition {
            let columns = columns.iter().map(|column| {
                let source = match &column.source {
                    JoinSource::Left(name) => FilterSource::Left(scope.get(name)?.clone()),
                    JoinSource::Right(name) => FilterSource::Right(name.clone()),
                    JoinSource::Key(_) => return None,
                };
                Some((column.name.clone(), source))
            });
            condition =
                Some(FilterCondition { predicate: predicate.clone(), columns: columns.collect::<Option<_>>()? });
        }
        Some(Self { how: join.how.clone(), nulls_equal: join.nulls_equal, keys, condition, right })
    }

    /// The columns that it reads of the relations that it filters.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        let keys = self.keys.iter().flat_map(|key| key.left.columns.iter().map(|(_, attribute)| attribute));
        let condition = self.condition.iter().flat_map(|condition| &condition.columns);
        keys.chain(condition.filter_map(|(_, source)| match source {
            FilterSource::Left(attribute) => Some(attribute),
            FilterSource::Right(_) => None,
        }))
    }

    /// Whether rows need a match; in an anti join they must have none.
    pub(super) fn is_semi(&self) -> bool {
        self.how == JoinType::Semi
    }

    /// What `predicate` over the right columns says of the left rows that find a match: `column` gives the column of a
    /// relation that equals a left key.
    pub(super) fn to_left(&self, predicate: &Expr, column: impl Fn(&Attribute) -> Option<PlSmallStr>) -> Option<Expr> {
        substitute(predicate, |name| {
            let key = self.plain_keys().find(|(_, right)| *right == name)?;
            column(key.0).map(Expr::Column)
        })
    }

    /// What `predicate`, over columns of a relation, says of the right rows that can match: `column` gives the column of
    /// that relation that equals a left key.
    pub(super) fn to_right(&self, predicate: &Expr, column: impl Fn(&Attribute) -> Option<PlSmallStr>) -> Option<Expr> {
        substitute(predicate, |name| {
            let found = self.plain_keys().find(|(left, _)| column(left).is_some_and(|own| own == *name));
            found.map(|(_, right)| Expr::Column(right.clone()))
        })
    }

    /// Keys that are columns of the same type on both sides, so that what is said of one can be said of the other.
    fn plain_keys(&self) -> impl Iterator<Item = (&Attribute, &PlSmallStr)> {
        self.keys.iter().filter(|key| !self.nulls_equal && !key.dtype.is_float()).filter_map(|key| {
            let Expr::Column(right) = &key.right else { return None };
            let is_same_type = key.left_dtype == key.dtype && self.right.schema().get(right) == Some(&key.dtype);
            is_same_type.then_some((key.left.attribute()?, right))
        })
    }

    /// The relations whose columns it reads.
    pub(super) fn relations(&self) -> Set {
        self.attributes().map(|attribute| attribute.relation).collect()
    }

    /// The relations of which any one has what it reads: the one whose columns it names, or those with an equal column.
    /// None if it reads several relations.
    pub(super) fn places(&self, graph: &Graph) -> Set {
        let relations = self.relations();
        if relations.only().is_none() {
            return Set::default();
        }
        match (self.keys.as_slice(), &self.condition) {
            ([key], None) => {
                let class = key.left.attribute().and_then(|attribute| graph.class_of(attribute));
                class.map_or(relations, |class| class.relations())
            },
            _ => relations,
        }
    }
}
