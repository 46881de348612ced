//! Which row groups a predicate can be true in, from bounds of their columns.
//!
//! A predicate over rows is rewritten to two over row groups: in which of them *some* row may pass, and in which *all*
//! rows pass. `a < 5` becomes `min(a) < 5` and `max(a) < 5 and nulls(a) = 0`. Both are ordinary expressions over a frame
//! with one row a row group, so Polars' own rules of types and comparisons apply to them, and one evaluation serves all
//! row groups. Null means unknown. What cannot be rewritten stays unknown, which is always right.
//!
//! Floats: statistics leave NaN out, and NaN is larger than every number for Polars. So a column of floats has no upper
//! bound.

use polars_core::datatypes::{AnyValue, DataType};
use polars_core::scalar::Scalar;
use polars_core::schema::Schema;
use polars_core::series::Series;
use polars_plan::dsl::{AggExpr, BooleanFunction, Expr, FunctionExpr, Operator};
use polars_plan::plans::LiteralValue;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::expr::prelude::{ClosedInterval, col, lit};

/// Values of `is_in` that are compared one by one with the bounds; of more, only the smallest and the largest.
const LISTED_VALUES: usize = 32;

/// Number of rows of a row group, in the frame of bounds.
pub(super) const ROWS: &str = "rows";

/// Name of the smallest value of a column, in the frame of bounds.
pub(super) fn min_of(column: &str) -> PlSmallStr {
    format!("min:{column}").into()
}

/// Name of the largest value of a column, in the frame of bounds.
pub(super) fn max_of(column: &str) -> PlSmallStr {
    format!("max:{column}").into()
}

/// Name of the number of nulls of a column, in the frame of bounds.
pub(super) fn nulls_of(column: &str) -> PlSmallStr {
    format!("nulls:{column}").into()
}

/// A predicate over row groups; `None` is unknown for all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rewritten {
    /// False where no row can pass.
    pub(super) may: Option<Expr>,
    /// True where every row passes.
    pub(super) all: Option<Expr>,
}

/// Rewrites `predicate` over columns of `schema`.
pub(super) fn rewrite(predicate: &Expr, schema: &Schema) -> Rewritten {
    Rewriter { schema }.rewrite(predicate, false)
}

struct Rewriter<'a> {
    schema: &'a Schema,
}

/// One side of a comparison.
enum Operand<'a> {
    Column { name: &'a str, is_float: bool },
    Constant(&'a Expr),
}

impl Operand<'_> {
    fn low(&self) -> Expr {
        match self {
            Self::Column { name, .. } => col(min_of(name)),
            Self::Constant(value) => (*value).clone(),
        }
    }

    fn high(&self) -> Option<Expr> {
        match self {
            Self::Column { is_float: true, .. } => None,
            Self::Column { name, .. } => Some(col(max_of(name))),
            Self::Constant(value) => Some((*value).clone()),
        }
    }

    /// The upper bound for values that are at most `value`, a constant.
    fn high_unless_nan(&self, value: &Self) -> Option<Expr> {
        match (self, value) {
            (Self::Column { name, is_float: true }, Self::Constant(value)) => {
                let is_nan = (*value).clone().gt(lit(f64::INFINITY));
                Some((*value).clone().lt_eq(col(max_of(name))).or(is_nan))
            },
            _ => Some(value.low().lt_eq(self.high()?)),
        }
    }

    fn column(&self) -> Option<&str> {
        match self {
            Self::Column { name, .. } => Some(name),
            Self::Constant(_) => None,
        }
    }
}

impl Rewriter<'_> {
    /// Rewrites `expr`, or its negation.
    fn rewrite(&self, expr: &Expr, negated: bool) -> Rewritten {
        match expr {
            Expr::Alias(inner, _) => self.rewrite(inner, negated),
            Expr::Column(name) => self.boolean(name, negated),
            Expr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => {
                let (left, right) = (self.rewrite(left, negated), self.rewrite(right, negated));
                if negated { either(left, right) } else { both(left, right) }
            },
            Expr::BinaryExpr { left, op: Operator::Or | Operator::LogicalOr, right } => {
                let (left, right) = (self.rewrite(left, negated), self.rewrite(right, negated));
                if negated { both(left, right) } else { either(left, right) }
            },
            Expr::BinaryExpr { left, op, right } => {
                let op = if negated { opposite(*op) } else { Some(*op) };
                op.map(|op| self.comparison(left, op, right)).unwrap_or_default()
            },
            Expr::Function { input, function: FunctionExpr::Boolean(function) } => {
                self.function(function, input, negated)
            },
            _ => Rewritten::default(),
        }
    }

    fn function(&self, function: &BooleanFunction, input: &[Expr], negated: bool) -> Rewritten {
        match (function, input) {
            (BooleanFunction::Not, [input]) => self.rewrite(input, !negated),
            (BooleanFunction::IsNull, [input]) => self.is_null(input, negated),
            (BooleanFunction::IsNotNull, [input]) => self.is_null(input, !negated),
            (BooleanFunction::IsBetween { closed }, [value, low, high]) => {
                let (from, to) = match closed {
                    ClosedInterval::Both => (Operator::GtEq, Operator::LtEq),
                    ClosedInterval::Left => (Operator::GtEq, Operator::Lt),
                    ClosedInterval::Right => (Operator::Gt, Operator::LtEq),
                    ClosedInterval::None => (Operator::Gt, Operator::Lt),
                };
                let [from, to] = [(from, low), (to, high)].map(|(op, bound)| {
                    let op = if negated { opposite(op) } else { Some(op) };
                    op.map(|op| self.comparison(value, op, bound)).unwrap_or_default()
                });
                if negated { either(from, to) } else { both(from, to) }
            },
            (BooleanFunction::IsIn { nulls_equal }, [value, list]) if !negated => self.is_in(value, list, *nulls_equal),
            _ => Rewritten::default(),
        }
    }

    fn column<'e>(&self, expr: &'e Expr) -> Option<(&'e str, &DataType)> {
        match expr {
            Expr::Alias(inner, _) => self.column(inner),
            Expr::Column(name) => Some((name, self.schema.get(name)?)),
            _ => None,
        }
    }

    fn operand<'e>(&self, expr: &'e Expr) -> Option<Operand<'e>> {
        match self.column(expr) {
            Some((name, dtype)) => Some(Operand::Column { name, is_float: dtype.is_float() }),
            None => is_constant(expr).then_some(Operand::Constant(expr)),
        }
    }

    fn boolean(&self, name: &PlSmallStr, negated: bool) -> Rewritten {
        if self.schema.get(name) != Some(&DataType::Boolean) {
            return Rewritten::default();
        }
        let (may, all) = match negated {
            false => (col(max_of(name)), col(min_of(name))),
            true => (col(min_of(name)).not(), col(max_of(name)).not()),
        };
        Rewritten { may: Some(may.and(has_values(name))), all: Some(all.and(has_no_nulls(name))) }
    }

    fn is_null(&self, expr: &Expr, negated: bool) -> Rewritten {
        let Some((name, _)) = self.column(expr) else { return Rewritten::default() };
        let (has_nulls, all_nulls) = (has_no_nulls(name).not(), has_values(name).not());
        match negated {
            false => Rewritten { may: Some(has_nulls), all: Some(all_nulls) },
            true => Rewritten { may: Some(has_values(name)), all: Some(has_no_nulls(name)) },
        }
    }

    fn comparison(&self, left: &Expr, op: Operator, right: &Expr) -> Rewritten {
        let (Some(left), Some(right)) = (self.operand(left), self.operand(right)) else { return Rewritten::default() };
        let (may, all) = match op {
            Operator::Lt | Operator::LtEq => less(&left, op, &right),
            Operator::Gt => less(&right, Operator::Lt, &left),
            Operator::GtEq => less(&right, Operator::LtEq, &left),
            Operator::Eq => (overlap(&left, &right), same(&left, &right)),
            Operator::NotEq => (same(&left, &right).map(Expr::not), overlap(&left, &right).map(Expr::not)),
            // `eq_missing` and the like are true for nulls.
            _ => return Rewritten::default(),
        };
        let columns = || [left.column(), right.column()].into_iter().flatten();
        Rewritten {
            // A null on either side is never a match.
            may: Some(columns().map(has_values).fold(may.unwrap_or_else(unknown), Expr::and)),
            all: all.map(|all| columns().map(has_no_nulls).fold(all, Expr::and)),
        }
    }

    fn is_in(&self, value: &Expr, list: &Expr, nulls_equal: bool) -> Rewritten {
        let values = list_values(list).filter(|values| !(nulls_equal && values.has_nulls()));
        let Some(values) = values.map(|values| values.drop_nulls()) else { return Rewritten::default() };
        let equal = |scalar: Scalar| self.comparison(value, Operator::Eq, &constant(scalar));
        if values.len() <= LISTED_VALUES {
            let scalars = values.iter().map(|v| Scalar::new(values.dtype().clone(), v.into_static()));
            return scalars.map(equal).reduce(either).unwrap_or_default();
        }
        let (Ok(low), Ok(high)) = (values.min_reduce(), values.max_reduce()) else { return Rewritten::default() };
        let low = self.comparison(value, Operator::GtEq, &constant(low));
        let high = self.comparison(value, Operator::LtEq, &constant(high));
        Rewritten { all: None, ..both(low, high) }
    }
}

fn both(left: Rewritten, right: Rewritten) -> Rewritten {
    Rewritten { may: join_if_any(left.may, right.may, Expr::and), all: join_if_both(left.all, right.all, Expr::and) }
}

fn either(left: Rewritten, right: Rewritten) -> Rewritten {
    Rewritten { may: join_if_both(left.may, right.may, Expr::or), all: join_if_any(left.all, right.all, Expr::or) }
}

fn join_if_any(left: Option<Expr>, right: Option<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    match (left, right) {
        (Some(left), Some(right)) => Some(join(left, right)),
        (left, right) => left.or(right),
    }
}

fn join_if_both(left: Option<Expr>, right: Option<Expr>, join: fn(Expr, Expr) -> Expr) -> Option<Expr> {
    Some(join(left?, right?))
}

fn unknown() -> Expr {
    constant(Scalar::new(DataType::Boolean, AnyValue::Null))
}

fn constant(value: Scalar) -> Expr {
    Expr::Literal(LiteralValue::Scalar(value))
}

fn has_values(column: &str) -> Expr {
    col(nulls_of(column)).lt(col(ROWS))
}

fn has_no_nulls(column: &str) -> Expr {
    col(nulls_of(column)).eq(lit(0u64))
}

/// Where some value on the left may be less than some value on the right, and where every one is.
fn less(left: &Operand<'_>, op: Operator, right: &Operand<'_>) -> (Option<Expr>, Option<Expr>) {
    let compare = |a: Expr, b: Expr| if op == Operator::Lt { a.lt(b) } else { a.lt_eq(b) };
    (right.high().map(|high| compare(left.low(), high)), left.high().map(|high| compare(high, right.low())))
}

/// Where the ranges of both sides have a value in common.
fn overlap(left: &Operand<'_>, right: &Operand<'_>) -> Option<Expr> {
    join_if_any(left.high_unless_nan(right), right.high_unless_nan(left), Expr::and)
}

/// Where both sides have one and the same value.
fn same(left: &Operand<'_>, right: &Operand<'_>) -> Option<Expr> {
    let (left_high, right_high) = (left.high()?, right.high()?);
    let single = |low: Expr, high: Expr| low.eq(high);
    Some(single(left.low(), left_high).and(single(right.low(), right_high)).and(left.low().eq(right.low())))
}

fn opposite(op: Operator) -> Option<Operator> {
    Some(match op {
        Operator::Eq => Operator::NotEq,
        Operator::NotEq => Operator::Eq,
        Operator::Lt => Operator::GtEq,
        Operator::LtEq => Operator::Gt,
        Operator::Gt => Operator::LtEq,
        Operator::GtEq => Operator::Lt,
        _ => return None,
    })
}

/// Whether `expr` is one value that does not depend on rows.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(LiteralValue::Scalar(_) | LiteralValue::Dyn(_)) => true,
        Expr::Alias(inner, _) | Expr::Cast { expr: inner, .. } => is_constant(inner),
        Expr::BinaryExpr { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

/// The values of a constant list.
fn list_values(list: &Expr) -> Option<Series> {
    match list {
        Expr::Alias(inner, _) => list_values(inner),
        Expr::Agg(AggExpr::Implode { input, .. }) => match &**input {
            Expr::Literal(LiteralValue::Series(values)) => Some((**values).clone()),
            _ => None,
        },
        Expr::Literal(LiteralValue::Series(values)) => match values.dtype() {
            DataType::List(_) => None,
            _ => Some((**values).clone()),
        },
        Expr::Literal(LiteralValue::Scalar(value)) => match value.value() {
            AnyValue::List(values) => Some(values.clone()),
            _ => None,
        },
        _ => None,
    }
}
