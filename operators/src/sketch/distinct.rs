//! Approximate numbers of distinct values where whole groups are evaluated.

use std::sync::Arc;

use polars_core::prelude::{
    Column, Field, IDX_DTYPE, IdxCa, IdxSize, IntoColumn, PolarsResult, polars_bail, polars_err,
};
use polars_core::schema::Schema;
use polars_plan::dsl::{AnonymousColumnsUdf, ColumnsUdf, FunctionExpr, new_column_udf};
use polars_plan::prelude::{FunctionFlags, FunctionOptions};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::expr::Expr;
use quokka_engine::physical::column_to_physical;

use crate::aggregate::approximate_n_unique;

/// `expr` with our sketches in the place of Polars': they take values of every type, and a group has the same estimate
/// however it is evaluated.
pub(crate) fn with_own_sketches(expr: Expr) -> Expr {
    expr.map_expr(|part| match part {
        Expr::Function { input, function: FunctionExpr::ApproxNUnique } => Expr::AnonymousFunction {
            input,
            fmt_str: Box::new(PlSmallStr::from_static("approx_n_unique")),
            options: FunctionOptions::aggregation().flag(FunctionFlags::NON_ORDER_OBSERVING),
            function: new_column_udf(ApproxNUnique),
        },
        part => part,
    })
}

#[derive(Clone, Debug)]
struct ApproxNUnique;

impl ColumnsUdf for ApproxNUnique {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn call_udf(&self, columns: &mut [Column]) -> PolarsResult<Column> {
        let [values] = columns else { polars_bail!(InvalidOperation: "`approx_n_unique` takes one column") };
        let count = approximate_n_unique(&column_to_physical(values.clone())?)?;
        let count =
            IdxSize::try_from(count).map_err(|_| polars_err!(ComputeError: "more values than a count expresses"))?;
        Ok(IdxCa::from_vec(values.name().clone(), vec![count]).into_column())
    }
}

impl AnonymousColumnsUdf for ApproxNUnique {
    fn as_column_udf(self: Arc<Self>) -> Arc<dyn ColumnsUdf> {
        self
    }

    fn deep_clone(self: Arc<Self>) -> Arc<dyn AnonymousColumnsUdf> {
        self
    }

    fn get_field(&self, _schema: &Schema, fields: &[Field]) -> PolarsResult<Field> {
        let [field] = fields else { polars_bail!(InvalidOperation: "`approx_n_unique` takes one column") };
        Ok(Field::new(field.name().clone(), IDX_DTYPE))
    }
}
