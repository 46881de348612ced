use std::sync::Arc;

use polars_plan::dsl::{AggExpr, Expr};

use super::super::function::{join_mean, join_sum};
use super::super::program::{Step, Width};
use super::super::types::DecimalType;
use super::{Computed, Kind, Rewriter, Value};
use crate::error::OperatorError;

/// 2^32 values with as many digits sum up to less than 10^38.
const SAFE_PRECISION: usize = 28;

impl Rewriter<'_> {
    /// `input.sum()`, checked: Polars would wrap around.
    pub(super) fn sum(&self, expr: &Expr, input: &Expr) -> Result<Value, OperatorError> {
        let mut input = self.rewrite(input)?;
        let Kind::Decimal(dtype) = self.kind(&mut input)? else {
            return Ok(Value::untyped(Expr::Agg(AggExpr::Sum(Arc::new(input.into_expr()?)))));
        };
        let output = dtype.sum();
        if dtype.precision <= SAFE_PRECISION {
            let sum = Expr::Agg(AggExpr::Sum(Arc::new(input.into_expr()?)));
            return Ok(Value::typed(sum, Some(output.dtype())));
        }
        let parts = sums(input.into_computed(Kind::Decimal(dtype)))?;
        Ok(Value::typed(join_sum(parts, output, expr.clone()), Some(output.dtype())))
    }

    /// `input.mean()`, exact where Polars computes with floats.
    pub(super) fn mean(&self, expr: &Expr, input: &Expr) -> Result<Value, OperatorError> {
        let mut input = self.rewrite(input)?;
        let Kind::Decimal(dtype) = self.kind(&mut input)? else {
            return Ok(Value::untyped(Expr::Agg(AggExpr::Mean(Arc::new(input.into_expr()?)))));
        };
        let output = dtype.mean();
        let computed = input.into_computed(Kind::Decimal(dtype));
        let counted = computed.copy(None).into_counted()?;
        let count = Expr::Agg(AggExpr::Count { input: Arc::new(counted), include_nulls: false });
        let [low, high] = sums(computed)?;
        Ok(Value::typed(join_mean([low, high, count], dtype.scale, output, expr.clone()), Some(output.dtype())))
    }
}

/// The sums of the low and the high 64 bits. Neither can wrap around, for as many rows as a frame has.
fn sums(computed: Computed) -> Result<[Expr; 2], OperatorError> {
    let sum = |part: Step| {
        let part = computed.copy(Some(part)).into_expr(Width::Wide)?;
        Ok::<_, OperatorError>(Expr::Agg(AggExpr::Sum(Arc::new(part))))
    };
    Ok([sum(Step::Low)?, sum(Step::High)?])
}

impl Computed {
    /// The same computation, followed by `step`, which leaves the digits where they are.
    fn copy(&self, step: Option<Step>) -> Computed {
        let mut steps = self.steps.clone();
        steps.extend(step);
        let output = match step {
            Some(_) => DecimalType { precision: super::super::types::MAX_PRECISION, ..self.output },
            None => self.output,
        };
        Computed { input: self.input.clone(), steps, output, original: self.original.clone() }
    }
}
