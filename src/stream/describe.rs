//! A summary of every column.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{AnyValue, Column, DataType, Field, IntoColumn, NamedFrom, PlSmallStr, Schema, SchemaRef};
use polars_core::series::Series;
use quokka_engine::expr::prelude::{Expr, QuantileMethod};

use super::DataStream;
use crate::error::PlanError;
use crate::plan::logical::LogicalPlan;
use crate::user::{BatchFunction, MapOptions, UserError};

const METHOD: &str = "describe";
/// The column that names the statistics.
const STATISTIC: &str = "statistic";

impl DataStream {
    /// A summary of every column, one row for each statistic: the number of values, that of nulls, mean, standard
    /// deviation, least value, `percentiles` (numbers from 0 to 1), greatest value. Columns of numbers and booleans become
    /// floats, others strings; a statistic that a type has not is null. The frame is that of Polars' `describe`.
    ///
    /// Blocks. Without percentiles each worker holds one partial result; with some, one worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), Some(3), None], "b" => ["x", "y", "z"]).unwrap());
    /// let summary = stream.describe([0.5]).collect()?;
    /// let expected = df!(
    ///     "statistic" => ["count", "null_count", "mean", "std", "min", "50%", "max"],
    ///     "a" => [2.0, 1.0, 2.0, 2.0f64.sqrt(), 1.0, 3.0, 3.0],
    ///     "b" => [Some("3"), Some("0"), None, None, Some("x"), None, Some("z")],
    /// );
    /// assert_eq!(summary, expected.unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A percentile outside of 0 to 1, and a stream without columns.
    pub fn describe(self, percentiles: impl AsRef<[f64]>) -> Self {
        self.then(|plan| describe(plan, percentiles.as_ref()))
    }
}

fn describe(plan: LogicalPlan, percentiles: &[f64]) -> Result<LogicalPlan, PlanError> {
    let columns = plan.schema().clone();
    if columns.is_empty() {
        return Err(PlanError::argument(METHOD, "the stream has no columns"));
    }
    if let Some(percentile) = percentiles.iter().find(|percentile| !(0.0..=1.0).contains(*percentile)) {
        return Err(PlanError::argument(METHOD, format!("percentile {percentile} is not between 0 and 1")));
    }
    let statistics = statistics(percentiles);
    let mut exprs = Vec::new();
    let mut fields = vec![Field::new(STATISTIC.into(), DataType::String)];
    for (index, (name, dtype)) in columns.iter().enumerate() {
        let becomes = if is_numeric(dtype) { DataType::Float64 } else { DataType::String };
        for (row, (_, statistic)) in statistics.iter().enumerate() {
            if let Some(value) = statistic.of(name, dtype) {
                exprs.push(value.cast(becomes.clone()).alias(cell(index, row)));
            }
        }
        if *name == STATISTIC {
            return Err(PlanError::DuplicateColumn { column: name.to_string(), method: METHOD });
        }
        fields.push(Field::new(name.clone(), becomes));
    }
    let schema: SchemaRef = Arc::new(Schema::from_iter(fields));
    let names: Vec<String> = statistics.into_iter().map(|(name, _)| name).collect();
    let options = MapOptions::default().name(METHOD);
    let summary = BatchFunction::new(schema.clone(), &options, move |cells| summary(&cells, &names, &schema));
    plan.select(&exprs, METHOD)?.map_batches(summary, None)
}

/// What a row of the summary tells of a column.
#[derive(Clone, Copy)]
enum Statistic {
    Count,
    NullCount,
    Mean,
    Std,
    Min,
    Percentile(f64),
    Max,
}

/// All statistics with their names, in order.
fn statistics(percentiles: &[f64]) -> Vec<(String, Statistic)> {
    // Without the noise of a multiplication, `28.999999999999996`.
    let percent = |percentile: f64| (percentile * 1e8).round() / 1e6;
    let before = [("count", Statistic::Count), ("null_count", Statistic::NullCount), ("mean", Statistic::Mean)];
    let before = before.into_iter().chain([("std", Statistic::Std), ("min", Statistic::Min)]);
    let percentiles = percentiles.iter().map(|p| (format!("{}%", percent(*p)), Statistic::Percentile(*p)));
    let before = before.map(|(name, statistic)| (name.to_string(), statistic));
    before.chain(percentiles).chain([("max".to_string(), Statistic::Max)]).collect()
}

fn is_numeric(dtype: &DataType) -> bool {
    dtype.is_numeric() || dtype.is_bool()
}

impl Statistic {
    /// The value for the column `name`, if columns of that type have one.
    fn of(self, name: &PlSmallStr, dtype: &DataType) -> Option<Expr> {
        let column = Expr::Column(name.clone());
        let (is_number, is_time) = (dtype.is_numeric(), dtype.is_temporal());
        let has_extremes = !dtype.is_nested()
            && !matches!(dtype, DataType::Categorical(..) | DataType::Enum(..) | DataType::Null | DataType::Binary);
        match self {
            Statistic::Count => Some(column.count()),
            Statistic::NullCount => Some(column.null_count()),
            Statistic::Mean => (is_numeric(dtype) || is_time).then(|| column.mean()),
            Statistic::Std => is_number.then(|| column.std(1)),
            Statistic::Min => has_extremes.then(|| column.min()),
            Statistic::Max => has_extremes.then(|| column.max()),
            Statistic::Percentile(percentile) => {
                let of = |column: Expr| column.quantile(percentile.into(), QuantileMethod::Nearest);
                if is_number {
                    Some(of(column.cast(DataType::Float64)))
                } else if is_time {
                    Some(of(column.to_physical()).cast(DataType::Int64).cast(dtype.clone()))
                } else {
                    None
                }
            },
        }
    }
}

/// The name of a value before it is put in its place.
fn cell(column: usize, row: usize) -> String {
    format!("{column}:{row}")
}

/// The summary, of its values in one row.
fn summary(cells: &DataFrame, statistics: &[String], schema: &Schema) -> Result<DataFrame, UserError> {
    let mut columns: Vec<Column> = vec![Series::new(STATISTIC.into(), statistics).into_column()];
    for (index, (name, dtype)) in schema.iter().skip(1).enumerate() {
        let value = |row: usize| match cells.column(&cell(index, row)) {
            Ok(value) => value.get(0).map(AnyValue::into_static),
            Err(_) => Ok(AnyValue::Null),
        };
        let values = (0..statistics.len()).map(value).collect::<Result<Vec<_>, _>>()?;
        columns.push(Series::from_any_values_and_dtype(name.clone(), &values, dtype, true)?.into_column());
    }
    Ok(DataFrame::new(statistics.len(), columns)?)
}
