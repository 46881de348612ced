//! What `and`, `or`, `not` and conditions come down to. Nulls follow Kleene's logic: `null and false` is false.

use std::sync::Arc;

use polars_core::prelude::{AnyValue, DataType};
use polars_plan::dsl::{BooleanFunction, DataTypeExpr, Expr, FunctionExpr, Operator};
use polars_plan::plans::LiteralValue;

use super::Simplifier;
use crate::plan::expression::reads_columns;

/// The logic at the root of an expression.
pub(super) enum Logic<'a> {
    And(&'a Expr, &'a Expr),
    Or(&'a Expr, &'a Expr),
    Not(&'a Expr),
    Other,
}

impl<'a> Logic<'a> {
    pub(super) fn of(expr: &'a Expr) -> Self {
        match expr {
            Expr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => Logic::And(left, right),
            Expr::BinaryExpr { left, op: Operator::Or | Operator::LogicalOr, right } => Logic::Or(left, right),
            Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::Not) } => match input.as_slice() {
                [inner] => Logic::Not(inner),
                _ => Logic::Other,
            },
            _ => Logic::Other,
        }
    }
}

/// The truth value that `expr` is, if it is a literal.
pub(super) fn truth(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Literal(LiteralValue::Scalar(scalar)) => match scalar.value() {
            AnyValue::Boolean(value) => Some(*value),
            _ => None,
        },
        Expr::Alias(inner, _) => truth(inner),
        _ => None,
    }
}

/// Whether `expr` is the literal null.
pub(super) fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(LiteralValue::Scalar(scalar)) if scalar.is_null())
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr { left: Arc::new(left), op, right: Arc::new(right) }
}

impl Simplifier<'_> {
    /// `left and right`, as predicates.
    pub(super) fn both(&self, left: Expr, right: Expr) -> Expr {
        match (truth(&left), truth(&right)) {
            (Some(true), _) => right,
            (_, Some(true)) => left,
            (Some(false), _) if self.can_go(&right) => left,
            (_, Some(false)) if self.can_go(&left) => right,
            _ => binary(left, Operator::And, right),
        }
    }

    /// `left or right`, as predicates.
    pub(super) fn either(&self, left: Expr, right: Expr) -> Expr {
        match (truth(&left), truth(&right)) {
            (Some(false), _) => right,
            (_, Some(false)) => left,
            (Some(true), _) if self.can_go(&right) => left,
            (_, Some(true)) if self.can_go(&left) => right,
            _ if left == right => left,
            _ => binary(left, Operator::Or, right),
        }
    }

    /// A simpler expression for logic that constants or double negation decide.
    pub(super) fn logic(&self, expr: &Expr) -> Option<Expr> {
        match Logic::of(expr) {
            Logic::And(left, right) => self.with_constant(expr, left, right, true),
            Logic::Or(left, right) => self.with_constant(expr, left, right, false),
            Logic::Not(inner) => self.negation(inner, false),
            Logic::Other => match expr {
                Expr::Ternary { predicate, truthy, falsy } => {
                    let chosen = match truth(predicate) {
                        Some(true) => truthy,
                        Some(false) => falsy,
                        None if is_null(predicate) => falsy,
                        None => return None,
                    };
                    self.in_place_of(expr, chosen)
                },
                _ => None,
            },
        }
    }

    /// `left op right`, where the literal `neutral` changes nothing and its opposite decides.
    fn with_constant(&self, expr: &Expr, left: &Expr, right: &Expr, neutral: bool) -> Option<Expr> {
        let (constant, other, literal) = match (truth(left), truth(right)) {
            (Some(constant), None) => (constant, right, left),
            (None, Some(constant)) => (constant, left, right),
            _ => return None,
        };
        if constant == neutral {
            self.is_boolean(other).then(|| other.clone())
        } else {
            self.in_place_of(expr, literal)
        }
    }

    /// `chosen`, if it can stand for all of `expr`: of the same type and length, and nothing that may fail is lost.
    fn in_place_of(&self, expr: &Expr, chosen: &Expr) -> Option<Expr> {
        let stands = self.can_go(expr) && self.is_scalar(expr) == self.is_scalar(chosen) && {
            let dtype = |expr: &Expr| quokka_engine::expr::output_field(expr, self.schema).map(|field| field.dtype);
            matches!((dtype(expr), dtype(chosen)), (Ok(whole), Ok(part)) if whole == part)
        };
        stands.then(|| chosen.clone())
    }

    /// `not expr`, if the negation can be taken up by what is in `expr`; with `anyway`, also if it only gets further in.
    pub(super) fn negation(&self, expr: &Expr, anyway: bool) -> Option<Expr> {
        match Logic::of(expr) {
            Logic::Not(inner) => return self.is_boolean(inner).then(|| inner.clone()),
            Logic::And(left, right) => return self.de_morgan(left, Operator::Or, right, anyway),
            Logic::Or(left, right) => return self.de_morgan(left, Operator::And, right, anyway),
            Logic::Other => {},
        }
        match expr {
            Expr::Alias(inner, _) => self.negation(inner, anyway),
            Expr::BinaryExpr { left, op, right } => {
                Some(Expr::BinaryExpr { left: left.clone(), op: opposite(*op)?, right: right.clone() })
            },
            Expr::Function { input, function: FunctionExpr::Boolean(function) } => {
                let function = match function {
                    BooleanFunction::IsNull => BooleanFunction::IsNotNull,
                    BooleanFunction::IsNotNull => BooleanFunction::IsNull,
                    _ => return None,
                };
                Some(Expr::Function { input: input.clone(), function: FunctionExpr::Boolean(function) })
            },
            _ => None,
        }
    }

    fn de_morgan(&self, left: &Expr, op: Operator, right: &Expr, anyway: bool) -> Option<Expr> {
        let negated = |expr: &Expr| match self.negation(expr, anyway) {
            None if anyway && self.is_boolean(expr) => Some(expr.clone().not()),
            negated => negated,
        };
        Some(binary(negated(left)?, op, negated(right)?))
    }

    /// A comparison with its constant on the right; a comparison with `true` or `false` is what it compares, or its
    /// opposite.
    pub(super) fn comparison(&self, expr: &Expr) -> Option<Expr> {
        let Expr::BinaryExpr { left, op, right } = expr else { return None };
        if !op.is_comparison() {
            return None;
        }
        if matches!(left.as_ref(), Expr::Literal(_)) && reads_columns(right) {
            let swapped = Expr::BinaryExpr { left: right.clone(), op: op.swap_operands()?, right: left.clone() };
            return Some(self.comparison(&swapped).unwrap_or(swapped));
        }
        let asks_for = match (op, truth(right)?) {
            (Operator::Eq, value) => value,
            (Operator::NotEq, value) => !value,
            _ => return None,
        };
        if !self.is_boolean(left) {
            return None;
        }
        let compared = left.as_ref().clone();
        Some(match asks_for {
            true => compared,
            false => self.negation(left, false).unwrap_or_else(|| compared.not()),
        })
    }

    /// Whether the type of `expr` is boolean. (`and`, `or` and `not` also work on the bits of integers.)
    fn is_boolean(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Column(name) => self.schema.get(name) == Some(&DataType::Boolean),
            Expr::BinaryExpr { op, .. } if op.is_comparison() => true,
            Expr::Cast { dtype: DataTypeExpr::Literal(dtype), .. } => dtype.is_bool(),
            Expr::Alias(inner, _) => self.is_boolean(inner),
            expr => expr.to_field(self.schema).is_ok_and(|field| field.dtype == DataType::Boolean),
        }
    }
}

/// The comparison that is true where `op` is false; where one is null, so is the other.
fn opposite(op: Operator) -> Option<Operator> {
    Some(match op {
        Operator::Eq => Operator::NotEq,
        Operator::NotEq => Operator::Eq,
        Operator::EqValidity => Operator::NotEqValidity,
        Operator::NotEqValidity => Operator::EqValidity,
        Operator::Lt => Operator::GtEq,
        Operator::GtEq => Operator::Lt,
        Operator::Gt => Operator::LtEq,
        Operator::LtEq => Operator::Gt,
        _ => return None,
    })
}
