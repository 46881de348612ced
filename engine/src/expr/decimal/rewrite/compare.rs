use std::sync::Arc;

use polars_core::datatypes::AnyValue;
use polars_core::prelude::{Int64Chunked, IntoSeries, NewChunkedArray};
use polars_core::scalar::Scalar;
use polars_core::series::Series;
use polars_ops::series::ClosedInterval;
use polars_plan::dsl::functions::lit;
use polars_plan::dsl::{AggExpr, BooleanFunction, Expr, FunctionExpr, Operator, SpecialEq};
use polars_plan::plans::{Literal, LiteralValue};
use polars_plan::utils::expr_output_name;
use polars_utils::pl_str::PlSmallStr;

use super::super::super::error::invalid;
use super::super::column::{decimal, series};
use super::super::function::compare;
use super::super::integer::BOUND;
use super::super::literal::{Number, Threshold};
use super::super::types::{DecimalType, MAX_PRECISION, digits};
use super::{Kind, Native, Rewriter, Value};
use crate::error::OperatorError;

impl Rewriter<'_> {
    /// `left op right`. Decimals of one scale are left to Polars, which compares their integers; a literal becomes a
    /// decimal, or the integer that stands for it, of the other side's scale.
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
            return Ok(compare_literal(self.native(left)?, op, number, dtype));
        }
        if let (Some(number), Kind::Decimal(dtype), Some(op)) = (left.number(), kinds.1, op.swap_operands()) {
            return Ok(compare_literal(self.native(right)?, op, number, dtype));
        }
        let (left, right) = (self.native(left)?, self.native(right)?);
        match (kinds.0.exact(), kinds.1.exact()) {
            (Some(l), Some(r)) if (kinds.0.is_decimal() || kinds.1.is_decimal()) && l.scale != r.scale => {
                Ok(compare([left.expr, right.expr], [l.scale, r.scale], op))
            },
            (Some(l), Some(r)) if kinds.0.is_decimal() != kinds.1.is_decimal() => {
                Ok(compare([left.expr, right.expr], [l.scale, r.scale], op))
            },
            _ if left.narrow.is_some() && right.narrow.is_some() => Ok(binary(left.expr, op, right.expr)),
            _ => Ok(binary(left.into_expr(), op, right.into_expr())),
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
            let narrow = needle_value.is_narrow(self.physical.is_some());
            let bound = |value: Value, kind: Kind, op: Operator| match (value.number(), kind) {
                (Some(number), _) => Ok(match number.threshold(dtype.scale, op) {
                    Threshold::At(op, value) => literal(value, dtype, narrow).map(|literal| (op, literal)),
                    Threshold::Always(_) => None,
                }),
                (None, Kind::Decimal(other)) if other.scale == dtype.scale => match self.native(value)? {
                    Native { expr, narrow: Some(_) } if narrow => Ok(Some((op, expr))),
                    value if !narrow => Ok(Some((op, value.into_expr()))),
                    _ => Ok(None),
                },
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
                let input = vec![self.native(needle_value)?.expr, low, high];
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
        let needle = self.native(needle)?;
        let list = match needle.narrow {
            Some(_) => {
                // A value that does not fit 64 bits is equal to none.
                let found = found.into_iter().map(|value| value.map(i64::try_from).transpose()).flat_map(Result::ok);
                Int64Chunked::from_iter_options(PlSmallStr::EMPTY, found).into_series()
            },
            None => series(found, dtype),
        };
        let list = LiteralValue::Series(SpecialEq::new(list));
        let list = Expr::Literal(list.implode().map_err(|error| invalid(expr, error))?);
        let function = FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal });
        Ok(Value::untyped(Expr::Function { input: vec![needle.expr, list], function }))
    }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr { left: Arc::new(left), op, right: Arc::new(right) }
}

/// Compares decimals of type `dtype` with `number`.
fn compare_literal(decimals: Native, op: Operator, number: Number, dtype: DecimalType) -> Expr {
    let narrow = decimals.narrow.is_some();
    let result = match number.threshold(dtype.scale, op) {
        Threshold::At(op, value) => match literal(value, dtype, narrow) {
            Some(literal) => return binary(decimals.expr, op, literal),
            // The number is beyond all that 64 bits hold.
            None => match op {
                Operator::Lt | Operator::LtEq => value > 0,
                Operator::Gt | Operator::GtEq => value < 0,
                op => matches!(op, Operator::NotEq | Operator::NotEqValidity),
            },
        },
        Threshold::Always(result) => result,
    };
    // Every decimal is at most this one.
    let greatest = if narrow { integer(i64::MAX) } else { decimal_literal(BOUND - 1, dtype) };
    let op_of_result = if result { Operator::LtEq } else { Operator::Gt };
    let same = binary(decimals.expr, op_of_result, greatest);
    if op.is_null_propagating_comparison() { same } else { same.fill_null(lit(result)) }
}

/// The literal that decimals of type `dtype` are compared with: an integer if they are `narrow`, and none if it does not
/// fit 64 bits.
fn literal(value: i128, dtype: DecimalType, narrow: bool) -> Option<Expr> {
    if narrow { i64::try_from(value).ok().map(integer) } else { Some(decimal_literal(value, dtype)) }
}

fn integer(value: i64) -> Expr {
    Scalar::from(value).lit()
}

/// A literal of type `dtype`, unless it needs more digits.
fn decimal_literal(value: i128, dtype: DecimalType) -> Expr {
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
