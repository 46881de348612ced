//! The operators together, against Polars' in-memory engine.

mod distinct;
mod functions;
mod keys;
mod phases;
mod random;
mod sketches;

use polars_core::prelude::*;
use polars_lazy::frame::IntoLazy;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Expr;
use quokka_engine::operator::WorkerContext;
use quokka_engine::operator::testing::{Restore, batches, drive};
use quokka_engine::partitioning::Partitioning;
use quokka_engine::physical::{physical_schema, to_logical};

use super::AggregatePlan;

/// How a query is run: on so many workers, in batches of so many rows.
#[derive(Clone, Copy, Debug)]
struct Run {
    workers: usize,
    batch_rows: usize,
    restore: Restore,
}

/// Batch sizes and workers that every query is run with.
const RUNS: [Run; 4] = [
    Run { workers: 1, batch_rows: 65_536, restore: Restore::Never },
    Run { workers: 1, batch_rows: 7, restore: Restore::EveryBatch },
    Run { workers: 3, batch_rows: 7, restore: Restore::Never },
    Run { workers: 2, batch_rows: 1, restore: Restore::EveryBatch },
];

/// Runs a plan on `frame`: batches go to the workers in turn, and what they send goes to the owner of its key.
fn execute(plan: &AggregatePlan, frame: &DataFrame, run: Run) -> Result<DataFrame, OperatorError> {
    let mut inputs = vec![Vec::new(); run.workers];
    for (i, batch) in batches(frame, run.batch_rows).into_iter().enumerate() {
        inputs[i % run.workers].push(batch);
    }
    let exchanged = exchange(plan, inputs, run)?;
    finish(plan, exchanged, run)
}

/// Like [`execute`], with a range of the rows on each worker, as after a sort; what the workers send arrives out of order.
fn execute_sorted(plan: &AggregatePlan, frame: &DataFrame, run: Run) -> Result<DataFrame, OperatorError> {
    let ranges = batches(frame, frame.height().div_ceil(run.workers));
    let inputs = ranges.iter().map(|range| batches(range, run.batch_rows)).collect();
    let mut exchanged = exchange(plan, inputs, run)?;
    exchanged.iter_mut().for_each(|batches| batches.reverse());
    finish(plan, exchanged, run)
}

fn context(worker: usize, run: Run) -> WorkerContext {
    WorkerContext { worker, workers: run.workers, process: 0, processes: 1, batch_rows: run.batch_rows }
}

/// What each owner gets when the workers have these inputs.
fn exchange(plan: &AggregatePlan, inputs: Vec<Vec<DataFrame>>, run: Run) -> Result<Vec<Vec<DataFrame>>, OperatorError> {
    let mut exchanged = vec![Vec::new(); run.workers];
    for (worker, input) in inputs.into_iter().enumerate() {
        for sent in drive(&*plan.before_exchange(), &context(worker, run), vec![input], run.restore)? {
            assert_eq!(*sent.schema(), physical_schema(plan.exchanged_schema()));
            for (owner, part) in partition(plan, sent, run.workers).into_iter().enumerate() {
                exchanged[owner].push(part);
            }
        }
    }
    Ok(exchanged)
}

fn finish(plan: &AggregatePlan, exchanged: Vec<Vec<DataFrame>>, run: Run) -> Result<DataFrame, OperatorError> {
    let mut result = DataFrame::empty_with_schema(plan.output_schema());
    for (owner, input) in exchanged.into_iter().enumerate() {
        for sent in drive(&*plan.after_exchange(), &context(owner, run), vec![input], run.restore)? {
            assert_eq!(*sent.schema(), physical_schema(plan.output_schema()));
            assert!(sent.height() <= run.batch_rows);
            result.vstack_mut(&to_logical(sent, plan.output_schema())?)?;
        }
    }
    Ok(result)
}

/// The rows of each owner, by a hash of the keys.
fn partition(plan: &AggregatePlan, frame: DataFrame, workers: usize) -> Vec<DataFrame> {
    let Partitioning::Hash(keys) = plan.partitioning() else { return vec![frame] };
    let rows = by_row(&frame.select(keys).unwrap());
    let owners: Vec<usize> =
        rows.iter().map(|key| key.bytes().fold(7, |hash: usize, byte| hash * 31 % 65_521 + byte as usize)).collect();
    let owned = |worker| owners.iter().map(|owner| owner % workers == worker).collect::<BooleanChunked>();
    (0..workers).map(|worker| frame.filter_seq(&owned(worker)).unwrap()).collect()
}

/// Each row as a text.
fn by_row(frame: &DataFrame) -> Vec<String> {
    let row = |row: usize| -> Vec<String> {
        frame.columns().iter().map(|column| text(&column.get(row).unwrap().into_static())).collect()
    };
    (0..frame.height()).map(|i| row(i).join(" | ")).collect()
}

/// What Polars makes of the query.
fn oracle(keys: &[Expr], aggs: &[Expr], frame: &DataFrame) -> PolarsResult<DataFrame> {
    if keys.is_empty() {
        return frame.clone().lazy().select(aggs).collect();
    }
    frame.clone().lazy().group_by(keys).agg(aggs).collect()
}

/// Runs the query in every way, and compares names, types and values with Polars'.
fn check(keys: &[Expr], aggs: &[Expr], frame: &DataFrame) {
    check_runs(keys, aggs, frame, &RUNS);
}

fn check_runs(keys: &[Expr], aggs: &[Expr], frame: &DataFrame, runs: &[Run]) {
    let expected = oracle(keys, aggs, frame).unwrap();
    let plan = AggregatePlan::new(keys, aggs, frame.schema()).unwrap();
    for &run in runs {
        let actual = execute(&plan, frame, run).unwrap();
        assert_same(&actual, &expected, keys.len(), &format!("{keys:?} {aggs:?} {run:?}"));
    }
}

/// Compares two results whose first `keys` columns identify a row; numbers may differ in their last digits.
fn assert_same(actual: &DataFrame, expected: &DataFrame, keys: usize, query: &str) {
    assert_eq!(actual.schema(), expected.schema(), "{query}");
    assert_eq!(actual.height(), expected.height(), "{query}\n{actual}\n{expected}");
    let (actual, expected) = (by_key(actual, keys), by_key(expected, keys));
    for ((actual_key, actual), (expected_key, expected)) in actual.iter().zip(&expected) {
        assert_eq!(actual_key, expected_key, "{query}");
        for (actual, expected) in actual.iter().zip(expected) {
            assert!(close(actual, expected), "{query}: group {actual_key} is {actual:?} rather than {expected:?}");
        }
    }
}

/// Rows as the text of their key and their values, in the order of the text.
fn by_key(frame: &DataFrame, keys: usize) -> Vec<(String, Vec<AnyValue<'static>>)> {
    let values = |row: usize| frame.columns()[keys..].iter().map(move |column| column.get(row).unwrap().into_static());
    let names = frame.columns()[..keys].iter().map(|key| key.name().clone());
    let names = by_row(&frame.select(names).unwrap());
    // Without keys the rows have no names, and there is one.
    let names = if keys == 0 { vec![String::new(); frame.height()] } else { names };
    let mut rows: Vec<_> = names.into_iter().enumerate().map(|(row, key)| (key, values(row).collect())).collect();
    rows.sort_by(|left: &(String, Vec<_>), right| left.0.cmp(&right.0));
    rows
}

/// Equal keys have equal texts.
fn text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Float64(value) => (value + 0.0).abs().to_string() + if *value < 0.0 { "-" } else { "" },
        AnyValue::Float32(value) => (value + 0.0).abs().to_string() + if *value < 0.0 { "-" } else { "" },
        AnyValue::Array(items, _) => items.iter().map(|item| text(&item)).collect::<Vec<_>>().join(", "),
        AnyValue::StructOwned(fields) => fields.0.iter().map(text).collect::<Vec<_>>().join(", "),
        value => format!("{value:?}"),
    }
}

fn close(left: &AnyValue<'_>, right: &AnyValue<'_>) -> bool {
    let near = |left: f64, right: f64, precision: f64| {
        left == right
            || (left.is_nan() && right.is_nan())
            || (left - right).abs() <= precision * left.abs().max(right.abs()).max(1.0)
    };
    match (left, right) {
        (AnyValue::Float64(left), AnyValue::Float64(right)) => near(*left, *right, 1e-9),
        (AnyValue::Float32(left), AnyValue::Float32(right)) => near(f64::from(*left), f64::from(*right), 1e-5),
        (AnyValue::List(left), AnyValue::List(right)) | (AnyValue::Array(left, _), AnyValue::Array(right, _)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| close(&left, &right))
        },
        // The mean of dates is rounded down to a microsecond, from a float whose last bit depends on the order of operations.
        (AnyValue::DatetimeOwned(left, ..), AnyValue::DatetimeOwned(right, ..)) => left.abs_diff(*right) <= 1,
        (left, right) => left == right,
    }
}

/// A column of every type, with nulls, and few enough different values to group by.
fn all_types(rows: usize) -> DataFrame {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |limit: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % limit
    };
    let mut draw = |limit: u64| -> Vec<Option<i64>> {
        (0..rows).map(|_| (random(6) > 0).then(|| random(limit) as i64 - limit as i64 / 2)).collect()
    };
    let mut columns: Vec<Column> = Vec::new();
    let mut add = |name: &str, values: Vec<Option<i64>>, dtype: DataType| {
        let numbers = Series::new(name.into(), values);
        columns.push(numbers.cast(&dtype).unwrap().into_column());
    };
    add("i8", draw(100), DataType::Int8);
    add("i16", draw(9), DataType::Int16);
    add("i32", draw(1_000_000), DataType::Int32);
    add("i64", draw(20), DataType::Int64);
    add("f32", draw(30), DataType::Float32);
    add("f64", draw(30), DataType::Float64);
    add("date", draw(40), DataType::Date);
    add("datetime", draw(40_000_000), DataType::Datetime(TimeUnit::Microseconds, None));
    add(
        "zoned",
        draw(9),
        DataType::Datetime(TimeUnit::Milliseconds, TimeZone::opt_try_new(Some("Asia/Tokyo")).unwrap()),
    );
    add("duration", draw(12), DataType::Duration(TimeUnit::Nanoseconds));
    add("decimal", draw(5_000), DataType::Decimal(15, 2));
    add("wide", draw(7), DataType::Decimal(30, 4));
    add("i128", draw(8), DataType::Int128);
    add("boolean", draw(2), DataType::Boolean);
    let mut unsigned = |name: &str, limit: u64, dtype: DataType| {
        let values = draw(limit).into_iter().map(|value| value.map(i64::abs)).collect();
        add(name, values, dtype);
    };
    unsigned("u8", 11, DataType::UInt8);
    unsigned("u16", 40_000, DataType::UInt16);
    unsigned("u32", 13, DataType::UInt32);
    unsigned("u64", 1 << 40, DataType::UInt64);
    unsigned("u128", 10, DataType::UInt128);
    unsigned("time", 1 << 40, DataType::Time);
    let words = ["", "a", "b", "null\0", "seven..", "exactly 12 b", "more than twelve bytes", "ÄÖÜ", "a\0"];
    let mut words = |name: &str, dtype: DataType| {
        let values: Vec<Option<&str>> =
            (0..rows).map(|_| (random(7) > 0).then(|| words[random(words.len() as u64) as usize])).collect();
        columns.push(Series::new(name.into(), values).cast(&dtype).unwrap().into_column());
    };
    words("string", DataType::String);
    words("binary", DataType::Binary);
    words("category", DataType::from_categories(Categories::global()));
    let categories = FrozenCategories::new([
        "more than twelve bytes",
        "a",
        "",
        "b",
        "null\0",
        "seven..",
        "exactly 12 b",
        "ÄÖÜ",
        "a\0",
    ]);
    words("enumeration", DataType::from_frozen_categories(categories.unwrap()));
    let floats: Vec<Option<f64>> = (0..rows)
        .map(|_| {
            [Some(f64::NAN), Some(-0.0), Some(0.0), None, Some(1.5), Some(f64::INFINITY), Some(-2.5)]
                [random(7) as usize]
        })
        .collect();
    columns.push(Series::new("special".into(), floats).into_column());
    let mut frame = DataFrame::new(rows, columns).unwrap();
    let nested = StructChunked::from_series(
        "structure".into(),
        rows,
        [
            frame.column("i16").unwrap().as_materialized_series(),
            frame.column("string").unwrap().as_materialized_series(),
        ]
        .into_iter(),
    );
    frame.with_column(nested.unwrap().into_column()).unwrap();
    let lists = frame
        .column("i16")
        .unwrap()
        .as_materialized_series()
        .reshape_list(&[ReshapeDimension::new(-1), ReshapeDimension::new(1)]);
    let mut lists = lists.unwrap().into_column();
    lists.rename("list".into());
    frame.with_column(lists).unwrap();
    let numbers = (0..2 * rows).map(|_| [Some(f64::NAN), Some(-0.0), Some(0.0), None][random(4) as usize]);
    let numbers = Float64Chunked::from_iter_options("array".into(), numbers).into_series();
    let pairs = numbers.reshape_array(&[ReshapeDimension::new(-1), ReshapeDimension::new(2)]).unwrap();
    let valid: BooleanChunked = (0..rows).map(|_| Some(random(5) > 0)).collect();
    let nulls = Series::full_null("array".into(), rows, pairs.dtype());
    frame.with_column(pairs.zip_with(&valid, &nulls).unwrap().into_column()).unwrap();
    frame
}
