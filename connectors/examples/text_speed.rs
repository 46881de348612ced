//! How fast a CSV file, or one of newline-delimited JSON, is read.
//!
//! ```text
//! cargo run --release -p quokka-connectors --example text_speed -- lineitem.ndjson [THREADS [COLUMN[<NUMBER]...]]
//! ```
//!
//! Several runs: time, CPU time, and bytes of the file a second, for all columns or those that are named, and of these for the
//! rows in which some are less than a number.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use quokka_connectors::csv::{CsvOptions, CsvScan};
use quokka_connectors::json::{JsonOptions, JsonScan};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::prelude::{Expr, col, lit};
use quokka_engine::operator::testing::single_worker;
use quokka_engine::source::{Scan, ScanRequest, Source};

const RUNS: usize = 5;
const BATCH_ROWS: usize = 65_536;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a file")?;
    let threads = arguments.next().map_or(Ok(1), |threads| threads.parse::<usize>())?;
    let (mut columns, mut predicate) = (Vec::new(), None::<Expr>);
    for argument in arguments {
        match argument.split_once('<') {
            Some((column, number)) => {
                let condition = col(column).lt(lit(number.parse::<f64>()?));
                predicate = Some(predicate.map_or(condition.clone(), |predicate| predicate.and(condition)));
            },
            None => columns.push(argument),
        }
    }
    let bytes = fs::metadata(&path)?.len() as f64;
    let projection = (!columns.is_empty()).then(|| columns.iter().map(|column| column.as_str().into()).collect());
    let request = ScanRequest { projection, predicate, ..ScanRequest::default() };
    for _ in 0..RUNS {
        let (start, busy) = (Instant::now(), AtomicU64::new(0));
        let scan = open(&path)?;
        let source = scan.source(&request)?;
        let (splits, next) = (source.splits()?.len(), AtomicUsize::new(0));
        let rows = thread::scope(|scope| {
            let read = || {
                let rows = read(source.as_ref(), splits, &next);
                busy.fetch_add(cpu().unwrap_or_default(), Ordering::Relaxed);
                rows
            };
            let readers: Vec<_> = (0..threads).map(|_| scope.spawn(read)).collect();
            readers.into_iter().map(|reader| reader.join().unwrap_or(Ok(0))).sum::<Result<usize, _>>()
        })?;
        let (seconds, busy) = (start.elapsed().as_secs_f64(), busy.load(Ordering::Relaxed) as f64 / 1e9);
        println!("{rows} rows: {seconds:.3} s, {busy:.3} s of CPU, {:.0} MB/s", bytes / seconds / 1e6);
    }
    Ok(())
}

fn open(path: &str) -> Result<Box<dyn Scan>, OperatorError> {
    if path.contains("json") {
        return Ok(Box::new(JsonScan::open([path], JsonOptions::default().with_try_parse_dates(true))?));
    }
    Ok(Box::new(CsvScan::open([path], CsvOptions::default().with_try_parse_dates(true))?))
}

fn read(source: &dyn Source, splits: usize, next: &AtomicUsize) -> Result<usize, OperatorError> {
    let mut rows = 0;
    loop {
        let split = next.fetch_add(1, Ordering::Relaxed);
        if split >= splits {
            return Ok(rows);
        }
        let mut reader = source.open(split, &single_worker(BATCH_ROWS))?;
        while let Some(batch) = reader.next()? {
            rows += black_box(batch).height();
        }
    }
}

/// Nanoseconds for which this thread has run.
fn cpu() -> Result<u64, Box<dyn Error>> {
    thread::yield_now();
    let account = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(account.split(' ').next().unwrap_or_default().parse()?)
}
