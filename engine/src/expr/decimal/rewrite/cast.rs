use std::sync::Arc;

use polars_core::chunked_array::cast::CastOptions;
use polars_core::datatypes::DataType;
use polars_plan::dsl::{DataTypeExpr, Expr};

use super::super::function::{cast_or_null, widen};
use super::super::integer::power_of_ten;
use super::super::program::Step;
use super::super::types::DecimalType;
use super::{Kind, Rewriter, Value};
use crate::error::OperatorError;

impl Rewriter<'_> {
    /// A cast. From decimal to decimal it rounds half away from zero; a value that does not fit is an error if the cast
    /// is strict, else null.
    pub(super) fn cast(
        &self,
        expr: &Expr,
        inner: &Expr,
        dtype: &DataType,
        options: CastOptions,
    ) -> Result<Value, OperatorError> {
        let mut inner = self.rewrite(inner)?;
        let (Some(to), Kind::Decimal(from)) = (DecimalType::of(dtype), self.kind(&mut inner)?) else {
            let expr = Arc::new(inner.into_expr()?);
            let cast = Expr::Cast { expr, dtype: DataTypeExpr::Literal(dtype.clone()), options };
            return Ok(Value::typed(cast, Some(dtype.clone())));
        };
        if from == to {
            return Ok(inner);
        }
        if options.is_strict() || from.fits_in(to) {
            return self.exact(expr, inner, Kind::Decimal(from), to);
        }
        let inner = inner.into_native(self.physical.is_some())?.expr;
        Ok(Value::typed(cast_or_null(inner, from.scale, to), Some(to.dtype())))
    }

    /// `value`, a number of `kind`, as a decimal of type `to`; fails on values that do not fit.
    pub(super) fn exact(&self, expr: &Expr, value: Value, kind: Kind, to: DecimalType) -> Result<Value, OperatorError> {
        let from = kind.exact().unwrap_or(to);
        let value = match value {
            same if kind == Kind::Decimal(to) => return Ok(same),
            Value::Expr { expr, .. } if from.scale == to.scale && from.precision <= to.precision => {
                // The integers are the same: Polars shares them.
                let (dtype, options) = (DataTypeExpr::Literal(to.dtype()), CastOptions::NonStrict);
                return Ok(Value::typed(Expr::Cast { expr: Arc::new(expr), dtype, options }, Some(to.dtype())));
            },
            Value::Narrow { expr, .. } if from.scale == to.scale && from.precision <= to.precision => {
                return Ok(match to.is_narrow() {
                    true => Value::Narrow { expr, dtype: to },
                    false => Value::typed(widen(expr, to), Some(to.dtype())),
                });
            },
            value => value,
        };
        let mut computed = value.into_computed(kind);
        if to.scale > from.scale {
            computed.steps.extend(power_of_ten(to.scale - from.scale).map(Step::Scale));
        } else if to.scale < from.scale {
            computed.steps.extend(power_of_ten(from.scale - to.scale).map(Step::Round));
        }
        if !from.fits_in(to) {
            computed.steps.extend(power_of_ten(to.precision).map(Step::Below));
        }
        computed.output = to;
        computed.original = expr.clone();
        Ok(Value::Computed(computed))
    }
}
