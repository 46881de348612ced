//! Matrices of pairs of columns, on every setting.

use quokka::prelude::*;

use crate::support::{context, setting, settings};

const NAMES: [&str; 4] = ["small", "large", "whole", "money"];

/// Columns around very different means, with some nulls.
fn frame(rows: i64) -> DataFrame {
    let mixed = |row: i64, by: i64| ((row * by) % 1009) as f64 / 1009.0;
    let mut frame = df!(
        "small" => (0..rows).map(|row| (row % 17 > 0).then(|| mixed(row, 331))).collect::<Vec<_>>(),
        "large" => (0..rows).map(|row| 1e9 + mixed(row, 331) + mixed(row, 577)).collect::<Vec<_>>(),
        "whole" => (0..rows).map(|row| (row % 29 > 0).then_some(row * 77 % 101)).collect::<Vec<_>>(),
        "money" => (0..rows).map(|row| row * 13 % 1000).collect::<Vec<_>>(),
        "text" => (0..rows).map(|row| row.to_string()).collect::<Vec<_>>(),
    )
    .unwrap();
    let money = frame.column("money").unwrap().cast(&DataType::Decimal(9, 2)).unwrap();
    frame.with_column(money).unwrap();
    frame
}

/// The rows without nulls.
fn values(frame: &DataFrame) -> Vec<[f64; 4]> {
    let columns = NAMES.map(|name| frame.column(name).unwrap().cast(&DataType::Float64).unwrap());
    let row = |row| {
        let values = [0, 1, 2, 3].map(|at| columns[at].f64().unwrap().get(row));
        values.iter().all(Option::is_some).then(|| values.map(Option::unwrap))
    };
    (0..frame.height()).filter_map(row).collect()
}

/// Sums of products in two passes.
fn sums(values: &[[f64; 4]], demean: bool) -> [[f64; 4]; 4] {
    let mean = |at: usize| {
        if demean { values.iter().map(|row| row[at]).sum::<f64>() / values.len() as f64 } else { 0.0 }
    };
    let means = [0, 1, 2, 3].map(mean);
    let sum = |one: usize, other: usize| {
        values.iter().map(|row| (row[one] - means[one]) * (row[other] - means[other])).sum::<f64>()
    };
    [0, 1, 2, 3].map(|one| [0, 1, 2, 3].map(|other| sum(one, other)))
}

/// Compares a matrix with the expected one, whose errors are small beside `scale`.
fn check(rows: i64, query: impl Fn(DataStream) -> DataStream, expected: [[f64; 4]; 4], scale: [[f64; 4]; 4]) {
    let frame = frame(rows);
    for index in 0..settings() {
        let (setting, context) = setting(index);
        let stream = query(context.from_df(frame.clone()));
        let schema = stream.schema().unwrap();
        let matrix = stream.collect().unwrap();
        assert_eq!(schema.as_ref(), matrix.schema().as_ref(), "{setting}");
        let names: Vec<_> = matrix.column("column").unwrap().str().unwrap().iter().flatten().collect();
        assert_eq!(names, NAMES, "{setting}");
        for (one, name) in NAMES.iter().enumerate() {
            for other in 0..4 {
                let actual = matrix.column(name).unwrap().f64().unwrap().get(other).unwrap();
                let expected = expected[one][other];
                let error = (actual - expected).abs();
                assert!(
                    error <= 1e-6 * scale[one][other],
                    "{setting}: {name} and {}: {actual}, not {expected}",
                    NAMES[other]
                );
            }
        }
    }
}

/// What errors of the sums are measured by.
fn scale(sums: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
    [0, 1, 2, 3].map(|one| [0, 1, 2, 3].map(|other| (sums[one][one] * sums[other][other]).sqrt()))
}

#[test]
fn covariance() {
    let values = values(&frame(1500));
    let sums = sums(&values, true);
    for ddof in [0, 1] {
        let freedom = values.len() as f64 - f64::from(ddof);
        let expected = sums.map(|row| row.map(|sum| sum / freedom));
        check(1500, |t| t.covariance(cols(NAMES), ddof), expected, scale(expected));
    }
}

#[test]
fn correlation() {
    let sums = sums(&values(&frame(1500)), true);
    let scale = scale(sums);
    let expected = [0, 1, 2, 3].map(|one| [0, 1, 2, 3].map(|other| sums[one][other] / scale[one][other]));
    check(1500, |t| t.correlation(cols(NAMES)), expected, [[1.0; 4]; 4]);
}

#[test]
fn gramian() {
    let values = values(&frame(700));
    for demean in [false, true] {
        let sums = sums(&values, demean);
        check(700, |t| t.gramian(cols(NAMES), demean), sums, scale(sums));
    }
}

#[test]
fn after_and_before_other_operations() {
    let stream = context().from_df(df!("a" => [1, 2, 9], "b" => [3, 4, 0]).unwrap());
    let matrix = stream.filter(col("b").gt(lit(0))).with_column((col("a") + col("b")).alias("c"));
    let matrix = matrix.gramian(cols(["c", "a"]), false).filter(col("column").eq(lit("a"))).select([col("c")]);
    assert_eq!(matrix.collect().unwrap(), df!("c" => [16.0]).unwrap());
}

#[test]
fn few_rows() {
    let none = || context().from_df(df!("a" => [1.0], "b" => [2.0]).unwrap().slice(0, 0));
    let names = ["a", "b"];
    let zeros = df!("column" => names, "a" => [0.0, 0.0], "b" => [0.0, 0.0]).unwrap();
    assert_eq!(none().gramian(all(), false).collect().unwrap(), zeros);
    let nulls = [None::<f64>; 2];
    let nulls = df!("column" => names, "a" => nulls, "b" => nulls).unwrap();
    assert!(none().covariance(all(), 0).collect().unwrap().equals_missing(&nulls));
    assert!(none().correlation(all()).collect().unwrap().equals_missing(&nulls));
    let one = context().from_df(df!("a" => [Some(1.0), Some(5.0)], "b" => [Some(2.0), None]).unwrap());
    assert!(one.clone().covariance(all(), 1).collect().unwrap().equals_missing(&nulls));
    assert_eq!(one.covariance(all(), 0).collect().unwrap(), zeros);
}

#[test]
fn what_is_refused() {
    let stream = || context().from_df(df!("text" => ["x"], "column" => [1], "n" => [1]).unwrap());
    let refused = |stream: DataStream, reason: &str| {
        let error = stream.collect().unwrap_err().report();
        assert!(error.contains(reason), "{error}");
    };
    refused(stream().covariance(cols(["text"]), 1), "must be a number");
    refused(stream().gramian(cols(["n", "column"]), false), "two columns named `column`");
    refused(stream().correlation(cols(["missing"])), "missing");
    refused(stream().correlation(all() - all()), "select some");
}
