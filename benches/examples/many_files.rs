//! What a table of many small files costs: it is listed, planned and read. The files are made in a folder, which is removed.
//!
//! ```text
//! cargo run --release -p quokka-benches --example many_files -- 10000
//! ```
//!
//! A second number is that of the columns, 16 without it.

use std::error::Error;
use std::fs::{self, File};
use std::time::Instant;

use polars_io::prelude::ParquetWriter;
use quokka::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COLUMNS: i64 = 16;
const ROWS: i64 = 100;

fn resident_mb(what: &str) -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).ok_or("no such line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let files: i64 = std::env::args().nth(1).ok_or("the number of files is missing")?.parse()?;
    let columns: i64 = std::env::args().nth(2).map_or(Ok(COLUMNS), |columns| columns.parse())?;
    let folder = std::env::temp_dir().join(format!("quokka-many-files-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    for file in 0..files {
        let columns = (0..columns).map(|column| {
            let values = (0..ROWS).map(|row| file * ROWS + row * column).collect::<Vec<_>>();
            Column::new(format!("column_{column}").into(), values)
        });
        let mut frame = DataFrame::new(ROWS as usize, columns.collect())?;
        ParquetWriter::new(File::create(folder.join(format!("{file:06}.parquet")))?).finish(&mut frame)?;
    }
    let context = Context::builder().workers(2).build()?;
    for _ in 0..2 {
        let before = resident_mb("VmRSS:")?;
        let start = Instant::now();
        let table = context.read_parquet(&folder)?;
        let opened = start.elapsed();
        let more = resident_mb("VmRSS:")? - before;
        let a_file = more * 1024.0 / files as f64;
        println!("opened in {:.2} s, {more:.0} MB more memory, {a_file:.1} KB a file", opened.as_secs_f64());
        let start = Instant::now();
        let query = table.filter(col("column_1").gt_eq(lit(0))).select([col("column_0").sum(), len()]);
        let plan = query.explain()?;
        println!("planned in {:.2} s ({} characters)", start.elapsed().as_secs_f64(), plan.len());
        let start = Instant::now();
        let answer = query.collect()?;
        let peak = resident_mb("VmHWM:")?;
        println!(
            "read in {:.2} s, {} rows of answer, peak {peak:.0} MB",
            start.elapsed().as_secs_f64(),
            answer.height()
        );
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}
