use std::borrow::Cow;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::GroupPositions;
use polars_core::schema::SchemaRef;
use polars_expr::state::ExecutionState;
use polars_plan::dsl::Expr;

use super::lower::{Compiled, Purpose, Scope, lower};
use super::window::Windows;
use crate::error::OperatorError;
use crate::physical::to_physical;

/// Expressions evaluated on whole groups, as in Polars' `group_by(..).agg(..)`: one row a group. For aggregates that
/// do not decompose into partial ones.
///
/// An expression that yields several values for a group becomes a list of them.
///
/// ```
/// # use polars_core::prelude::*;
/// use polars_core::df;
/// use quokka_engine::expr::GroupProjection;
/// use quokka_engine::expr::prelude::*;
///
/// let frame = df!("k" => ["x", "y", "x"], "v" => [1i64, 2, 4])?;
/// let groups = frame.group_by_stable(["k"])?.into_groups();
/// let medians = GroupProjection::compile(&[col("v").median()], frame.schema())?;
/// assert_eq!(medians.evaluate(&frame, &groups)?, df!("v" => [2.5, 2.0])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct GroupProjection {
    schema: SchemaRef,
    outputs: Vec<Compiled>,
    windows: Windows,
    state: ExecutionState,
}

impl GroupProjection {
    /// Compiles `exprs`, which see columns of `schema`; wildcards and selectors are expanded.
    ///
    /// # Errors
    /// Unknown columns, types that do not fit, and two outputs of one name.
    pub fn compile(exprs: &[Expr], schema: &SchemaRef) -> Result<Self, OperatorError> {
        let mut lowered = lower(exprs, schema, Scope::Groups, Purpose::Batches, 0..0)?;
        Ok(Self {
            schema: Arc::new(lowered.schema()),
            windows: Windows::of(&lowered),
            outputs: lowered.physical(schema)?,
            state: ExecutionState::new(),
        })
    }

    /// Columns of the output: those of the expressions, without any key.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// One row for each of `groups`, which hold row numbers of `frame`.
    ///
    /// # Errors
    /// Whatever fails on the values.
    pub fn evaluate(&self, frame: &DataFrame, groups: &GroupPositions) -> Result<DataFrame, OperatorError> {
        let mut frame = to_physical(frame.clone())?;
        if frame.should_rechunk() {
            frame.rechunk_mut();
        }
        let state = match self.windows {
            Windows::None => Cow::Borrowed(&self.state),
            windows => Cow::Owned(windows.state(&self.state)),
        };
        let columns = self.outputs.iter().map(|compiled| {
            let column =
                compiled.column(|physical| Ok(physical.evaluate_on_groups(&frame, groups, &state)?.finalize()))?;
            if column.len() != groups.len() {
                return Err(compiled.output.wrong_length(groups.len(), column.len()));
            }
            Ok(column)
        });
        let columns = columns.collect::<Result<Vec<_>, OperatorError>>()?;
        DataFrame::new(groups.len(), columns).map_err(Into::into)
    }
}
