use std::sync::Arc;

use polars_core::scalar::Scalar;
use polars_plan::dsl::{BooleanFunction, Expr, FunctionExpr, ListFunction};
use polars_plan::plans::Literal;

use super::super::column::decimal;
use super::super::function::shift_and_fill;
use super::super::types::{DecimalType, MAX_PRECISION};
use super::{Kind, Rewriter, Value};
use crate::error::OperatorError;

impl Rewriter<'_> {
    /// `when(predicate).then(truthy).otherwise(falsy)`.
    pub(super) fn ternary(&self, predicate: &Expr, truthy: &Expr, falsy: &Expr) -> Result<Value, OperatorError> {
        let predicate = Arc::new(self.rewrite(predicate)?.into_expr()?);
        let Unified { exprs, dtype, narrow } = self.unify([truthy, falsy], Common::Any)?;
        let Ok([truthy, falsy]) = <[Expr; 2]>::try_from(exprs) else { return Ok(Value::untyped(Expr::Len)) };
        let expr = Expr::Ternary { predicate, truthy: Arc::new(truthy), falsy: Arc::new(falsy) };
        Ok(match dtype {
            Some(dtype) if narrow => Value::Narrow { expr, dtype },
            dtype => Value::typed(expr, dtype.map(DecimalType::dtype)),
        })
    }

    /// A function of Polars. The inputs of those that bring their inputs to one type are brought to one that holds all
    /// of their values.
    pub(super) fn function(
        &self,
        expr: &Expr,
        input: &[Expr],
        function: &FunctionExpr,
    ) -> Result<Value, OperatorError> {
        match function {
            FunctionExpr::Boolean(BooleanFunction::IsBetween { closed }) => self.is_between(expr, input, *closed),
            FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal }) => self.is_in(expr, input, *nulls_equal),
            FunctionExpr::Negate => {
                let [inner] = input else { return self.children(expr) };
                let mut inner = self.rewrite(inner)?;
                match self.kind(&mut inner)? {
                    kind @ Kind::Decimal(_) => self.negate(expr, inner, kind),
                    _ => Ok(Value::untyped(Expr::Function {
                        input: vec![inner.into_expr()?],
                        function: function.clone(),
                    })),
                }
            },
            // They choose among their inputs, so that integers serve as well.
            FunctionExpr::FillNull
            | FunctionExpr::Coalesce
            | FunctionExpr::MinHorizontal
            | FunctionExpr::MaxHorizontal
            | FunctionExpr::Clip { .. } => {
                let Unified { exprs, dtype, narrow } = self.unify(input, Common::Any)?;
                let expr = Expr::Function { input: exprs, function: function.clone() };
                Ok(match dtype {
                    Some(dtype) if narrow => Value::Narrow { expr, dtype },
                    _ => Value::untyped(expr),
                })
            },
            FunctionExpr::ConcatExpr(_) | FunctionExpr::AsList | FunctionExpr::ListExpr(ListFunction::Concat) => {
                let input = self.unify(input, Common::OfPolars)?.exprs;
                Ok(Value::untyped(Expr::Function { input, function: function.clone() }))
            },
            // Polars adds with 38 digits, but does not say so for running sums.
            FunctionExpr::SumHorizontal { .. } | FunctionExpr::CumSum { .. } => {
                let input = self.unify(input, Common::Longest)?.exprs;
                Ok(Value::untyped(Expr::Function { input, function: function.clone() }))
            },
            FunctionExpr::Boolean(BooleanFunction::IsNull | BooleanFunction::IsNotNull) | FunctionExpr::NullCount => {
                self.whatever_form(expr)
            },
            FunctionExpr::ShiftAndFill => {
                let [values, periods, fill] = input else { return self.children(expr) };
                let periods = self.rewrite(periods)?.into_expr()?;
                let Unified { exprs: mut input, dtype, .. } = self.unify([values, fill], Common::OfPolars)?;
                input.insert(1, periods);
                Ok(match dtype {
                    Some(dtype) => Value::typed(shift_and_fill(input, dtype), Some(dtype.dtype())),
                    None => Value::untyped(Expr::Function { input, function: function.clone() }),
                })
            },
            _ => self.children(expr),
        }
    }

    /// `exprs` rewritten, and brought to one decimal type if one of them is a decimal and the others are decimals,
    /// integers or null. With floats among them, Polars turns all into floats.
    fn unify<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>, demand: Common) -> Result<Unified, OperatorError> {
        let mut values = Vec::new();
        for expr in exprs {
            let mut value = self.rewrite(expr)?;
            let kind = self.kind(&mut value)?;
            values.push((expr, value, kind));
        }
        let exact = values.iter().all(|(.., kind)| *kind != Kind::Other);
        let common = values.iter().filter_map(|(.., kind)| kind.exact()).reduce(DecimalType::supertype);
        let Some(mut common) = common.filter(|_| exact && values.iter().any(|(.., kind)| kind.is_decimal())) else {
            let exprs = values.into_iter().map(|(_, value, _)| value.into_expr()).collect::<Result<_, _>>()?;
            return Ok(Unified { exprs, dtype: None, narrow: false });
        };
        if demand == Common::Longest {
            common.precision = MAX_PRECISION;
        }
        let narrow = self.physical.is_some() && demand == Common::Any && common.is_narrow();
        let exprs = values.into_iter().map(|(expr, value, kind)| match (kind, value.number()) {
            (Kind::Null, _) => value.into_expr(),
            (_, Some(number)) if let Some(value) = number.at_scale(common.scale) => match i64::try_from(value) {
                Ok(value) if narrow => Ok(Scalar::from(value).lit()),
                _ => Ok(decimal(Some(value), common).lit()),
            },
            _ => match self.exact(expr, value, kind, common)? {
                value if narrow => Ok(self.native(value)?.into_narrow()),
                value => value.into_expr(),
            },
        });
        Ok(Unified { exprs: exprs.collect::<Result<_, _>>()?, dtype: Some(common), narrow })
    }
}

/// What the function does with the type that its inputs are brought to.
#[derive(Clone, Copy, PartialEq)]
enum Common {
    /// Nothing: it takes integers as well.
    Any,
    /// It needs Polars' type.
    OfPolars,
    /// It needs Polars' type with all digits.
    Longest,
}

/// Expressions that were brought to one type, if one of them is a decimal.
struct Unified {
    exprs: Vec<Expr>,
    dtype: Option<DecimalType>,
    /// Whether they are 64-bit integers that stand for decimals of that type.
    narrow: bool,
}
