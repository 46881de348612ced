//! User functions that misbehave, numbers that do not fit and files that are not what they should be: a typed error that
//! says where, and workers that go on.

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Folder, numbers};

/// Runs a query that must fail, and then one that must not, on the same workers.
fn fails(query: impl Fn(DataStream) -> DataStream) -> quokka::Error {
    let context = Context::builder().workers(2).build().unwrap();
    let error = query(context.from_df(numbers())).collect().unwrap_err();
    assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
    error
}

fn decimals(texts: [&str; 2]) -> DataFrame {
    let column = |name: &str, text: &str| {
        let series = Series::new(name.into(), [text]);
        series.cast(&DataType::Decimal(38, 2)).unwrap().into_column()
    };
    DataFrame::new(1, vec![column("a", texts[0]), column("b", texts[1])]).unwrap()
}

fn computing(frame: DataFrame, expr: Expr) -> quokka::Error {
    let context = Context::builder().workers(1).build().unwrap();
    context.from_df(frame).select([expr]).collect().unwrap_err()
}

#[test]
fn a_function_that_panics() {
    let error = fails(|stream| {
        let bad = col("id").map(|_| panic!("the user's own mistake"), |_, field| Ok(field.clone()));
        stream.with_columns([bad.alias("bad")])
    });
    assert_eq!(error.kind(), ErrorKind::Panic);
    let report = error.report();
    assert!(report.contains("the user's own mistake") && report.contains("worker"), "{report}");
}

#[test]
fn a_function_of_the_wrong_length_or_type() {
    let error = fails(|stream| {
        let short = col("id")
            .map(|column| Ok(column.head(Some(1))).map(|c| c.new_from_index(0, 2)), |_, field| Ok(field.clone()));
        stream.filter(col("id").gt(lit(10))).with_columns([short.alias("short")])
    });
    assert!(error.report().contains("rows"), "{}", error.report());
    let error = fails(|stream| {
        let text = col("id").map(|column| column.cast(&DataType::String), |_, field| Ok(field.clone()));
        stream.with_columns([text.alias("text")])
    });
    let report = error.report();
    assert!(report.contains("str") && report.contains("i64"), "{report}");
}

#[test]
fn numbers_that_do_not_fit() {
    let error = computing(decimals(["1.00", "0.00"]), col("a") / col("b"));
    assert_eq!(error.kind(), ErrorKind::Compute);
    assert!(error.report().contains("zero"), "{}", error.report());
    let most = "999999999999999999999999999999999999.99";
    let error = computing(decimals([most, most]), col("a") + col("b"));
    assert_eq!(error.kind(), ErrorKind::Overflow);
    let error = computing(decimals([most, most]), col("a") * lit(100));
    assert_eq!(error.kind(), ErrorKind::Overflow);
    let large = df!("a" => [1i64, 300]).unwrap();
    let error = computing(large.clone(), col("a").strict_cast(DataType::Int8));
    assert_eq!(error.kind(), ErrorKind::Compute);
    assert!(error.report().contains("300"), "{}", error.report());
    // Polars' own rule for a cast that is not strict, and for integers divided by zero: null.
    let context = Context::builder().workers(1).build().unwrap();
    let nulls = context.from_df(large).select([col("a").cast(DataType::Int8), (col("a") % lit(0)).alias("rest")]);
    let nulls = nulls.collect().unwrap();
    assert_eq!(nulls.column("a").unwrap().null_count(), 1);
    assert_eq!(nulls.column("rest").unwrap().null_count(), 2);
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let context = Context::builder().workers(2).build().unwrap();
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let error_of = |name: &str| {
        let opened = context.read_parquet(path(name));
        opened.and_then(|stream| stream.collect()).map(drop).unwrap_err()
    };
    let error = error_of("nowhere.parquet");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.report().contains("nowhere.parquet"), "{}", error.report());
    std::fs::write(path("text.parquet"), "these are words, and not a table of any kind").unwrap();
    let error = error_of("text.parquet");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.report().contains("text.parquet"), "{}", error.report());
    std::fs::write(path("empty.parquet"), "").unwrap();
    assert!(error_of("empty.parquet").report().contains("empty.parquet"));
}
