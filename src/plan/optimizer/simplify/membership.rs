//! `is_in` with a single value is a comparison with it.

use polars_core::prelude::{AnyValue, Schema, Series};
use polars_core::scalar::Scalar;
use polars_plan::dsl::{AggExpr, BooleanFunction, Expr, FunctionExpr};
use polars_plan::plans::LiteralValue;

/// `expr` as a comparison, if it is `is_in` of a column with one value that is not null.
pub(super) fn simplify(expr: &Expr, schema: &Schema) -> Option<Expr> {
    let Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::IsIn { nulls_equal }) } = expr else {
        return None;
    };
    let [Expr::Column(name), haystack] = input.as_slice() else { return None };
    let values = values(haystack)?;
    if values.len() != 1 || values.null_count() > 0 || schema.get(name) != Some(values.dtype()) {
        return None;
    }
    let value = Scalar::new(values.dtype().clone(), values.get(0).ok()?.into_static());
    let (column, value) = (Expr::Column(name.clone()), Expr::Literal(LiteralValue::Scalar(value)));
    Some(if *nulls_equal { column.eq_missing(value) } else { column.eq(value) })
}

/// The values of a literal list.
fn values(haystack: &Expr) -> Option<Series> {
    match haystack {
        Expr::Literal(LiteralValue::Scalar(scalar)) => match scalar.value() {
            AnyValue::List(values) => Some(values.clone()),
            _ => None,
        },
        Expr::Agg(AggExpr::Implode { input, .. }) => match input.as_ref() {
            Expr::Literal(LiteralValue::Series(series)) if !series.dtype().is_list() => Some((**series).clone()),
            _ => None,
        },
        Expr::Literal(LiteralValue::Series(series)) if series.dtype().is_list() && series.len() == 1 => {
            match series.get(0).ok()? {
                AnyValue::List(values) => Some(values),
                _ => None,
            }
        },
        Expr::Alias(inner, _) => self::values(inner),
        _ => None,
    }
}
