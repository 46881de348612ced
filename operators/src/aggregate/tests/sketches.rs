//! Aggregates from sketches.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::expr::Expr;
use quokka_engine::expr::prelude::{col, len, lit};
use quokka_engine::operator::testing::{Restore, batches};
use quokka_engine::operator::{Output, Progress};

use super::super::AggregatePlan;
use super::{RUNS, Run, all_types, assert_same, context, execute, oracle};
use crate::sketch::{ApproximateExpr, QuantileOptions, approximate_quantile, approximate_quantiles};

const ORDERED: [&str; 19] = [
    "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "special", "date", "datetime", "zoned",
    "duration", "time", "decimal", "wide", "nothing",
];
const HASHED: [&str; 9] = ["string", "binary", "category", "enumeration", "structure", "list", "array", "i128", "u128"];
const AT: [f64; 5] = [0.0, 0.1, 0.5, 0.9, 1.0];

/// As many rows as sketches hold as they are.
fn frame() -> DataFrame {
    let mut frame = all_types(260);
    frame.with_column(Column::full_null("nothing".into(), 260, &DataType::Int64)).unwrap();
    frame
}

/// The values at the places [`AT`] of the order of `values`, without nulls.
fn exact(values: &Series) -> Series {
    let values = values.drop_nulls().sort(SortOptions::default()).unwrap();
    let places: Vec<Option<IdxSize>> = AT
        .iter()
        .map(|at| (!values.is_empty()).then(|| ((at * values.len() as f64).ceil() as usize).max(1) as IdxSize - 1))
        .collect();
    values.take(&IdxCa::new("".into(), places)).unwrap()
}

/// Exact quantiles as `of {name}` and their list as `all {name}`, for each key.
fn expected(keys: &[Expr], frame: &DataFrame) -> DataFrame {
    let lists: Vec<Expr> =
        ORDERED.iter().map(|name| if keys.is_empty() { col(*name).implode(true) } else { col(*name) }).collect();
    let mut result = oracle(keys, &lists, frame).unwrap();
    for name in ORDERED {
        let groups = result.column(name).unwrap().list().unwrap().clone();
        let lists: Vec<Series> = groups.amortized_iter().map(|group| exact(group.unwrap().as_ref())).collect();
        let mut medians = Series::new_empty("".into(), frame.column(name).unwrap().dtype());
        lists.iter().for_each(|list| _ = medians.append(&list.slice(2, 1)).unwrap());
        result.with_column(medians.with_name(format!("of {name}").into()).into_column()).unwrap();
        let lists = Series::new(format!("all {name}").into(), lists);
        result
            .with_column(
                lists
                    .cast(&DataType::List(Box::new(frame.column(name).unwrap().dtype().clone())))
                    .unwrap()
                    .into_column(),
            )
            .unwrap();
    }
    result.drop_many(ORDERED)
}

#[test]
fn quantiles_of_few_values_are_exact() {
    let frame = frame();
    let aggs: Vec<Expr> = ORDERED
        .iter()
        .flat_map(|name| {
            let median = col(*name).approximate_median().alias(format!("of {name}"));
            [median, col(*name).approximate_quantiles(&AT).alias(format!("all {name}"))]
        })
        .collect();
    for keys in [vec![], vec![col("boolean")], vec![col("string"), col("enumeration")]] {
        let expected = expected(&keys, &frame);
        let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        assert!(plan.two_phase());
        // The same, evaluated by Polars on whole groups.
        let mut with_median = aggs.clone();
        with_median.push(col("f64").median().alias("median"));
        let whole = AggregatePlan::new(&keys, &with_median, frame.schema()).unwrap();
        assert!(!whole.two_phase());
        for run in RUNS {
            let actual = execute(&plan, &frame, run).unwrap();
            assert_same(&actual, &expected, keys.len(), &format!("{keys:?} {run:?}"));
            let actual = execute(&whole, &frame, run).unwrap().drop("median").unwrap();
            assert_same(&actual, &expected, keys.len(), &format!("{keys:?} {run:?} whole"));
        }
    }
}

#[test]
fn quantiles_of_many_values_stay_within_the_bound() {
    let rows = 120_000i64;
    let values: Vec<i64> = (0..rows).map(|row| row * 7919 % rows).collect();
    let keys: Vec<i64> = (0..rows).map(|row| row % 3).collect();
    let frame = df!("k" => keys, "v" => values).unwrap();
    let exact = QuantileOptions::default().rank_error(0.002);
    let aggs = [
        approximate_quantile(col("v"), 0.5, QuantileOptions::default()).alias("rough"),
        approximate_quantiles(col("v"), &AT, exact).alias("fine"),
        col("v").filter(col("v").lt(1000i64)).approximate_median().alias("filtered"),
        (col("v").approximate_quantile(0.75) - col("v").approximate_quantile(0.25)).alias("spread"),
    ];
    for keys in [vec![], vec![col("k")]] {
        let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        assert!(plan.two_phase());
        for (workers, batch_rows) in [(1, 65_536), (1, 1000), (4, 5000)] {
            let run = Run { workers, batch_rows, restore: Restore::Never };
            let actual = execute(&plan, &frame, run).unwrap();
            assert_eq!(actual.height(), if keys.is_empty() { 1 } else { 3 });
            let close = |value: i64, share: f64, bound: f64| {
                let error = (value as f64 / rows as f64 - share).abs();
                assert!(error <= bound, "{value} is off by {error} with {run:?}");
            };
            let number = |name: &str, row| actual.column(name).unwrap().i64().unwrap().get(row).unwrap();
            for row in 0..actual.height() {
                close(number("rough", row), 0.5, 0.01);
                close(number("spread", row), 0.5, 0.02);
                assert!((490..=510).contains(&number("filtered", row)));
                let fine = actual.column("fine").unwrap().list().unwrap().get_as_series(row).unwrap();
                fine.i64().unwrap().iter().zip(AT).for_each(|(value, at)| close(value.unwrap(), at, 0.002));
            }
            // The same rows in the same order: the same result.
            assert_eq!(
                execute(&plan, &frame, run).unwrap().sort(["rough"], Default::default()).unwrap(),
                actual.sort(["rough"], Default::default()).unwrap()
            );
        }
    }
}

#[test]
fn few_distinct_values_are_counted_exactly() {
    let frame = frame();
    let names = [&ORDERED[..], &HASHED, &["boolean"]].concat();
    let aggs = |count: fn(Expr) -> Expr| -> Vec<Expr> {
        names.iter().map(|name| count(col(*name)).alias(format!("of {name}"))).collect()
    };
    for keys in [vec![], vec![col("i64")], vec![col("string"), col("u8")]] {
        let expected = n_unique(&keys, &names, |column| column, &frame);
        let plan = AggregatePlan::new(&keys, &aggs(Expr::approx_n_unique), frame.schema()).unwrap();
        assert!(plan.two_phase());
        for run in RUNS {
            let actual = execute(&plan, &frame, run).unwrap();
            assert_same(&actual, &expected, keys.len(), &format!("{keys:?} {run:?}"));
        }
    }
}

/// The exact numbers of distinct values of columns, as `of {name}`. Polars counts none of arrays or numbers of 128 bits.
fn n_unique(keys: &[Expr], names: &[&str], values: fn(Expr) -> Expr, frame: &DataFrame) -> DataFrame {
    let comparable = |name: &&str| match frame.column(name).unwrap().dtype() {
        DataType::Array(inner, _) => col(*name).cast(DataType::List(inner.clone())),
        DataType::Int128 | DataType::UInt128 => col(*name).cast(DataType::Int64),
        _ => col(*name),
    };
    let counts: Vec<Expr> =
        names.iter().map(|name| values(comparable(name)).n_unique().alias(format!("of {name}"))).collect();
    oracle(keys, &counts, frame).unwrap()
}

#[test]
fn filtered_values_are_counted_without_their_groups() {
    let frame = frame();
    let names = [&ORDERED[..], &HASHED].concat();
    // Drops nulls, keeps nulls, is null itself, keeps all, keeps none.
    let filters: [fn(Expr) -> Expr; 4] = [
        |column| column.filter(col("boolean")),
        |column| column.filter(col("i16").is_null().or(col("u8").gt(lit(3)))),
        |column| column.filter(col("u32").is_not_null().or(lit(true))),
        |column| column.filter(col("u32").gt(lit(1_000_000))),
    ];
    for filter in filters {
        let aggs: Vec<Expr> =
            names.iter().map(|name| filter(col(*name)).approx_n_unique().alias(format!("of {name}"))).collect();
        for keys in [vec![], vec![col("i64")]] {
            let expected = n_unique(&keys, &names, filter, &frame);
            let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
            assert!(plan.two_phase());
            for run in RUNS {
                let actual = execute(&plan, &frame, run).unwrap();
                assert_same(&actual, &expected, keys.len(), &format!("{keys:?} {run:?}"));
            }
        }
    }
}

#[test]
fn estimates_do_not_depend_on_what_else_is_asked_for() {
    let rows = 60_000i64;
    let frame = df!(
        "k" => (0..rows).map(|row| row % 3).collect::<Vec<_>>(),
        "v" => (0..rows).map(|row| row * 1_000_003).collect::<Vec<_>>(),
        "t" => (0..rows).map(|row| format!("text {}", row / 2)).collect::<Vec<_>>(),
    )
    .unwrap();
    let mut frame = frame;
    let price = frame.column("v").unwrap().cast(&DataType::Decimal(18, 2)).unwrap().with_name("d".into());
    frame.with_column(price).unwrap();
    let aggs: Vec<Expr> = ["v", "t", "d"]
        .iter()
        .flat_map(|name| {
            let all = col(*name).filter(col("k").gt_eq(lit(0i64))).approx_n_unique().alias(format!("all {name}"));
            let some = col(*name).filter(col("v").gt(lit(7i64))).approx_n_unique().alias(format!("some {name}"));
            [col(*name).approx_n_unique(), all, some]
        })
        .collect();
    let mut with_median = aggs.clone();
    with_median.push(col("v").median().alias("median"));
    for keys in [vec![], vec![col("k")]] {
        let alone = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        let beside = AggregatePlan::new(&keys, &with_median, frame.schema()).unwrap();
        assert!(alone.two_phase() && !beside.two_phase());
        for (workers, batch_rows) in [(1, 65_536), (3, 5000)] {
            let run = Run { workers, batch_rows, restore: Restore::Never };
            let expected = execute(&alone, &frame, run).unwrap();
            let actual = execute(&beside, &frame, run).unwrap().drop("median").unwrap();
            assert_same(&actual, &expected, keys.len(), &format!("{keys:?} {run:?}"));
            for name in ["v", "t", "d"] {
                let all = expected.column(&format!("all {name}")).unwrap().as_materialized_series();
                assert!(expected.column(name).unwrap().as_materialized_series().equals(all), "{name}");
            }
        }
    }
}

#[test]
fn many_distinct_values_are_estimated_alike_however_rows_come() {
    let rows = 150_000u64;
    let values: Vec<u64> = (0..rows).map(|row| row % 100_000 * 1_000_003).collect();
    let texts: Vec<String> = values.iter().map(|value| format!("text {value}")).collect();
    let keys: Vec<u64> = (0..rows).map(|row| row % 2).collect();
    let frame = df!("k" => keys, "v" => values, "t" => texts).unwrap();
    let aggs = [col("v").approx_n_unique(), col("t").approx_n_unique(), len()];
    for (keys, distinct) in [(vec![], 100_000f64), (vec![col("k")], 50_000.0)] {
        let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        let mut first = None;
        for (workers, batch_rows) in [(1, 65_536), (1, 1000), (3, 5000)] {
            let run = Run { workers, batch_rows, restore: Restore::Never };
            let actual = execute(&plan, &frame, run).unwrap().sort(["v", "t"], Default::default()).unwrap();
            for name in ["v", "t"] {
                for estimate in actual.column(name).unwrap().u32().unwrap().iter() {
                    let error = f64::from(estimate.unwrap()) / distinct - 1.0;
                    assert!(error.abs() < 4.0 * 0.0081, "{name} is off by {error}");
                }
            }
            assert_eq!(first.get_or_insert(actual.clone()), &actual);
        }
    }
}

#[test]
fn what_is_folded_beside_a_median_is_not_held() {
    let rows = 20_000i64;
    let text = |row: i64| format!("a text that takes more memory than a number, {}", row % 500);
    let frame = df!(
        "k" => (0..rows).map(|row| row % 10).collect::<Vec<_>>(),
        "v" => (0..rows).collect::<Vec<_>>(),
        "t" => (0..rows).map(text).collect::<Vec<_>>(),
    )
    .unwrap();
    let aggs = [col("t").approx_n_unique(), col("t").max().alias("last"), len(), col("v").median()];
    for keys in [vec![], vec![col("k")]] {
        let plan = AggregatePlan::new(&keys, &aggs, frame.schema()).unwrap();
        let run = Run { workers: 1, batch_rows: 1000, restore: Restore::Never };
        let exchanged = super::exchange(&plan, vec![batches(&frame, 1000)], run).unwrap();
        let mut operator = plan.after_exchange().create(&context(0, run)).unwrap();
        let mut output = Output::default();
        for batch in exchanged.into_iter().flatten() {
            assert_eq!(operator.on_batch(0, Batch::new(batch, 0), &mut output).unwrap(), Progress::Done);
        }
        let held = operator.state_bytes();
        assert!(held < rows as usize * 30, "{held} bytes");
        for run in RUNS {
            // Of few rows the count is exact.
            let few = frame.slice(0, 600);
            let expected = [col("t").n_unique(), col("t").max().alias("last"), len(), col("v").median()];
            let expected = oracle(&keys, &expected, &few).unwrap();
            assert_same(&execute(&plan, &few, run).unwrap(), &expected, keys.len(), &format!("{keys:?} {run:?}"));
        }
    }
}

#[test]
fn sketches_of_many_groups_leave_before_they_take_too_much_memory() {
    let (groups, rows) = (10_000, 640_000);
    let key = |row: i64| row % groups;
    let frame = df!("k" => (0..rows).map(key).collect::<Vec<i64>>(), "v" => (0..rows).collect::<Vec<i64>>()).unwrap();
    // Each group takes some 600 bytes for each of them.
    let mut aggs = vec![col("v").approximate_quantile(1.0), col("v").approx_n_unique().alias("n")];
    aggs.extend((0..12).map(|i| (col("v") + lit(i)).approximate_median().alias(format!("{i}"))));
    let plan = AggregatePlan::new(&[col("k")], &aggs, frame.schema()).unwrap();
    let run = Run { workers: 1, batch_rows: 50_000, restore: Restore::Never };
    let mut operator = plan.before_exchange().create(&context(0, run)).unwrap();
    let mut output = Output::default();
    let (mut most, mut sent) = (0, 0);
    for batch in batches(&frame, run.batch_rows) {
        let mut progress = operator.on_batch(0, Batch::new(batch, 0), &mut output).unwrap();
        while progress == Progress::More {
            progress = operator.resume(&mut output).unwrap();
        }
        most = most.max(operator.state_bytes());
        sent += output.drain().map(|frame| frame.height()).sum::<usize>();
    }
    assert!(sent > 0);
    assert!(most < 100 << 20, "{most} bytes");
    let actual = execute(&plan, &frame, run).unwrap().sort(["k"], Default::default()).unwrap();
    let largest: Vec<i64> = actual.column("v").unwrap().i64().unwrap().into_no_null_iter().collect();
    assert_eq!(largest, (rows - groups..rows).collect::<Vec<_>>());
    assert!(actual.column("n").unwrap().u32().unwrap().iter().all(|n| n == Some(64)));
}

#[test]
fn wrong_quantiles_are_refused() {
    let frame = df!("v" => [1i64], "t" => ["x"]).unwrap();
    let refused = |agg: Expr, reason: &str| {
        let error = AggregatePlan::new(&[], &[agg], frame.schema()).err().unwrap();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        assert!(text.contains(reason), "{text}");
    };
    refused(col("v").approximate_quantile(1.5), "1.5");
    refused(col("v").approximate_quantile(f64::NAN), "from 0 to 1");
    refused(col("v").approximate_quantiles(&[]), "at least one");
    refused(col("t").approximate_median(), "not `str`");
    let options = QuantileOptions::default().rank_error(0.0);
    refused(approximate_quantile(col("v"), 0.5, options), "rank error");
}
