//! What a query costs when there is nothing to compute: 10,000 queries over three rows, one after another on one pool; and
//! what a pool costs that has no query.
//!
//! ```text
//! cargo run --release -p quokka-benches --example tiny_queries
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use quokka::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERIES: usize = 10_000;

fn resident_mb() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// CPU time of the process so far, in clock ticks of 10 ms.
fn cpu_ticks() -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).ok_or("short stat")?.parse::<u64>().map_err(Box::<dyn Error>::from);
    Ok(ticks(11)? + ticks(12)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    for workers in [1, 2] {
        let context = Context::builder().workers(workers).build()?;
        let rows = df!("k" => ["a", "b", "a"], "v" => [1i64, 2, 3])?;
        let filter = context.from_df(rows.clone()).filter(col("v").gt(lit(1)));
        let group = context.from_df(rows).group_by([col("k")]).agg([col("v").sum()]);
        for (name, query) in [
            ("filter", &filter),
            ("group by", &group),
            ("group by, sort", &group.clone().sort(["k"], Default::default())),
        ] {
            (0..QUERIES / 10).try_for_each(|_| query.collect().map(drop))?;
            let (start, before) = (Instant::now(), resident_mb()?);
            (0..QUERIES).try_for_each(|_| query.collect().map(drop))?;
            let each = start.elapsed().as_secs_f64() * 1e6 / QUERIES as f64;
            println!(
                "{workers} workers, {name:15} {each:7.1} µs a query, resident {before:.1} → {:.1} MB",
                resident_mb()?
            );
        }
        let before = cpu_ticks()?;
        std::thread::sleep(Duration::from_secs(5));
        println!("{workers} workers, no query: {} ms of CPU in 5 s", (cpu_ticks()? - before) * 10);
    }
    Ok(())
}
