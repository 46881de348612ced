use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::frame::column::Column;
use polars_core::schema::SchemaRef;
use polars_expr::state::ExecutionState;
use polars_plan::dsl::Expr;

use super::error::ExprError;
use super::lower::{Compiled, Output, Purpose, Scope, lower};
use super::window::Windows;
use crate::error::{ErrorKind, OperatorError};
use crate::physical::to_physical;

/// Named columns computed from a batch; compiled once, shared by all workers of a process.
///
/// Schemas have the types of the plan; the columns that come out lie as in [batches](crate::physical). Those that go in
/// may have either form.
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

impl Projection {
    /// Compiles `exprs`, which see columns of `schema`; wildcards and selectors are expanded.
    ///
    /// # Errors
    /// Unknown columns, types that do not fit, and two outputs of one name.
    pub fn compile(exprs: &[Expr], schema: &SchemaRef) -> Result<Self, OperatorError> {
        Self::compile_adaptive(exprs, 0..0, schema)
    }

    /// As [`compile`](Self::compile), where decimals that expressions with an index in `adaptive` compute come in either
    /// form, whatever their type: as 64-bit integers in batches in which all of them fit. For readers inside the same
    /// operator that take both. Wildcards in front of such an expression shift its index.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_adaptive(exprs: &[Expr], adaptive: Range<usize>, schema: &SchemaRef) -> Result<Self, OperatorError> {
        let mut lowered = lower(exprs, schema, Scope::Rows, Purpose::Batches, adaptive)?;
        Ok(Self {
            input: schema.clone(),
            schema: Arc::new(lowered.schema()),
            windows: Windows::of(&lowered),
            outputs: lowered.physical(schema)?,
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
        let frame = to_physical(frame.clone())?;
        self.outputs.iter().map(|output| output.column(|physical| physical.evaluate(&frame, &state))).collect()
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
    pub(super) fn wrong_length(&self, expected: usize, actual: usize) -> OperatorError {
        let error = ExprError::WrongLength { expression: self.expr.to_string(), expected, actual };
        OperatorError::new(ErrorKind::Compute, error)
    }
}
