use polars_core::datatypes::Field;
use polars_core::schema::Schema;
use polars_plan::dsl::Expr;

use super::error::ExprError;
use super::lower::{Purpose, Scope, lower};
use crate::error::OperatorError;

/// The name and type of the column that `expr` yields on rows of `schema`. Decimals follow [`decimal`](super::decimal).
///
/// # Errors
/// Unknown columns, types that do not fit, and a selector that stands for several columns.
///
/// ```
/// # use polars_core::prelude::*;
/// use quokka_engine::expr::output_field;
/// use quokka_engine::expr::prelude::*;
///
/// let schema = Schema::from_iter([
///     Field::new("price".into(), DataType::Decimal(15, 2)),
///     Field::new("discount".into(), DataType::Decimal(15, 2)),
/// ]);
/// let field = output_field(&(col("price") * (lit(1) - col("discount"))).alias("net"), &schema)?;
/// assert_eq!(field, Field::new("net".into(), DataType::Decimal(31, 4)));
/// # Ok::<(), quokka_engine::error::OperatorError>(())
/// ```
pub fn output_field(expr: &Expr, schema: &Schema) -> Result<Field, OperatorError> {
    let mut outputs = lower(std::slice::from_ref(expr), schema, Scope::Rows, Purpose::Types, 0..0)?.outputs;
    match outputs.pop() {
        Some(output) if outputs.is_empty() => Ok(output.field),
        last => {
            let count = outputs.len() + usize::from(last.is_some());
            Err(ExprError::NotSingle { expression: expr.to_string(), count }.into())
        },
    }
}

/// The columns that `exprs` yield on rows of `schema`, in order; selectors are expanded.
///
/// # Errors
/// As [`output_field`], and two outputs of one name.
pub fn output_schema(exprs: &[Expr], schema: &Schema) -> Result<Schema, OperatorError> {
    Ok(lower(exprs, schema, Scope::Rows, Purpose::Types, 0..0)?.schema())
}
