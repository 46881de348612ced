//! How fast columns are decoded: our reader, batch by batch, beside Polars' decoder, row group by row group.
//!
//! ```text
//! export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296
//! cargo run --release -p quokka-connectors --example decode_speed -- data/sf1/lineitem.parquet [COLUMN...]
//! ```
//!
//! Each figure is the best of several runs over all rows of the file, in nanoseconds of CPU a row. glibc's
//! allocator needs the settings above, or what it costs hides what is measured; the programs of quokka use mimalloc.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::Cursor;

use polars_arrow::datatypes::Field;
use polars_buffer::Buffer;
use polars_core::series::Series;
use polars_parquet::read::{
    BasicDecompressor, FileMetadata, PageReader, column_iter_to_arrays, infer_schema, read_metadata,
};
use polars_utils::pl_str::PlSmallStr;
use quokka_connectors::parquet::{ParquetOptions, ParquetScan};
use quokka_engine::operator::testing::single_worker;
use quokka_engine::source::{Scan, ScanRequest};

const RUNS: usize = 9;
const BATCH_ROWS: usize = 65_536;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a Parquet file")?;
    let scan = ParquetScan::open([&path], ParquetOptions::default())?;
    let bytes = Buffer::from(fs::read(&path)?);
    let metadata = read_metadata(&mut Cursor::new(bytes.as_ref()))?;
    let schema = infer_schema(&metadata)?;
    let rows = scan.rows().unwrap_or_default() as f64;
    println!("{:<20} {:<20} {:>8} {:>8}  ns/row", "column", "type", "ours", "Polars");
    let columns: Vec<String> = std::env::args().skip(2).collect();
    for field in schema.iter_values().filter(|field| columns.is_empty() || columns.contains(&field.name.to_string())) {
        let ours = best(|| ours(&scan, &field.name))?;
        let polars = best(|| polars(&bytes, &metadata, field))?;
        let dtype = scan.schema().get(&field.name).map(|dtype| dtype.to_string()).unwrap_or_default();
        println!("{:<20} {dtype:<20} {:>8.2} {:>8.2}", field.name, ours * 1e9 / rows, polars * 1e9 / rows);
    }
    Ok(())
}

/// Seconds of CPU of the fastest run.
fn best(mut run: impl FnMut() -> Result<usize, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let start = cpu()?;
        black_box(run()?);
        best = best.min(cpu()? - start);
    }
    Ok(best)
}

/// Seconds for which this thread has run, whatever else the machine does.
fn cpu() -> Result<f64, Box<dyn Error>> {
    // The kernel brings its account up to date when the thread gives way.
    std::thread::yield_now();
    let account = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: u64 = account.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds as f64 / 1e9)
}

fn ours(scan: &ParquetScan, column: &PlSmallStr) -> Result<usize, Box<dyn Error>> {
    let request = ScanRequest { projection: Some([column.clone()].into()), ..ScanRequest::default() };
    let source = scan.source(&request)?;
    let mut rows = 0;
    for split in 0..source.splits()?.len() {
        let mut reader = source.open(split, &single_worker(BATCH_ROWS))?;
        while let Some(batch) = reader.next()? {
            rows += black_box(batch).height();
        }
    }
    Ok(rows)
}

fn polars(bytes: &Buffer<u8>, metadata: &FileMetadata, field: &Field) -> Result<usize, Box<dyn Error>> {
    let mut rows = 0;
    for row_group in &metadata.row_groups {
        let leaves = row_group.columns_under_root_iter(&field.name).ok_or("no column chunk")?;
        let (pages, types) = leaves
            .map(|leaf| {
                let range = leaf.byte_range();
                let chunk = bytes.clone().sliced(range.start as usize..range.end as usize);
                let limit = chunk.len();
                let pages = PageReader::new(Cursor::new(chunk), leaf, Vec::new(), limit);
                (BasicDecompressor::new(pages, Vec::new()), &leaf.descriptor().descriptor.primitive_type)
            })
            .unzip();
        let (arrays, _) = column_iter_to_arrays(pages, types, field.clone(), None)?;
        rows += black_box(Series::try_from((field, arrays))?).len();
    }
    Ok(rows)
}
