//! What a join compares and delivers, free of suffixes: every output column says where it comes from.

use std::fmt;

use polars_core::prelude::{DataType, PlSmallStr};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;

/// What a join compares and delivers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Join {
    pub(crate) how: JoinType,
    /// Pairs of expressions that must be equal; none for a cross join.
    pub(crate) keys: Vec<JoinKey>,
    /// Whether a null key equals a null key.
    pub(crate) nulls_equal: bool,
    /// What else must hold for a pair of rows.
    pub(crate) condition: Option<JoinCondition>,
    /// Columns delivered, in order.
    pub(crate) columns: Vec<JoinColumn>,
}

/// Two elementwise expressions that must be equal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinKey {
    /// Over the columns of the left input.
    pub(crate) left: Expr,
    /// Over the columns of the right input.
    pub(crate) right: Expr,
    /// The type in which they are compared.
    pub(crate) dtype: DataType,
}

/// A predicate over pairs of rows, part of the join condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinCondition {
    /// The predicate, over the names in `columns`.
    pub(crate) predicate: Expr,
    /// What those names stand for.
    pub(crate) columns: Vec<JoinColumn>,
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JoinColumn {
    pub(crate) name: PlSmallStr,
    pub(crate) source: JoinSource,
}

/// Where a column of the result comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum JoinSource {
    /// A column of the left input; null in rows without a left match.
    Left(PlSmallStr),
    /// A column of the right input; null in rows without a right match.
    Right(PlSmallStr),
    /// The key with this index, from whichever side has the row; both its expressions are columns.
    Key(usize),
}

impl Join {
    /// Whether rows of the left input appear even if nothing matches them.
    pub(crate) fn keeps_left(&self) -> bool {
        matches!(self.how, JoinType::Left | JoinType::Full | JoinType::Anti)
    }

    /// Whether rows of the right input appear even if nothing matches them.
    pub(crate) fn keeps_right(&self) -> bool {
        matches!(self.how, JoinType::Right | JoinType::Full)
    }

    /// Whether every row of the result, of whichever side, has found a row of the other.
    pub(crate) fn drops_unmatched(&self) -> bool {
        matches!(self.how, JoinType::Inner | JoinType::Semi)
    }

    /// Whether the result has columns of the left input only.
    pub(crate) fn filters_left(&self) -> bool {
        matches!(self.how, JoinType::Semi | JoinType::Anti)
    }
}

impl fmt::Display for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} = {:?}", self.left, self.right)
    }
}

impl fmt::Display for JoinColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            JoinSource::Left(column) if *column == self.name => write!(f, "{column}"),
            JoinSource::Left(column) => write!(f, "left.{column} as {}", self.name),
            JoinSource::Right(column) if *column == self.name => write!(f, "{column}"),
            JoinSource::Right(column) => write!(f, "right.{column} as {}", self.name),
            JoinSource::Key(_) => write!(f, "key {}", self.name),
        }
    }
}
