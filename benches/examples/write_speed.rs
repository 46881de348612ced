//! How long a file takes that is read and written again, all of its columns.
//!
//! ```text
//! cargo run --release -p quokka-benches --example write_speed -- lineitem.parquet target [snappy|zstd|csv] [workers] [runs]
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use quokka::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// CPU time of the process so far, in seconds.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).ok_or("short stat")?.parse::<f64>().map_err(Box::<dyn Error>::from);
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |at: usize, default: &str| arguments.get(at).cloned().unwrap_or_else(|| default.to_owned());
    let (from, to, format) = (argument(1, "lineitem.parquet"), argument(2, "target"), argument(3, "zstd"));
    let context = Context::builder().workers(argument(4, "2").parse()?).build()?;
    for _ in 0..argument(5, "3").parse::<usize>()? {
        if Path::new(&to).is_dir() {
            std::fs::remove_dir_all(&to)?;
        }
        let (start, cpu) = (Instant::now(), cpu_seconds()?);
        let rows = context.read_parquet(&from)?;
        let report = match format.as_str() {
            "csv" => rows.sink_csv(&to)?,
            "snappy" => rows
                .sink_parquet_with(&to, ParquetWriteOptions::default().with_compression(ParquetCompression::Snappy))?,
            _ => rows.sink_parquet(&to)?,
        };
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
        let (files, bytes) = (report.files.len(), report.bytes());
        println!(
            "quokka {format} {seconds:.2} s, CPU {cpu:.2} s, {} rows, {bytes} bytes, {files} files",
            report.rows()
        );
    }
    Ok(())
}
