//! What reading from a store costs beside reading local files: three queries over `lineitem`, as Parquet or CSV, from each
//! place that is named, in turns.
//!
//! ```text
//! cargo run --release -p quokka-connectors --example file_server -- FOLDER   # prints the variables to set
//! cargo run --release -p quokka-benches --example stores -- 2 FOLDER/bucket/lineitem.parquet s3://bucket/lineitem.parquet
//! ```

use std::error::Error;
use std::time::Instant;

use quokka::CsvOptions;
use quokka::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS: usize = 7;

/// CPU time of the process so far, in seconds.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).ok_or("short stat")?.parse::<u64>().map_err(Box::<dyn Error>::from);
    Ok((ticks(11)? + ticks(12)?) as f64 / 100.0)
}

fn open(context: &Context, place: &str) -> quokka::Result<DataStream> {
    match place.contains(".csv") {
        true => context.read_csv_with(place, CsvOptions::default().with_try_parse_dates(true)),
        false => context.read_parquet(place),
    }
}

/// Days from 1970-01-01 to 1994-01-01, 1995-01-01 and 1998-09-02.
const DAYS: [i32; 3] = [8_766, 9_131, 10_471];

fn date(days: i32) -> Expr {
    lit(Scalar::new_date(days))
}

fn revenue() -> Expr {
    col("l_extendedprice") * (lit(1) - col("l_discount"))
}

fn query(lines: DataStream, name: &str) -> quokka::Result<DataStream> {
    Ok(match name {
        "Q1" => lines
            .filter(col("l_shipdate").lt_eq(date(DAYS[2])))
            .group_by([col("l_returnflag"), col("l_linestatus")])
            .agg([
                col("l_quantity").sum(),
                col("l_extendedprice").sum(),
                revenue().sum().alias("sum_disc_price"),
                (revenue() * (lit(1) + col("l_tax"))).sum().alias("sum_charge"),
                col("l_discount").mean(),
                len(),
            ])
            .sort(["l_returnflag", "l_linestatus"], Default::default()),
        "Q6" => {
            let year = col("l_shipdate").gt_eq(date(DAYS[0])).and(col("l_shipdate").lt(date(DAYS[1])));
            let discount = col("l_discount").gt(lit(0.049)).and(col("l_discount").lt(lit(0.071)));
            lines
                .filter(year.and(discount).and(col("l_quantity").lt(lit(24))))
                .select([(col("l_extendedprice") * col("l_discount")).sum().alias("revenue")])
        },
        _ => {
            let names: Vec<PlSmallStr> = lines.schema()?.iter_names_cloned().collect();
            lines.select(names.into_iter().map(|name| col(name).count()).collect::<Vec<_>>())
        },
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let workers: usize = arguments.next().ok_or("the number of workers is missing")?.parse()?;
    let places: Vec<String> = arguments.collect();
    let context = Context::builder().workers(workers).build()?;
    for place in &places {
        let start = Instant::now();
        drop(open(&context, place)?);
        println!("{place}: opened in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    }
    for name in ["Q1", "Q6", "all"] {
        let mut best = vec![(f64::INFINITY, f64::INFINITY); places.len()];
        let mut answers: Vec<DataFrame> = Vec::new();
        for _ in 0..RUNS {
            answers.clear();
            for (place, best) in places.iter().zip(&mut best) {
                let (start, before) = (Instant::now(), cpu()?);
                answers.push(query(open(&context, place)?, name)?.collect()?);
                *best = (best.0.min(start.elapsed().as_secs_f64()), best.1.min(cpu()? - before));
            }
        }
        if answers.iter().any(|answer| answer.height() != answers[0].height()) {
            return Err("the answers differ".into());
        }
        for (place, (wall, cpu)) in places.iter().zip(best) {
            println!("{name:4} {place}: {:.1} ms, CPU {:.0} ms", wall * 1e3, cpu * 1e3);
        }
    }
    Ok(())
}
