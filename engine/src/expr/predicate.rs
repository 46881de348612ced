use polars_core::datatypes::{AnyValue, DataType};
use polars_core::frame::DataFrame;
use polars_core::frame::column::Column;
use polars_core::prelude::{BooleanChunked, ChunkFullNull};
use polars_core::schema::SchemaRef;
use polars_plan::dsl::Expr;
use polars_utils::pl_str::PlSmallStr;

use super::error::ExprError;
use super::projection::Projection;
use crate::error::OperatorError;

/// A filter; compiled once, shared by all workers of a process.
///
/// ```
/// # use polars_core::prelude::*;
/// use polars_core::df;
/// use quokka_engine::expr::Predicate;
/// use quokka_engine::expr::prelude::*;
///
/// let batch = df!("a" => [Some(1i64), None, Some(3)])?;
/// let predicate = Predicate::compile(&col("a").gt(lit(1)), batch.schema())?;
/// assert_eq!(predicate.filter(&batch)?, df!("a" => [3i64])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Predicate {
    projection: Projection,
}

impl Predicate {
    /// Compiles `expr`, which sees columns of `schema`.
    ///
    /// # Errors
    /// Unknown columns, types that do not fit, and an expression that does not yield booleans.
    pub fn compile(expr: &Expr, schema: &SchemaRef) -> Result<Self, OperatorError> {
        let projection = Projection::compile(std::slice::from_ref(expr), schema)?;
        let outputs: Vec<DataType> = projection.schema().iter_values().cloned().collect();
        let expression = || expr.to_string();
        match outputs.as_slice() {
            [DataType::Boolean] => Ok(Self { projection }),
            [dtype] => Err(ExprError::NotBoolean { expression: expression(), dtype: dtype.clone() }.into()),
            _ => Err(ExprError::NotSingle { expression: expression(), count: outputs.len() }.into()),
        }
    }

    /// Columns of the input.
    pub fn input_schema(&self) -> &SchemaRef {
        self.projection.input_schema()
    }

    /// One boolean or null per row of `frame`. A row passes if its boolean is true.
    ///
    /// # Errors
    /// Whatever fails on the values.
    pub fn mask(&self, frame: &DataFrame) -> Result<BooleanChunked, OperatorError> {
        let frame = self.projection.evaluate(frame)?;
        let Some(column) = frame.columns().first() else { return Ok(BooleanChunked::full_null(PlSmallStr::EMPTY, 0)) };
        Ok(column.bool()?.clone())
    }

    /// The rows of `frame` that pass: `frame` itself if all do, without a copy.
    ///
    /// # Errors
    /// Whatever fails on the values.
    pub fn filter(&self, frame: &DataFrame) -> Result<DataFrame, OperatorError> {
        let mask = self.projection.evaluate(frame)?;
        let Some(mask) = mask.columns().first() else { return Ok(frame.clone()) };
        if let Column::Scalar(mask) = mask {
            let pass = matches!(mask.scalar().value(), AnyValue::Boolean(true));
            return Ok(if pass { frame.clone() } else { frame.clear() });
        }
        let mask = mask.bool()?;
        match mask.num_trues() {
            0 => Ok(frame.clear()),
            passing if passing == frame.height() => Ok(frame.clone()),
            _ => frame.filter_seq(mask).map_err(Into::into),
        }
    }
}
