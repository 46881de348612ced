use std::sync::Arc;

use polars_core::datatypes::{DataType, Field};
use polars_core::frame::column::Column;
use polars_core::schema::Schema;
use polars_error::PolarsResult;
use polars_plan::dsl::{AnonymousColumnsUdf, ColumnsUdf, Expr, SpecialEq, new_column_udf};
use polars_plan::plans::{AExpr, ArenaExprIter, ToFieldContext, node_to_expr};
use polars_plan::prelude::FunctionFlags;
use polars_utils::arena::{Arena, Node};

use super::error::ExprError;
use crate::error::{ErrorKind, OperatorError};

/// Makes every user function below `root` fail by name when it returns another length or type than it declares: Polars
/// trusts it, and would broadcast, misread or panic somewhere else.
pub(super) fn check_results(arena: &mut Arena<AExpr>, root: Node, schema: &Schema) -> PolarsResult<()> {
    let functions: Vec<Node> = arena
        .iter(root)
        .filter(|(_, expr)| matches!(expr, AExpr::AnonymousFunction { .. }))
        .map(|(node, _)| node)
        .collect();
    for node in functions {
        // What runs inside `list().eval(..)` sees other columns; its result is checked with the whole expression's.
        let Ok(dtype) = arena.get(node).to_dtype(&ToFieldContext::new(arena, schema)) else { continue };
        let expr = node_to_expr(node, arena);
        let AExpr::AnonymousFunction { input, function, options, fmt_str } = arena.get(node).clone() else { continue };
        let checked = Checked { inner: function.materialize()?, dtype, flags: options.flags, expr };
        arena.replace(node, AExpr::AnonymousFunction { input, function: new_column_udf(checked), options, fmt_str });
    }
    Ok(())
}

struct Checked {
    inner: SpecialEq<Arc<dyn AnonymousColumnsUdf>>,
    dtype: DataType,
    flags: FunctionFlags,
    expr: Expr,
}

impl Checked {
    /// How many values the function must return for `inputs`, if that is fixed.
    fn length(&self, inputs: &[Column]) -> Option<usize> {
        let rows = inputs.iter().map(Column::len).find(|&len| len != 1);
        if self.flags.returns_scalar() {
            // On no rows Polars asks for the type only.
            (rows != Some(0)).then_some(1)
        } else {
            self.flags.is_length_preserving().then_some(rows.unwrap_or(1))
        }
    }
}

impl ColumnsUdf for Checked {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn call_udf(&self, columns: &mut [Column]) -> PolarsResult<Column> {
        let expected = self.length(columns);
        let column = self.inner.call_udf(columns)?;
        let expression = || self.expr.to_string();
        if let Some(expected) = expected.filter(|&expected| expected != column.len()) {
            let error = ExprError::WrongLength { expression: expression(), expected, actual: column.len() };
            return Err(OperatorError::new(ErrorKind::Compute, error).into());
        }
        if column.dtype() != &self.dtype {
            let (expected, actual) = (self.dtype.clone(), column.dtype().clone());
            let error = ExprError::WrongType { expression: expression(), expected, actual };
            return Err(OperatorError::new(ErrorKind::Compute, error).into());
        }
        Ok(column)
    }
}

impl AnonymousColumnsUdf for Checked {
    fn as_column_udf(self: Arc<Self>) -> Arc<dyn ColumnsUdf> {
        self
    }

    fn deep_clone(self: Arc<Self>) -> Arc<dyn AnonymousColumnsUdf> {
        self
    }

    fn get_field(&self, schema: &Schema, fields: &[Field]) -> PolarsResult<Field> {
        self.inner.get_field(schema, fields)
    }
}
