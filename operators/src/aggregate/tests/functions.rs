//! Every aggregate over every type.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::Expr;
use quokka_engine::expr::prelude::{NULL, RoundMode, all, col, len, lit, when};

use super::super::AggregatePlan;
use super::{RUNS, Run, all_types, assert_same, check, check_runs, execute, execute_sorted, oracle};

const NUMBERS: [&str; 13] =
    ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "special", "boolean", "nothing"];
const TIMES: [&str; 5] = ["date", "datetime", "zoned", "duration", "time"];
const TEXTS: [&str; 3] = ["string", "binary", "enumeration"];

fn frame() -> DataFrame {
    let mut frame = all_types(400);
    frame.with_column(Column::full_null("nothing".into(), 400, &DataType::Int64)).unwrap();
    frame
}

/// Checks `function` over columns, with keys of 0, 1 and 2 columns.
fn over(columns: &[&[&str]], function: impl Fn(Expr) -> Expr) {
    let columns = columns.concat();
    assert!(!columns.is_empty());
    let aggs: Vec<Expr> = columns.iter().map(|name| function(col(*name)).alias(format!("of {name}"))).collect();
    for keys in [vec![], vec![col("i64")], vec![col("string"), col("u8")]] {
        check(&keys, &aggs, &frame());
    }
}

/// Like [`over`], for functions that mind the order of rows: one worker.
fn over_in_order(columns: &[&[&str]], function: impl Fn(Expr) -> Expr) {
    let columns = columns.concat();
    let aggs: Vec<Expr> = columns.iter().map(|name| function(col(*name)).alias(format!("of {name}"))).collect();
    for keys in [vec![], vec![col("i64")], vec![col("string"), col("u8")]] {
        check_runs(&keys, &aggs, &frame(), &RUNS[..2]);
    }
}

#[test]
fn sum() {
    over(&[&NUMBERS, &["duration", "decimal", "wide"]], Expr::sum);
}

#[test]
fn min_and_max() {
    over(&[&NUMBERS, &TIMES, &TEXTS, &["decimal", "wide", "category", "i128", "u128"]], Expr::min);
    over(&[&NUMBERS, &TIMES, &TEXTS, &["decimal", "wide", "category", "i128", "u128"]], Expr::max);
}

#[test]
fn min_and_max_that_propagate_nans() {
    let frame = frame();
    for name in ["special", "f64"] {
        let nans = || col(name).is_nan().any(true);
        let nan = || lit(f64::NAN);
        // Polars' own is not part of every build.
        let expected = [
            when(nans()).then(nan()).otherwise(col(name).min()).alias("min"),
            when(nans()).then(nan()).otherwise(col(name).max()).alias("max"),
        ];
        let aggs = [col(name).nan_min().alias("min"), col(name).nan_max().alias("max")];
        for keys in [vec![], vec![col("i16")]] {
            let expected = oracle(&keys, &expected, &frame).unwrap();
            let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
            for run in RUNS {
                assert_same(&execute(&plan, &frame, run).unwrap(), &expected, keys.len(), name);
            }
        }
    }
}

#[test]
fn mean() {
    over(&[&NUMBERS, &TIMES], Expr::mean);
}

#[test]
fn mean_of_decimals() {
    let frame = frame();
    let rounded =
        |name: &str, digits| col(name).cast(DataType::Float64).mean().round(digits, RoundMode::HalfAwayFromZero);
    for keys in [vec![], vec![col("i64")]] {
        let expected = [rounded("decimal", 8), rounded("wide", 10)];
        let expected = oracle(&keys, &expected, &frame).unwrap();
        let decimals = AggregatePlan::new(&keys, &[col("decimal").mean(), col("wide").mean()], frame.schema()).unwrap();
        assert_eq!(decimals.output_schema().get("decimal"), Some(&DataType::Decimal(38, 8)));
        let aggs = ["decimal", "wide"].map(|name| col(name).mean().cast(DataType::Float64));
        let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        assert!(plan.two_phase());
        for run in RUNS {
            assert_same(&execute(&plan, &frame, run).unwrap(), &expected, keys.len(), "mean of decimals");
        }
    }
}

#[test]
fn variance_and_deviation() {
    let finite: Vec<&str> = NUMBERS.into_iter().filter(|name| *name != "special").collect();
    over(&[&finite, &["decimal"]], |column| column.var(1));
    over(&[&finite, &["decimal"]], |column| column.std(0));
    over(&[&["duration"]], |column| column.std(1));
}

#[test]
fn counts() {
    let all = [&NUMBERS[..], &TIMES, &TEXTS, &["category", "decimal", "structure", "list", "array", "i128", "u128"]];
    over(&all, Expr::count);
    over(&all, Expr::len);
    over(&all, Expr::null_count);
}

#[test]
fn first_and_last() {
    let all =
        [&NUMBERS[..], &TIMES, &TEXTS, &["category", "decimal", "wide", "structure", "list", "array", "i128", "u128"]];
    over_in_order(&all, Expr::first);
    over_in_order(&all, Expr::last);
}

#[test]
fn first_and_last_after_a_sort() {
    let frame = frame();
    let columns = ["i32", "string", "boolean", "decimal", "list", "nothing"];
    let first = columns.map(|name| col(name).first().alias(format!("first {name}")));
    let aggs: Vec<Expr> = first.into_iter().chain(columns.map(|name| col(name).last())).collect();
    for keys in [vec![], vec![col("i64")], vec![col("string").alias("k"), col("u8")]] {
        let expected = oracle(&keys, &aggs, &frame).unwrap();
        let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        assert!(plan.two_phase());
        for run in RUNS {
            assert_same(&execute_sorted(&plan, &frame, run).unwrap(), &expected, keys.len(), "sorted");
        }
    }
}

#[test]
fn any_and_all() {
    let predicates = [col("boolean"), col("i8").gt(lit(0)), col("u8").lt(lit(100)), col("nothing").eq(lit(1))];
    for ignore_nulls in [true, false] {
        let any = predicates.iter().enumerate();
        let any = any.map(|(i, predicate)| predicate.clone().any(ignore_nulls).alias(format!("any {i}")));
        let all = predicates.iter().enumerate();
        let all = all.map(|(i, predicate)| predicate.clone().all(ignore_nulls).alias(format!("all {i}")));
        let aggs: Vec<Expr> = any.chain(all).collect();
        for keys in [vec![], vec![col("i64")], vec![col("i32")]] {
            check(&keys, &aggs, &frame());
        }
    }
}

#[test]
fn whole_groups() {
    over(&[&NUMBERS, &TIMES, &TEXTS], Expr::n_unique);
    over(&[&["i8", "u32", "f64", "duration", "decimal"]], Expr::median);
    over(&[&["i32", "f32"]], |column| column.quantile(lit(0.3), QuantileMethod::Linear));
    over_in_order(&[&["i32", "string", "date"]], |column| {
        column.sort_by([col("datetime")], SortMultipleOptions::default()).first()
    });
    let keys = [col("i64")];
    check_runs(&keys, &[col("i8").implode(true), col("string"), col("f64").head(Some(2)), len()], &frame(), &RUNS[..2]);
    check(&keys, &[(col("i8") - col("i8").mean()).abs().sum(), col("u8").cum_sum(false).max()], &frame());
}

#[test]
fn expressions_over_aggregates() {
    let aggs = [
        (lit(100) * col("i32").sum() / col("i64").sum()).alias("ratio"),
        (col("i32").cast(DataType::Float64) * col("f64")).sum().alias("product"),
        (col("i32").max() - col("i32").min()).alias("range"),
        when(len().gt(lit(3))).then(col("string").max()).otherwise(lit("few")).alias("conditional"),
        col("i32").mean().round(1, RoundMode::HalfToEven).fill_null(lit(0)).alias("rounded"),
        (col("i8").mean() + col("i8").sum() + col("i8").count() + col("i8").mean()).alias("shared"),
        col("i64").sum().cast(DataType::String).alias("text"),
        lit(1).alias("constant"),
        col("f64").sum().is_in(lit(Series::new("".into(), [0.0, 1.0])).implode(true), false).alias("member"),
    ];
    for keys in [vec![], vec![col("u32")], vec![(col("i64") % lit(3)).alias("rest"), col("date")]] {
        check(&keys, &aggs, &frame());
    }
}

#[test]
fn filtered_aggregates() {
    let positive = || col("i32").gt(lit(0));
    let aggs = [
        col("i32").filter(positive()).sum().alias("sum"),
        col("i64").filter(positive()).mean().alias("mean"),
        col("f64").filter(col("boolean")).max().alias("max"),
        col("i32").filter(positive()).count().alias("count"),
        col("string").filter(positive()).len().alias("len"),
        col("boolean").filter(positive()).any(true).alias("any"),
        col("i16").filter(positive()).std(1).alias("std"),
    ];
    for keys in [vec![], vec![col("u8")]] {
        check(&keys, &aggs, &frame());
        assert!(AggregatePlan::new(&keys, &aggs, frame().schema()).unwrap().two_phase());
    }
    let aggs = [
        col("i32").filter(positive()).null_count(),
        col("boolean").filter(positive()).all(false),
        col("string").filter(col("i32").eq(col("i32").max())).first(),
    ];
    check_runs(&[col("u8")], &aggs, &frame(), &RUNS[..2]);
}

#[test]
fn equal_parts_are_computed_once() {
    let frame = frame();
    let aggs = [
        col("f64").sum(),
        col("f64").mean().alias("mean"),
        col("f64").count().alias("count"),
        (col("f64").sum() / col("f64").count()).alias("again"),
    ];
    let plan = AggregatePlan::new(&[col("u8")], &aggs, frame.schema()).unwrap();
    assert_eq!(plan.exchanged_schema().len(), 1 + 2);
}

#[test]
fn internal_names_give_way_to_keys() {
    let frame = df!("sum(0)" => [1, 1, 2], "input(0)" => [1, 1, 1], "aggregate(0)" => [3, 3, 3]).unwrap();
    let keys = [col("sum(0)"), col("input(0)"), col("aggregate(0)")];
    check(&keys, &[(col("sum(0)") + lit(1)).sum().alias("value")], &frame);
    check(&keys, &[(col("sum(0)") + lit(1)).median().alias("value")], &frame);
}

#[test]
fn a_key_may_hide_a_column() {
    let frame = df!("a" => [1, 2, 3, 4, 5], "b" => [1, 1, 2, 2, 2]).unwrap();
    let keys = [(col("a") % lit(2)).alias("a"), col("b")];
    check(&keys, &[(col("a") + lit(0)).sum().alias("sum"), col("b").max().alias("max")], &frame);
    check(&keys, &[(col("a") + lit(0)).median().alias("median"), col("b").n_unique().alias("n")], &frame);
}

#[test]
fn wildcards_leave_out_the_keys() {
    let frame = df!("a" => [1, 2, 3], "b" => [1, 1, 2], "c" => [1.0, 2.0, 3.0]).unwrap();
    check(&[col("b")], &[all().as_expr().sum()], &frame);
    check(&[col("b")], &[all().as_expr().median()], &frame);
    check(&[col("b")], &[(all().as_expr() * col("b")).sum()], &frame);
    check(&[], &[all().as_expr().max().name().suffix("_max")], &frame);
}

#[test]
fn integer_sums_wrap_around() {
    let frame = df!("k" => [1, 1], "a" => [i64::MAX, 5], "b" => [i32::MAX, 7], "c" => [u32::MAX, 9]).unwrap();
    check(&[col("k")], &[col("a").sum(), col("b").sum(), col("c").sum()], &frame);
}

#[test]
fn decimal_sums_are_exact_or_fail() {
    let values = Series::new("v".into(), vec![i64::MAX; 1000]).cast(&DataType::Decimal(38, 0)).unwrap();
    let large = Series::new("w".into(), vec![10i64; 1000]).cast(&DataType::Decimal(38, 36)).unwrap();
    let frame = DataFrame::new(1000, vec![values.into_column(), large.into_column()]).unwrap();
    let plan = AggregatePlan::new(&[], &[col("v").sum()], frame.schema()).unwrap();
    let sum = execute(&plan, &frame, RUNS[2]).unwrap();
    let exact = sum.column("v").unwrap().decimal().unwrap().physical().get(0);
    assert_eq!(exact, Some(i128::from(i64::MAX) * 1000));

    for keys in [vec![], vec![lit(1).alias("k")]] {
        let plan = AggregatePlan::new(&keys, &[col("w").sum()], frame.schema()).unwrap();
        for run in RUNS {
            assert_eq!(execute(&plan, &frame, run).unwrap_err().kind(), ErrorKind::Overflow);
        }
    }
}

#[test]
fn no_rows() {
    let empty = frame().clear();
    let simple = [
        col("i8").sum(),
        col("f64").mean(),
        col("decimal").sum().alias("d"),
        col("string").min(),
        col("i32").max(),
        col("date").first(),
        col("time").last(),
        col("boolean").any(true),
        col("u8").std(1),
        col("u16").count(),
        len(),
        lit(3).alias("constant"),
    ];
    let whole = [col("i8").median(), col("string").n_unique()];
    for run in RUNS {
        check_runs(&[], &simple, &empty, &[run]);
        check_runs(&[col("u32")], &simple, &empty, &[run]);
        check_runs(&[], &whole, &empty, &[run]);
        check_runs(&[col("u32")], &whole, &empty, &[run]);
    }
}

#[test]
fn no_aggregates() {
    check(&[col("u8"), col("boolean")], &[], &frame());
    check(&[col("u8")], &[lit(NULL).alias("null"), lit("x").alias("text")], &frame());
}

#[test]
fn columns_without_a_type() {
    let frame = df!("k" => [1, 1, 2]).unwrap();
    let mut frame = frame;
    frame.with_column(Column::full_null("nulls".into(), 3, &DataType::Null)).unwrap();
    check(&[col("k")], &[col("nulls").count(), col("nulls").first().alias("first")], &frame);
    check(&[col("nulls")], &[col("k").sum()], &frame);
}

#[test]
fn mistakes_are_told_when_the_query_is_planned() {
    let schema = frame().schema().clone();
    let kind = |keys: &[Expr], aggs: &[Expr]| AggregatePlan::new(keys, aggs, &schema).err().unwrap().kind();
    assert_eq!(kind(&[col("absent")], &[]), ErrorKind::InvalidQuery);
    assert_eq!(kind(&[col("i8")], &[col("absent").sum()]), ErrorKind::InvalidQuery);
    assert_eq!(kind(&[col("i8")], &[col("string").sum()]), ErrorKind::InvalidQuery);
    assert_eq!(kind(&[col("i8")], &[col("i8")]), ErrorKind::InvalidQuery);
    assert_eq!(kind(&[col("i8")], &[col("u8").sum(), col("u8").max()]), ErrorKind::InvalidQuery);
    assert_eq!(kind(&[col("i8").cum_sum(false)], &[len()]), ErrorKind::InvalidQuery);
}

#[test]
fn failing_expressions_fail_the_query() {
    let frame = df!("k" => [1, 1, 2], "s" => ["1", "x", "3"]).unwrap();
    let strict = col("s").strict_cast(DataType::Int64);
    for agg in [strict.clone().sum(), strict.median()] {
        let plan = AggregatePlan::new(&[col("k")], std::slice::from_ref(&agg), frame.schema()).unwrap();
        assert!(oracle(&[col("k")], &[agg], &frame).is_err());
        let run = Run { workers: 1, ..RUNS[0] };
        assert_eq!(execute(&plan, &frame, run).unwrap_err().kind(), ErrorKind::Compute);
    }
}
