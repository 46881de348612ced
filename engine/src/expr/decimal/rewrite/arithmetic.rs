use std::sync::Arc;

use polars_plan::dsl::{Expr, Operator};

use super::super::super::error::ExprError;
use super::super::integer::power_of_ten;
use super::super::program::Step;
use super::super::types::MAX_PRECISION;
use super::{Computed, Kind, Rewriter, Value};
use crate::error::OperatorError;

impl Rewriter<'_> {
    /// `left op right`: exact if a decimal meets a decimal, an integer or null.
    pub(super) fn arithmetic(
        &self,
        expr: &Expr,
        left: &Expr,
        op: Operator,
        right: &Expr,
    ) -> Result<Value, OperatorError> {
        let (mut left, mut right) = (self.rewrite(left)?, self.rewrite(right)?);
        let kinds = (self.kind(&mut left)?, self.kind(&mut right)?);
        let exact = match kinds {
            (Kind::Other, _) | (_, Kind::Other) => false,
            (left, right) => left.is_decimal() || right.is_decimal(),
        };
        if !exact {
            let (left, right) = (Arc::new(left.into_expr()?), Arc::new(right.into_expr()?));
            return Ok(Value::untyped(Expr::BinaryExpr { left, op, right }));
        }
        let (left, right) = (left.into_computed(kinds.0), right.into_computed(kinds.1));
        Ok(Value::Computed(combine(expr, left, op, right)?))
    }

    /// `-input`, if that is a decimal.
    pub(super) fn negate(&self, expr: &Expr, input: Value, kind: Kind) -> Result<Value, OperatorError> {
        let mut computed = input.into_computed(kind);
        computed.steps.insert(0, Step::Constant(0));
        computed.steps.push(Step::Subtract);
        computed.original = expr.clone();
        Ok(Value::Computed(computed))
    }
}

fn combine(expr: &Expr, left: Computed, op: Operator, right: Computed) -> Result<Computed, OperatorError> {
    let (l, r) = (left.output, right.output);
    let too_fine = |scale: usize| OperatorError::from(ExprError::DecimalScale { expression: expr.to_string(), scale });
    let (output, step, aligned) = match op {
        Operator::Multiply => (l.multiply(r), Step::Multiply, false),
        Operator::Plus => (l.add(r), Step::Add, true),
        Operator::Minus => (l.add(r), Step::Subtract, true),
        Operator::FloorDivide => (l.floor_divide(r), Step::FloorDivide, true),
        Operator::Modulus => (l.modulus(r), Step::Modulus, true),
        _ => {
            let output = l.divide(r);
            let shift = output.scale + r.scale - l.scale;
            let factor = power_of_ten(shift).ok_or_else(|| too_fine(shift))?;
            (output, Step::Divide(factor), false)
        },
    };
    if output.scale > MAX_PRECISION {
        return Err(too_fine(output.scale));
    }
    let (left, right) = if aligned {
        let scale = l.scale.max(r.scale);
        let widen = |side: Computed| side.widen(scale).ok_or_else(|| too_fine(scale));
        (widen(left)?, widen(right)?)
    } else {
        (left, right)
    };
    let Computed { mut input, mut steps, .. } = left;
    for step in right.steps {
        steps.push(match step {
            Step::Leaf(index) => Step::Leaf(place(&mut input, &right.input, index)),
            step => step,
        });
    }
    steps.push(step);
    Ok(Computed { input, steps, output, original: expr.clone() })
}

/// Where `others[index]` stands in `input`; it is added if it is not there yet.
fn place(input: &mut Vec<Expr>, others: &[Expr], index: usize) -> usize {
    let Some(other) = others.get(index) else { return index };
    input.iter().position(|present| present == other).unwrap_or_else(|| {
        input.push(other.clone());
        input.len() - 1
    })
}
