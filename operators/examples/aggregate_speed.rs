//! Nanoseconds a row of the aggregate operators on one thread, next to Polars' in-memory engine on one thread.
//!
//! `cargo run --release -p quokka-operators --example aggregate_speed [part of a name] [ours]`
//!
//! Where there are few groups the batches are few, so that they come from a cache, as batches do that were just decoded;
//! the best of many short runs counts.

use std::hint::black_box;
use std::time::Instant;

use polars_core::prelude::*;
use polars_lazy::frame::IntoLazy;
use quokka_engine::batch::Batch;
use quokka_engine::expr::Expr;
use quokka_engine::expr::prelude::{col, len};
use quokka_engine::operator::testing::{batches, single_worker};
use quokka_engine::operator::{Operator, Output, Progress};
use quokka_engine::physical::to_physical;
use quokka_operators::aggregate::AggregatePlan;

const ROWS: usize = 6_000_000;
const BATCH_ROWS: usize = 65_536;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// A sequence of numbers below `limit` without order, another for each column.
fn random(column: &str, limit: u64) -> impl Iterator<Item = u64> {
    let mut state =
        column.bytes().fold(0x2545_f491_4f6c_dd1d_u64, |state, byte| state.rotate_left(9) ^ u64::from(byte));
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((u128::from(state) * u128::from(limit)) >> 64) as u64
    })
}

fn integers(name: &str, limit: u64) -> Column {
    let values: Vec<i64> = random(name, limit).take(ROWS).map(|value| value as i64).collect();
    Column::new(name.into(), values)
}

fn decimals(name: &str, limit: u64) -> Result<Column, Failure> {
    let cents: Int64Chunked = random(name, limit).take(ROWS).map(|value| Some(value as i64)).collect();
    let cents = cents.into_series().cast(&DataType::Int128)?.i128()?.clone();
    Ok(cents.with_name(name.into()).into_decimal_unchecked(15, 2).into_series().into_column())
}

fn words(name: &str, words: &[&str]) -> Column {
    let values: StringChunked = random(name, words.len() as u64).take(ROWS).map(|i| Some(words[i as usize])).collect();
    values.with_name(name.into()).into_column()
}

/// Runs one channel of an operator over its input.
fn run(operator: &mut dyn Operator, input: Vec<DataFrame>) -> Result<Vec<DataFrame>, Failure> {
    let mut output = Output::default();
    let mut sent = Vec::new();
    let mut drain = |operator: &mut dyn Operator, mut progress: Progress, output: &mut Output| -> Result<(), Failure> {
        while progress == Progress::More {
            progress = operator.resume(output)?;
        }
        sent.extend(output.drain());
        Ok(())
    };
    for batch in input {
        let progress = operator.on_batch(0, Batch::new(batch, 0), &mut output)?;
        drain(operator, progress, &mut output)?;
    }
    let progress = operator.on_input_end(0, &mut output)?;
    drain(operator, progress, &mut output)?;
    Ok(sent)
}

fn measure(name: &str, frame: &DataFrame, few: bool, keys: &[&str], aggs: &[Expr]) -> Result<(), Failure> {
    let (rows, repeats) = if few { (4 * BATCH_ROWS, 100) } else { (ROWS, 3) };
    let frame = &frame.head(Some(rows));
    let key_exprs: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
    let plan = AggregatePlan::new(&key_exprs, aggs, frame.schema())?;
    let per_row = |start: Instant| start.elapsed().as_nanos() as f64 / rows as f64;
    let (mut first, mut second, mut polars) = (f64::MAX, f64::MAX, f64::MAX);
    let (mut exchanged, mut groups) = (0, 0);
    let batch = to_physical(frame.clone())?;
    for _ in 0..repeats {
        let input = batches(&batch, BATCH_ROWS);
        let start = Instant::now();
        let partial = run(&mut *plan.before_exchange().create(&single_worker(BATCH_ROWS))?, input)?;
        first = first.min(per_row(start));
        exchanged = partial.iter().map(DataFrame::height).sum();
        let start = Instant::now();
        let result = run(&mut *plan.after_exchange().create(&single_worker(BATCH_ROWS))?, partial)?;
        second = second.min(per_row(start));
        groups = result.iter().map(DataFrame::height).sum();
        if std::env::args().nth(2).is_some() {
            continue;
        }
        let start = Instant::now();
        let lazy = frame.clone().lazy();
        let lazy = if keys.is_empty() { lazy.select(aggs) } else { lazy.group_by(&key_exprs).agg(aggs) };
        black_box(lazy.collect()?);
        polars = polars.min(per_row(start));
    }
    println!(
        "{name:<40} {groups:>8} groups, {exchanged:>8} exchanged: {first:6.1} + {second:5.1} = {:6.1} ns a row{}",
        first + second,
        if polars < f64::MAX { format!(", Polars {polars:6.1}") } else { String::new() }
    );
    Ok(())
}

fn main() -> Result<(), Failure> {
    polars_async::executor::ALLOW_RAYON_THREADS.set(false);
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let clustered: Vec<i64> = (0..ROWS as i64).map(|row| row / 4).collect();
    let next: Vec<i64> = clustered.iter().map(|order| order + 1).collect();
    let customers: StringChunked = (0..ROWS).map(|row| Some(format!("a customer of number {}", row / 4))).collect();
    let names: Vec<String> = (0..25).map(|i| format!("NATION NUMBER {i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let frame = DataFrame::new(
        ROWS,
        vec![
            words("flag", &["A", "N", "R", "N"]),
            words("status", &["O", "F"]),
            words("mode", &["AIR", "MAIL", "SHIP", "TRUCK", "REG AIR", "FOB", "RAIL"]),
            words("nation", &names),
            integers("year", 7),
            integers("hundred", 100),
            integers("thousands", 200_000),
            integers("hundred thousand", 100_000),
            integers("million", 1_500_000),
            Column::new("order".into(), clustered),
            Column::new("order + 1".into(), next),
            customers.with_name("customer".into()).into_column(),
            decimals("quantity", 5_000)?,
            decimals("price", 10_000_000)?,
            decimals("discounted", 9_000_000)?,
            decimals("charge", 9_500_000)?,
            decimals("discount", 11)?,
            integers("i", 1 << 40),
            integers("j", 1 << 20),
            integers("f", 1 << 20).cast(&DataType::Float64)?.with_name("f".into()),
            integers("g", 1 << 30).cast(&DataType::Float64)?.with_name("g".into()),
        ],
    )?;
    let sums =
        || ["quantity", "price", "discounted", "charge"].map(|name| col(name).sum().alias(format!("sum {name}")));
    let means = || ["quantity", "price", "discount"].map(|name| col(name).mean().alias(format!("mean {name}")));
    let q1: Vec<Expr> = sums().into_iter().chain(means()).chain([len()]).collect();
    let measures: Vec<(&str, bool, Vec<&str>, Vec<Expr>)> = vec![
        ("Q1: 2 strings, 5 decimal sums, 1 count", true, vec!["flag", "status"], q1),
        ("2 strings, 1 count", true, vec!["flag", "status"], vec![len()]),
        (
            "2 strings, 4 float sums",
            true,
            vec!["flag", "status"],
            vec![col("f").sum(), col("g").sum(), (col("f") + col("g")).sum().alias("h"), col("f").mean().alias("m")],
        ),
        ("string of 7, 2 sums", true, vec!["mode"], vec![col("i").sum(), col("f").sum()]),
        ("string of 15 and year, 1 decimal sum", true, vec!["nation", "year"], vec![col("price").sum()]),
        ("100 groups, min max mean", true, vec!["hundred"], vec![col("i").min(), col("f").max(), col("j").mean()]),
        ("200 000 groups, 2 sums", false, vec!["thousands"], vec![col("i").sum(), col("f").sum()]),
        ("1 500 000 groups, 2 sums", false, vec!["million"], vec![col("i").sum(), col("f").sum()]),
        ("1 500 000 groups of neighbours, 2 sums", false, vec!["order"], vec![col("i").sum(), col("f").sum()]),
        ("1 500 000 groups of neighbours, Q18", false, vec!["order"], vec![col("quantity").sum()]),
        ("100 000 groups, Q13", false, vec!["hundred thousand"], vec![col("i").count()]),
        ("groups of neighbours, strings", false, vec!["order", "customer", "order + 1"], vec![col("quantity").sum()]),
        ("groups of neighbours, one string", false, vec!["customer"], vec![col("quantity").sum()]),
        ("distinct pairs", false, vec!["thousands", "year"], vec![]),
        (
            "no keys, 2 decimal sums, 2 means",
            true,
            vec![],
            vec![col("price").sum(), col("charge").sum(), col("i").mean(), col("f").mean()],
        ),
        ("no keys, count, min, max, std", true, vec![], vec![len(), col("i").min(), col("f").max(), col("g").std(1)]),
        ("whole groups: n_unique in 100 groups", false, vec!["hundred"], vec![col("j").n_unique()]),
        ("whole groups: median in 200 000 groups", false, vec!["thousands"], vec![col("f").median()]),
    ];
    for (name, few, keys, aggs) in measures {
        if name.contains(&wanted) {
            measure(name, &frame, few, &keys, &aggs)?;
        }
    }
    Ok(())
}
