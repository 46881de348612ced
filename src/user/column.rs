//! Columns that a function of the user computes from batches.

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, Field, IntoColumn, PlSmallStr, PolarsResult, Schema};
use polars_plan::dsl::{BaseColumnUdf, Expr, new_column_udf};
use polars_plan::prelude::FunctionOptions;
use quokka_engine::error::OperatorError;

use super::UserError;

/// The column `name` of type `dtype`, which `function` computes from the columns `inputs` of a batch. The engine checks
/// its type and that it has a value for each row.
pub(crate) fn computed_column<F, C, E>(name: PlSmallStr, inputs: Vec<PlSmallStr>, dtype: DataType, function: F) -> Expr
where
    F: Fn(DataFrame) -> Result<C, E> + Send + Sync + 'static,
    C: IntoColumn,
    E: Into<UserError>,
{
    let field = Field::new(name.clone(), dtype);
    let exprs = inputs.iter().cloned().map(Expr::Column).collect();
    let call = move |columns: &mut [Column]| -> PolarsResult<Column> {
        let batch = batch_of(&inputs, columns)?;
        let made = function(batch).map_err(|error| OperatorError::from_user(error.into()))?;
        Ok(made.into_column())
    };
    let output = move |_: &Schema, _: &[Field]| Ok(field.clone());
    Expr::AnonymousFunction {
        input: exprs,
        function: new_column_udf(BaseColumnUdf::new(call, output)),
        options: FunctionOptions::elementwise(),
        fmt_str: Box::new(name.clone()),
    }
    .alias(name)
}

/// The rows of `columns` under `names`; a column of one value may stand for all rows.
fn batch_of(names: &[PlSmallStr], columns: &[Column]) -> PolarsResult<DataFrame> {
    let rows = columns.iter().map(Column::len).find(|rows| *rows != 1).unwrap_or(1);
    let column = |(name, column): (&PlSmallStr, &Column)| {
        let column = if column.len() == rows { column.clone() } else { column.new_from_index(0, rows) };
        column.with_name(name.clone())
    };
    DataFrame::new(rows, names.iter().zip(columns).map(column).collect())
}
