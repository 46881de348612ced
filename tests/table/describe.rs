//! `describe`.

use polars_lazy::frame::IntoLazy;
use quokka::prelude::*;

use super::{message, tables};
use crate::support::{Rows, check_against};

/// The summary by Polars, a value at a time.
fn expected(frame: &DataFrame, percentiles: &[f64]) -> DataFrame {
    let value = |expr: Expr, dtype: &DataType| {
        let value = frame.clone().lazy().select([expr.cast(dtype.clone())]).collect().unwrap();
        value.columns()[0].get(0).unwrap().into_static()
    };
    let mut names: Vec<String> = ["count", "null_count", "mean", "std", "min"].map(String::from).to_vec();
    names.extend(percentiles.iter().map(|percentile| format!("{}%", percentile * 100.0)));
    names.push("max".into());
    let mut columns = vec![Series::new("statistic".into(), names).into_column()];
    for column in frame.columns() {
        let this = || col(column.name().clone());
        let dtype = column.dtype();
        let made = if dtype.is_numeric() || dtype.is_bool() { DataType::Float64 } else { DataType::String };
        let null = || AnyValue::Null;
        let mut values = vec![value(this().count(), &made), value(this().null_count(), &made)];
        values.push(if made == DataType::Float64 || dtype.is_temporal() {
            value(this().mean(), &made)
        } else {
            null()
        });
        values.push(if dtype.is_numeric() { value(this().std(1), &made) } else { null() });
        values.push(value(this().min(), &made));
        for percentile in percentiles {
            let quantile = |of: Expr| of.quantile(lit(*percentile), QuantileMethod::Nearest);
            values.push(match dtype {
                DataType::Date => {
                    value(quantile(this().to_physical()).cast(DataType::Int32).cast(DataType::Date), &made)
                },
                dtype if dtype.is_numeric() => value(quantile(this()), &made),
                _ => null(),
            });
        }
        values.push(value(this().max(), &made));
        let values = Series::from_any_values_and_dtype(column.name().clone(), &values, &made, true).unwrap();
        columns.push(values.into_column());
    }
    DataFrame::new(columns[0].len(), columns).unwrap()
}

#[test]
fn every_column_is_summed_up() {
    for table in tables() {
        let table = table.lazy().with_columns([col("id").cast(DataType::Int32).cast(DataType::Date).alias("day")]);
        let table = table.collect().unwrap();
        for percentiles in [&[0.25, 0.5, 0.75][..], &[], &[0.0, 1.0]] {
            let expected = expected(&table, percentiles);
            check_against([&table], Rows::Ordered, |[t]| t.describe(percentiles), &expected);
        }
    }
}

#[test]
fn nested_columns_have_counts_alone() {
    let lists = df!("l" => [Some(Series::new("".into(), [1, 2])), None]).unwrap();
    let expected = df!(
        "statistic" => ["count", "null_count", "mean", "std", "min", "50%", "max"],
        "l" => [Some("1"), Some("1"), None, None, None, None, None],
    );
    check_against([&lists], Rows::Ordered, |[t]| t.describe([0.5]), &expected.unwrap());
}

#[test]
fn what_cannot_be_described() {
    assert_eq!(message(|t| t.describe([1.5])), "`describe`: percentile 1.5 is not between 0 and 1");
    assert_eq!(message(|t| t.select::<[Expr; 0]>([]).describe([])), "`describe`: the stream has no columns");
    assert!(
        message(|t| t.select([col("id").alias("statistic")]).describe([]))
            .starts_with("`describe` produces two columns")
    );
}
