//! Speed of sketches, sums of products and nearest rows on one thread: the best of some runs.
//!
//! `cargo run --release -p quokka-operators --example sketch_speed`

use std::hint::black_box;
use std::time::Instant;

use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::expr::Expr;
use quokka_engine::expr::prelude::col;
use quokka_engine::operator::testing::{batches, single_worker};
use quokka_engine::operator::{Operator, Output, Progress};
use quokka_operators::aggregate::AggregatePlan;
use quokka_operators::moments::CoMoments;
use quokka_operators::nearest::{Metric, NearestRows};
use quokka_operators::sketch::ApproximateExpr;

const BATCH_ROWS: usize = 65_536;
const RUNS: usize = 5;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

/// Numbers without order.
fn random() -> impl Iterator<Item = u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

/// Seconds of the best run.
fn best(mut run: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Takes what an operator sends.
fn drain(operator: &mut dyn Operator, mut progress: Progress, output: &mut Output) -> Result<(), Failure> {
    while progress == Progress::More {
        progress = operator.resume(output)?;
    }
    black_box(output.drain().count());
    Ok(())
}

/// A partial aggregate of many rows.
fn aggregate(name: &str, frame: &DataFrame, keys: &[Expr], agg: Expr) -> Result<(), Failure> {
    let plan = AggregatePlan::new(keys, &[agg], frame.schema())?;
    let seconds = best(|| {
        let mut operator = plan.before_exchange().create(&single_worker(BATCH_ROWS))?;
        let mut output = Output::default();
        for batch in batches(frame, BATCH_ROWS) {
            let progress = operator.on_batch(0, Batch::new(batch, 0), &mut output)?;
            drain(&mut *operator, progress, &mut output)?;
        }
        let progress = operator.on_input_end(0, &mut output)?;
        drain(&mut *operator, progress, &mut output)
    })?;
    println!("{name:<40} {:6.1} ns a row", seconds * 1e9 / frame.height() as f64);
    Ok(())
}

/// The products of all pairs of columns, of which both halves count.
fn products(rows: usize, columns: usize, centred: bool) -> Result<(), Failure> {
    let values: Vec<Vec<f64>> =
        (0..columns).map(|_| random().take(rows).map(|bits| bits as f64 / 2f64.powi(64)).collect()).collect();
    let slices: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
    let seconds = best(|| {
        let mut moments = CoMoments::new(columns, centred);
        moments.add(&slices);
        black_box(&moments);
        Ok(())
    })?;
    let operations = 2.0 * rows as f64 * (columns * columns) as f64;
    let name = if centred { "covariance" } else { "gramian" };
    println!(
        "{name:<12} {rows:>9} rows, {columns:>3} columns {:8.1} ms, {:5.1} GFLOP/s",
        seconds * 1e3,
        operations / seconds / 1e9
    );
    Ok(())
}

/// A column of arrays of floats.
fn vectors(name: &str, rows: usize, dimension: usize) -> Result<Column, Failure> {
    let components = random().skip(name.len()).take(rows * dimension).map(|bits| bits as f32 / 2f32.powi(64) - 0.5);
    let components = Series::new(name.into(), components.collect::<Vec<f32>>());
    let shape = [ReshapeDimension::new(rows as i64), ReshapeDimension::new(dimension as i64)];
    Ok(components.reshape_array(&shape)?.into_column())
}

fn nearest(metric: Metric, rows: usize, queries: usize, dimension: usize, k: usize) -> Result<(), Failure> {
    let base = DataFrame::new(rows, vec![vectors("base", rows, dimension)?])?;
    let held = DataFrame::new(queries, vec![vectors("query", queries, dimension)?])?;
    let seconds = best(|| {
        let mut nearest = NearestRows::new(metric, k, held.clone(), "query", "base".into())?;
        batches(&base, BATCH_ROWS).iter().try_for_each(|batch| nearest.add(batch))?;
        while let Some(found) = nearest.next(BATCH_ROWS)? {
            black_box(found);
        }
        Ok(())
    })?;
    println!(
        "{metric:?}, {rows} x {dimension}, {queries} queries, k={k}: {:.1} ms, {:.1} GFLOP/s",
        seconds * 1e3,
        2.0 * rows as f64 * (queries * dimension) as f64 / seconds / 1e9
    );
    Ok(())
}

fn main() -> Result<(), Failure> {
    let rows = 5_000_000;
    let values: Vec<i64> = random().take(rows).map(|bits| bits as i64).collect();
    let keys: Vec<i64> = random().skip(7).take(rows).map(|bits| (bits % 1000) as i64).collect();
    let frame = DataFrame::new(rows, vec![Column::new("v".into(), values), Column::new("k".into(), keys)])?;
    aggregate("approximate_median", &frame, &[], col("v").approximate_median())?;
    aggregate("approximate_median, 1000 groups", &frame, &[col("k")], col("v").approximate_median())?;
    aggregate("approx_n_unique", &frame, &[], col("v").approx_n_unique())?;
    aggregate("approx_n_unique, 1000 groups", &frame, &[col("k")], col("v").approx_n_unique())?;
    for (rows, columns) in [(1_000_000, 4), (1_000_000, 10), (200_000, 50), (100_000, 200)] {
        products(rows, columns, true)?;
        products(rows, columns, false)?;
    }
    for metric in [Metric::Cosine, Metric::Euclidean] {
        nearest(metric, 10_000, 1_000, 128, 10)?;
        nearest(metric, 10_000, 100, 768, 10)?;
        nearest(metric, 100_000, 1, 128, 10)?;
    }
    Ok(())
}
