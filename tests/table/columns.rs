//! `clip`, `with_column_fn`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars_lazy::frame::IntoLazy;
use quokka::prelude::*;

use super::{check_tables, message};
use crate::support::{Rows, context, numbers};

#[test]
fn values_are_clipped() {
    check_tables(
        Rows::AnyOrder,
        |t| t.clip([("value", lit(-10), lit(10)), ("real", col("id"), lit(NULL)), ("key", lit(NULL), lit(5))]),
        |t| {
            t.with_columns([
                col("value").clip(lit(-10), lit(10)),
                col("real").clip_min(col("id")),
                col("key").clip_max(lit(5)),
            ])
        },
    );
    let decimals = numbers().lazy().with_columns([col("value").cast(DataType::Decimal(9, 2))]);
    let frame = decimals.collect().unwrap();
    let clipped = context().from_df(frame.clone()).clip([("value", lit(-10), lit(10))]).collect().unwrap();
    assert_eq!(clipped.schema(), frame.schema());
    assert!(message(|t| t.clip([("nowhere", lit(1), lit(2))])).contains("unknown column `nowhere` in `clip`"));
}

/// `id + value`, by a function.
fn sum(stream: DataStream) -> DataStream {
    stream.with_column_fn("sum", ["id", "value"], DataType::Int64, |batch| -> Result<_, UserError> {
        let (ids, values) = (batch.column("id")?.i64()?, batch.column("value")?.i32()?);
        let sum = |(id, value): (Option<i64>, Option<i32>)| Some(id? + i64::from(value?));
        Ok(ids.iter().zip(values.iter()).map(sum).collect::<Series>())
    })
}

#[test]
fn a_function_computes_a_column() {
    check_tables(Rows::AnyOrder, sum, |t| t.with_columns([(col("id") + col("value")).alias("sum")]));
    check_tables(
        Rows::AnyOrder,
        |t| sum(t).filter(col("sum").gt(lit(40)).and(col("flag"))).select([col("sum"), col("text")]),
        |t| {
            t.with_columns([(col("id") + col("value")).alias("sum")])
                .filter(col("sum").gt(lit(40)).and(col("flag")))
                .select([col("sum"), col("text")])
        },
    );
    check_tables(
        Rows::AnyOrder,
        |t| {
            sum(t.with_columns([lit(7).alias("value"), lit(1).cast(DataType::Int64).alias("id")]))
                .group_by([col("sum")])
                .agg([len()])
        },
        |t| t.with_columns([lit(8).cast(DataType::Int64).alias("sum")]).group_by([col("sum")]).agg([len()]),
    );
}

#[test]
fn a_function_of_polars_computes_a_column() {
    let doubled = || col("id").map(|column| Ok(&column * 2), |_, field| Ok(field.clone()));
    check_tables(
        Rows::AnyOrder,
        |t| t.with_columns([doubled().alias("twice")]).filter(col("twice").gt(lit(20)).and(col("flag"))),
        |t| t.with_columns([(col("id") * lit(2)).alias("twice")]).filter(col("twice").gt(lit(20)).and(col("flag"))),
    );
    let total = apply_multiple(
        |columns| Ok(Column::new_scalar("total".into(), columns[0].sum_reduce()?, 1)),
        [col("id")],
        |_, fields| Ok(fields[0].clone()),
        true,
    );
    check_tables(
        Rows::AnyOrder,
        |t| t.group_by([col("flag")]).agg([total.clone().alias("sum")]),
        |t| t.group_by([col("flag")]).agg([col("id").sum().alias("sum")]),
    );
}

#[test]
fn the_optimizer_knows_what_a_function_reads() {
    let stream = context().from_df(numbers());
    let filtered = sum(stream.clone()).filter(col("flag")).select([col("sum")]);
    let explained = filtered.explain().unwrap();
    assert!(explained.contains("columns=2/6"), "{explained}");
    assert!(explained.contains("where col(\"flag\")"), "{explained}");
    // What nothing needs is not called.
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let called = stream.with_column_fn("x", ["id"], DataType::Int64, move |batch| {
        counter.fetch_add(1, Ordering::Relaxed);
        batch.column("id").cloned()
    });
    assert_eq!(called.clone().select([col("text")]).collect().unwrap().height(), 200);
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    called.collect().unwrap();
    assert!(calls.load(Ordering::Relaxed) > 0);
}

#[test]
fn functions_that_do_not_keep_their_word_fail() {
    let stream = || context().from_df(numbers());
    let short = stream()
        .with_column_fn("x", ["id"], DataType::Int64, |batch| batch.column("id").map(|column| column.head(Some(1))));
    let report = short.collect().unwrap_err().report();
    assert!(report.contains("x") && report.contains("values"), "{report}");
    let wrong = stream().with_column_fn("x", ["id"], DataType::String, |batch| batch.column("id").cloned());
    let report = wrong.collect().unwrap_err().report();
    assert!(report.contains("i64") && report.contains("str"), "{report}");
    let fails = stream().with_column_fn("x", ["id"], DataType::Int64, |_| Err::<Series, _>("no luck"));
    assert!(fails.collect().unwrap_err().report().contains("no luck"));
    let panics = stream().with_column_fn("x", ["id"], DataType::Int64, |batch| {
        assert!(batch.height() > 1_000, "too few rows");
        batch.column("id").cloned()
    });
    assert!(panics.collect().unwrap_err().report().contains("too few rows"));
    let made = |inputs: Vec<&'static str>| {
        message(move |t| t.with_column_fn("x", inputs.clone(), DataType::Int64, |batch| batch.column("id").cloned()))
    };
    assert_eq!(made(vec![]), "`with_column_fn`: the function has no inputs: name at least one column");
    assert!(made(vec!["idd"]).contains("unknown column `idd` in `with_column_fn`: did you mean `id`?"));
}
