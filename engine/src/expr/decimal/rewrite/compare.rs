use std::sync::Arc;

use polars_core::datatypes::AnyValue;
use polars_core::series::Series;
use polars_ops::series::ClosedInterval;
use polars_plan::dsl::functions::lit;
use polars_plan::dsl::{AggExpr, BooleanFunction, Expr, FunctionExpr, Operator, SpecialEq};
use polars_plan::plans::{Literal, LiteralValue};
use polars_plan::utils::expr_output_name;

use super::super::super::error::invalid;
use super::super::column::{decimal, series};
use super::super::function::compare;
use super::super::integer::BOUND;
use super::super::literal::{Number, Threshold};
use super::super::types::{DecimalType, MAX_PRECISION, digits};
use super::{Kind, Rewriter, Value};
use crate::error::OperatorError;

impl Rewriter<'_> {
    /// `left op right`. Decimals of one scale are left to Polars, which compares their integers; a literal becomes a
    /// decimal of the other side's scale.
    pub(super) fn comparison(
        &self,
        expr: &Expr,
        left: &Expr,
        op: Operator,
        right: &Expr,
    ) -> Result<Value, OperatorError> {
        let (left, right) = (self.rewrite(left)?, self.rewrite(right)?);
        let compared = self.compare(left, op, right)?;
        let name = expr_output_name(expr).ok();
        Ok(match name {
            Some(name) if expr_output_name(&compared).ok().as_ref() != Some(&name) => {
                Value::untyped(compared.alias(name))
            },
            _ => Value::untyped(compared),
        })
    }

    fn compare(&self, mut left: Value, op: Operator, mut right: Value) -> Result<Expr, OperatorError> {
        let kinds = (self.kind(&mut left)?, self.kind(&mut right)?);
        if let (Kind::Decimal(dtype), Some(number)) = (kinds.0, right.number()) {
            return Ok(compare_literal(left.into_expr()?, op, number, dtype));
        }
        if let (Some(number), Kind::Decimal(dtype), Some(op)) = (left.number(), kinds.1, op.swap_operands()) {
            return Ok(compare_literal(right.into_expr()?, op, number, dtype));
        }
        let (left, right) = (left.into_expr()?, right.into_expr()?);
        match (kinds.0.exact(), kinds.1.exact()) {
            (Some(l), Some(r)) if (kinds.0.is_decimal() || kinds.1.is_decimal()) && l.scale != r.scale => {
                Ok(compare([left, right], [l.scale, r.scale], op))
            },
            (Some(l), Some(r)) if kinds.0.is_decimal() != kinds.1.is_decimal() => {
                Ok(compare([left, right], [l.scale, r.scale], op))
            },
            _ => Ok(binary(left, op, right)),
        }
    }

    /// `needle.is_between(low, high)`.
    pub(super) fn is_between(
        &self,
        expr: &Expr,
        input: &[Expr],
        closed: ClosedInterval,
    ) -> Result<Value, OperatorError> {
        let [needle, low, high] = input else { return self.children(expr) };
        let (from, to) = match closed {
            ClosedInterval::Both => (Operator::GtEq, Operator::LtEq),
            ClosedInterval::Left => (Operator::GtEq, Operator::Lt),
            ClosedInterval::Right => (Operator::Gt, Operator::LtEq),
            ClosedInterval::None => (Operator::Gt, Operator::Lt),
        };
        let mut values = [self.rewrite(needle)?, self.rewrite(low)?, self.rewrite(high)?];
        let mut kinds = [Kind::Other; 3];
        for (kind, value) in kinds.iter_mut().zip(&mut values) {
            *kind = self.kind(value)?;
        }
        let [needle_value, low_value, high_value] = values;
        let function = FunctionExpr::Boolean(BooleanFunction::IsBetween { closed });
        if let Kind::Decimal(dtype) = kinds[0] {
            let bound = |value: Value, kind: Kind, op: Operator| match (value.number(), kind) {
                (Some(number), _) => Ok(match number.threshold(dtype.scale, op) {
                    Threshold::At(op, value) => Some((op, literal(value, dtype))),
                    Threshold::Always(_) => None,
                }),
                (None, Kind::Decimal(other)) if other.scale == dtype.scale => Ok(Some((op, value.into_expr()?))),
                _ => Ok::<_, OperatorError>(None),
            };
            if let (Some((from, low)), Some((to, high))) =
                (bound(low_value, kinds[1], from)?, bound(high_value, kinds[2], to)?)
            {
                let closed = match (from, to) {
                    (Operator::GtEq, Operator::LtEq) => ClosedInterval::Both,
                    (Operator::GtEq, _) => ClosedInterval::Left,
                    (_, Operator::LtEq) => ClosedInterval::Right,
                    _ => ClosedInterval::None,
                };
                let function = FunctionExpr::Boolean(BooleanFunction::IsBetween { closed });
                let input = vec![needle_value.into_expr()?, low, high];
                return Ok(Value::untyped(Expr::Function { input, function }));
            }
        } else if !kinds.iter().any(|kind| kind.is_decimal()) {
            let input = vec![needle_value.into_expr()?, low_value.into_expr()?, high_value.into_expr()?];
            return Ok(Value::untyped(Expr::Function { input, function }));
        }
        let above = self.compare(needle_value, from, self.rewrite(low)?)?;
        let below = self.compare(self.rewrite(needle)?, to, self.rewrite(high)?)?;
        Ok(Value::untyped(binary(above, Operator::And, below)))
    }

    /// `needle.is_in(haystack)`: constants that the needle's scale cannot hold are equal to no value.
    pub(super) fn is_in(&self, expr: &Expr, input: &[Expr], nulls_equal: bool) -> Result<Value, OperatorError> {
        let [needle, haystack] = input else { return self.children(expr) };
        let mut needle = self.rewrite(needle)?;
        let (Kind::Decimal(dtype), Some(values)) = (self.kind(&mut needle)?, constants(haystack)) else {
            return self.children(expr);
        };
        let mut found = Vec::with_capacity(values.len());
        for value in values.iter() {
            match (&value, Number::of_value(&value)) {
                (AnyValue::Null, _) => found.push(None),
                (_, Some(number)) => {
                    let value = number.at_scale(dtype.scale).filter(|value| digits(*value) <= dtype.precision);
                    found.extend(value.map(Some));
                },
                // Not a number that is written as a decimal: Polars decides.
                _ => return self.children(expr),
            }
        }
        let list = LiteralValue::Series(SpecialEq::new(series(found, dtype)));
        let list = Expr::Literal(list.implode().map_err(|error| invalid(expr, error))?);
        let function = FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal });
        Ok(Value::untyped(Expr::Function { input: vec![needle.into_expr()?, list], function }))
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr { left: Arc::new(left), op, right: Arc::new(right) }
}

/// Compares decimals of type `dtype` with `number`.
fn compare_literal(decimals: Expr, op: Operator, number: Number, dtype: DecimalType) -> Expr {
    match number.threshold(dtype.scale, op) {
        Threshold::At(op, value) => binary(decimals, op, literal(value, dtype)),
        Threshold::Always(result) => {
            // Every decimal is at most this one.
            let op_of_result = if result { Operator::LtEq } else { Operator::Gt };
            let same = binary(decimals, op_of_result, literal(BOUND - 1, dtype));
            if op.is_null_propagating_comparison() { same } else { same.fill_null(lit(result)) }
        },
    }
}

/// The literal that decimals of type `dtype` are compared with. It has their type, unless it needs more digits.
fn literal(value: i128, dtype: DecimalType) -> Expr {
    let precision = if digits(value) <= dtype.precision { dtype.precision } else { MAX_PRECISION };
    decimal(Some(value), DecimalType { precision, ..dtype }).lit()
}

/// The values of a list that is written out.
fn constants(haystack: &Expr) -> Option<Series> {
    match haystack {
        Expr::Literal(LiteralValue::Series(series)) if !series.dtype().is_list() => Some((**series).clone()),
        Expr::Literal(LiteralValue::Series(series)) if series.len() == 1 => match series.get(0) {
            Ok(AnyValue::List(values)) => Some(values),
            _ => None,
        },
        Expr::Literal(LiteralValue::Scalar(scalar)) => match scalar.value() {
            AnyValue::List(values) => Some(values.clone()),
            _ => None,
        },
        Expr::Agg(AggExpr::Implode { input, .. }) => match input.as_ref() {
            Expr::Literal(LiteralValue::Series(series)) if !series.dtype().is_list() => Some((**series).clone()),
            _ => None,
        },
        _ => None,
    }
}
