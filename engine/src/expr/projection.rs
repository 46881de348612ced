use std::borrow::Cow;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::frame::column::Column;
use polars_core::schema::SchemaRef;
use polars_expr::prelude::PhysicalExpr;
use polars_expr::state::ExecutionState;
use polars_plan::dsl::Expr;

use super::error::{ExprError, evaluation};
use super::lower::{Output, Scope, lower};
use super::window::Windows;
use crate::error::{ErrorKind, OperatorError};

/// Named columns computed from a batch; compiled once, shared by all workers of a process.
///
/// ```
/// # use std::sync::Arc;
/// # use polars_core::prelude::*;
/// use polars_core::df;
/// use quokka_engine::expr::Projection;
/// use quokka_engine::expr::prelude::*;
///
/// let batch = df!("a" => [1i64, 2, 3], "b" => [10i64, 20, 30])?;
/// let projection = Projection::compile(&[col("a"), (col("a") + col("b")).alias("sum")], batch.schema())?;
/// assert_eq!(projection.evaluate(&batch)?, df!("a" => [1i64, 2, 3], "sum" => [11i64, 22, 33])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Projection {
    input: SchemaRef,
    schema: SchemaRef,
    outputs: Vec<Compiled>,
    windows: Windows,
    state: ExecutionState,
}

struct Compiled {
    physical: Arc<dyn PhysicalExpr>,
    output: Output,
}

impl Projection {
    /// Compiles `exprs`, which see columns of `schema`; wildcards and selectors are expanded.
    ///
    /// # Errors
    /// Unknown columns, types that do not fit, and two outputs of one name.
    pub fn compile(exprs: &[Expr], schema: &SchemaRef) -> Result<Self, OperatorError> {
        let mut lowered = lower(exprs, schema, Scope::Rows)?;
        let physical = lowered.physical(schema)?;
        let windows = Windows::of(&lowered);
        Ok(Self {
            input: schema.clone(),
            schema: Arc::new(lowered.schema()),
            outputs: physical
                .into_iter()
                .zip(lowered.outputs)
                .map(|(physical, output)| Compiled { physical, output })
                .collect(),
            windows,
            state: ExecutionState::new(),
        })
    }

    /// Columns of the input.
    pub fn input_schema(&self) -> &SchemaRef {
        &self.input
    }

    /// Columns of the output.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The outputs for the rows of `frame`, one row each: one value is repeated for every row.
    ///
    /// # Errors
    /// An expression that yields neither one value nor one value a row, and whatever fails on the values.
    pub fn evaluate(&self, frame: &DataFrame) -> Result<DataFrame, OperatorError> {
        let columns = self.columns(frame)?;
        self.assemble(frame.height(), columns)
    }

    /// The outputs with a number of rows of their own, as Polars' `select` has it: that of the outputs that are not one
    /// value, or one row. For expressions such as `unique` and `head`, which see all rows of the query in one frame.
    ///
    /// # Errors
    /// Outputs of different lengths, and whatever fails on the values.
    pub fn select(&self, frame: &DataFrame) -> Result<DataFrame, OperatorError> {
        let columns = self.columns(frame)?;
        let several = self.outputs.iter().zip(&columns).filter(|(output, _)| !output.output.scalar);
        let height = several.map(|(_, column)| column.len()).find(|len| *len != 1).unwrap_or(1);
        self.assemble(height, columns)
    }

    fn columns(&self, frame: &DataFrame) -> Result<Vec<Column>, OperatorError> {
        let state = match self.windows {
            Windows::None => Cow::Borrowed(&self.state),
            windows => Cow::Owned(windows.state(&self.state)),
        };
        self.outputs
            .iter()
            .map(|Compiled { physical, output }| {
                let column = physical.evaluate(frame, &state).map_err(|error| evaluation(&output.expr, error))?;
                output.typed(column)
            })
            .collect()
    }

    fn assemble(&self, height: usize, mut columns: Vec<Column>) -> Result<DataFrame, OperatorError> {
        for (column, Compiled { output, .. }) in columns.iter_mut().zip(&self.outputs) {
            if column.len() == height {
                continue;
            }
            if !(output.repeats && column.len() == 1) {
                return Err(output.wrong_length(height, column.len()));
            }
            *column = column.new_from_index(0, height);
        }
        DataFrame::new(height, columns).map_err(Into::into)
    }
}

impl Output {
    /// Gives `column` the output's name and makes sure of its type.
    ///
    /// Polars' prediction of a type is off for a few of its own functions. The plan was built on the prediction, so the
    /// column follows it. User functions are checked where they are called.
    pub(super) fn typed(&self, column: Column) -> Result<Column, OperatorError> {
        let column = if column.dtype() == &self.field.dtype {
            column
        } else {
            column.strict_cast(&self.field.dtype).map_err(|error| evaluation(&self.expr, error))?
        };
        Ok(if column.name() == &self.field.name { column } else { column.with_name(self.field.name.clone()) })
    }

    pub(super) fn wrong_length(&self, expected: usize, actual: usize) -> OperatorError {
        let error = ExprError::WrongLength { expression: self.expr.to_string(), expected, actual };
        OperatorError::new(ErrorKind::Compute, error)
    }
}
