//! Matrices of pairs of columns.

use std::sync::Arc;

use polars_core::prelude::{DataType, Field, PlSmallStr, Schema};
use polars_plan::dsl::Selector;
use quokka_engine::expr::prelude::{Expr, col};

use super::DataStream;
use crate::error::PlanError;
use crate::moments::{Final, Matrix, Partial};
use crate::plan::expression::select_columns;
use crate::plan::logical::LogicalPlan;

/// The column that names the rows of a matrix.
const ROW: &str = "column";

/// Each of these makes a matrix of the columns that are selected: one row for each, which the column `column` names, in the
/// order of the columns. Columns are numbers or booleans, taken as 64-bit floats; rows with a null in any of them are left
/// out, and NaN makes NaN.
///
/// All rows are read once. Blocks, and holds a matrix on each worker. As with all sums of floats, the last digits depend on
/// how rows are spread over workers.
impl DataStream {
    /// The covariance of each pair of columns: the sum of the products of their distances from the means, divided by the
    /// number of rows less `ddof`. Null if there are no more than `ddof` rows.
    ///
    /// Means are taken off before anything is multiplied, part by part, so large values with small differences lose no
    /// digits.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3], "b" => [2.0, 4.0, 6.0], "c" => ["x", "y", "z"]).unwrap());
    /// let covariance = stream.covariance(cols(["a", "b"]), 1).collect()?;
    /// assert_eq!(covariance, df!("column" => ["a", "b"], "a" => [1.0, 2.0], "b" => [2.0, 4.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// No column, a column that is no number, one with the name `column`.
    pub fn covariance(self, columns: Selector, ddof: u8) -> Self {
        self.matrix(columns, Matrix::Covariance { ddof }, "covariance")
    }

    /// Pearson's correlation of each pair of columns; NaN for one whose values are all equal. Null without rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1.0, 2.0, 3.0], "b" => [3.0, 2.0, 1.0]).unwrap());
    /// let correlation = stream.correlation(all()).collect()?;
    /// assert_eq!(correlation, df!("column" => ["a", "b"], "a" => [1.0, -1.0], "b" => [-1.0, 1.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`covariance`](Self::covariance).
    pub fn correlation(self, columns: Selector) -> Self {
        self.matrix(columns, Matrix::Correlation, "correlation")
    }

    /// The sum of the products of each pair of columns: of a matrix `X`, whose columns these are, `Xᵀ X`. With `demean`, the
    /// mean of each column is taken off first. Zeros without rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1.0, 2.0], "b" => [3.0, 5.0]).unwrap());
    /// let gramian = stream.gramian(cols(["a", "b"]), false).collect()?;
    /// assert_eq!(gramian, df!("column" => ["a", "b"], "a" => [5.0, 13.0], "b" => [13.0, 34.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`covariance`](Self::covariance).
    pub fn gramian(self, columns: Selector, demean: bool) -> Self {
        self.matrix(columns, Matrix::Gramian { demean }, "gramian")
    }

    fn matrix(self, columns: Selector, matrix: Matrix, method: &'static str) -> Self {
        self.then(|plan| {
            let names = select_columns(&columns, plan.schema(), method)?;
            if names.is_empty() {
                return Err(PlanError::argument(method, "no columns to multiply: select some"));
            }
            let mut schema = Schema::from_iter([Field::new(PlSmallStr::from_static(ROW), DataType::String)]);
            for name in &names {
                let dtype = plan.schema().get(name).cloned().unwrap_or(DataType::Null);
                if !(dtype.is_primitive_numeric() || dtype.is_decimal() || dtype.is_bool()) {
                    let (expression, found) = (name.to_string(), dtype.to_string());
                    return Err(PlanError::Type { expression, method, expected: "a number".into(), found });
                }
                if schema.insert(name.clone(), DataType::Float64).is_some() {
                    return Err(PlanError::DuplicateColumn { column: name.to_string(), method });
                }
            }
            let floats: Vec<Expr> = names.iter().map(|name| col(name.clone()).cast(DataType::Float64)).collect();
            let plan = plan.select(&floats, method)?;
            let plan = LogicalPlan::stateful(vec![plan], Arc::new(Partial { matrix, columns: names.len() }))?;
            LogicalPlan::stateful(vec![plan], Arc::new(Final { matrix, schema: schema.into() }))
        })
    }
}
