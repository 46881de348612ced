//! Expressions without columns become the literals that they evaluate to.

use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, Schema};
use polars_core::scalar::Scalar;
use polars_plan::dsl::{AggExpr, BooleanFunction, DataTypeExpr, Expr, FunctionExpr};
use polars_plan::plans::LiteralValue;
use quokka_engine::expr::Projection;

use crate::plan::expression::Properties;

/// The literal that `expr` evaluates to; nothing if it is no constant, is one already, or fails. A literal column that is
/// made a list becomes a literal list: for Polars, the former depends on all rows.
///
/// A number whose type is still open stays: what it meets decides its type. So do numbers next to decimals, which take
/// their number of digits from how a literal is written, and texts next to categories.
pub(super) fn fold(expr: &Expr, schema: &Schema) -> Option<Expr> {
    if let Expr::Agg(AggExpr::Implode { input, .. }) = expr
        && let Expr::Literal(values @ LiteralValue::Series(_)) = input.as_ref()
    {
        return values.clone().implode().ok().map(Expr::Literal);
    }
    if matches!(expr, Expr::Literal(_)) || !is_constant(expr) {
        return None;
    }
    let dtype = expr.to_field(schema).ok()?.dtype;
    let meets = |is_kind: fn(&DataType) -> bool| schema.iter_values().any(is_kind);
    let stays = match &dtype {
        DataType::Boolean => false,
        DataType::String => meets(|dtype| dtype.is_categorical() || dtype.is_enum()),
        dtype if dtype.is_temporal() => false,
        dtype if dtype.is_primitive_numeric() => meets(|dtype| dtype.is_decimal()),
        _ => true,
    };
    let properties = Properties::of(expr, schema);
    if stays || !properties.elementwise || !properties.deterministic || !properties.scalar {
        return None;
    }
    let row = DataFrame::empty_with_height(1);
    let value = Projection::compile(std::slice::from_ref(expr), row.schema()).ok()?.evaluate(&row).ok()?;
    let column = value.columns().first().filter(|column| *column.dtype() == dtype)?;
    let value = column.get(0).ok()?.into_static();
    Some(Expr::Literal(LiteralValue::Scalar(Scalar::new(dtype, value))))
}

/// Whether `expr` is made of single literals by functions of which it is known that they give the same every time.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => literal.is_scalar(),
        Expr::Alias(inner, _) => is_constant(inner),
        Expr::Cast { expr, dtype: DataTypeExpr::Literal(_), .. } => is_constant(expr),
        Expr::BinaryExpr { left, right, .. } => is_constant(left) && is_constant(right),
        Expr::Ternary { predicate, truthy, falsy } => [predicate, truthy, falsy].into_iter().all(|e| is_constant(e)),
        Expr::Function { input, function } => {
            let is_known = match function {
                FunctionExpr::StringExpr(_) | FunctionExpr::TemporalExpr(_) | FunctionExpr::Negate => true,
                FunctionExpr::Boolean(function) => matches!(
                    function,
                    BooleanFunction::Not
                        | BooleanFunction::IsNull
                        | BooleanFunction::IsNotNull
                        | BooleanFunction::IsBetween { .. }
                ),
                _ => false,
            };
            is_known && input.iter().all(is_constant)
        },
        _ => false,
    }
}
