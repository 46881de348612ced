//! Speed and memory of distinct rows on one thread, next to a group-by of the same keys and to Polars.
//!
//! ```text
//! POLARS_MAX_THREADS=1 cargo run --release -p quokka-operators --example distinct_speed -- numbers distinct
//! ```
//!
//! 10 M rows in batches; CPU time, best of three, and what the memory of the process grew by at its peak in the first run.
//! Cases: `few` (100 numbers), `numbers` (5 M different ones), `runs` (5 M, twice each, side by side), `texts` (2 M different
//! ones of 20 bytes), `pairs` (5 M different ones of a number and a short text). Ways: `distinct`, `partial` (and the rest of
//! the distinct behind it), `group`, `polars`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "an example")]

use polars_core::frame::UniqueKeepStrategy;
use polars_core::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::expr::prelude::col;
use quokka_engine::operator::testing::{batches, single_worker};
use quokka_engine::operator::{Operator, OperatorFactory, Output, Progress};
use quokka_operators::aggregate::AggregatePlan;
use quokka_operators::distinct::Distinct;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u64 = 10_000_000;
const BATCH_ROWS: usize = 65_536;

fn random(i: u64) -> u64 {
    let x = (i ^ (i >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

fn table(case: &str) -> DataFrame {
    let rows = 0..ROWS;
    let numbers = |distinct: u64| rows.clone().map(|i| (random(i) % distinct * 977) as i64).collect::<Vec<_>>();
    match case {
        "few" => df!("a" => numbers(100)),
        "numbers" => df!("a" => rows.map(|i| (random(random(i) % 5_000_000)) as i64).collect::<Vec<_>>()),
        "runs" => df!("a" => rows.map(|i| random(i / 2) as i64).collect::<Vec<_>>()),
        "texts" => df!("a" => rows.map(|i| format!("{:020}", random(i) % 2_000_000)).collect::<Vec<_>>()),
        "pairs" => df!("a" => numbers(1_000_000), "b" => rows.map(|i| format!("t{}", i % 5)).collect::<Vec<_>>()),
        other => panic!("no case `{other}`"),
    }
    .unwrap()
}

/// Seconds that the threads of this process have run.
fn cpu() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let seconds = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    });
    seconds.sum()
}

/// Megabytes of this process, by a line of its status.
fn megabytes(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Gives batches through operators, one behind the other, and counts what comes out.
fn run(operators: &mut [Box<dyn Operator>], given: &[DataFrame]) -> usize {
    fn give(operators: &mut [Box<dyn Operator>], batch: Option<DataFrame>) -> usize {
        let Some((first, rest)) = operators.split_first_mut() else { return batch.map_or(0, |batch| batch.height()) };
        let (mut output, mut rows) = (Output::default(), 0);
        let is_end = batch.is_none();
        let mut progress = match batch {
            Some(batch) => first.on_batch(0, Batch::new(batch, 0), &mut output),
            None => first.on_input_end(0, &mut output),
        }
        .unwrap();
        loop {
            let sent: Vec<DataFrame> = output.drain().collect();
            rows += sent.into_iter().map(|batch| give(rest, Some(batch))).sum::<usize>();
            if progress == Progress::Done {
                break;
            }
            progress = first.resume(&mut output).unwrap();
        }
        if is_end && !rest.is_empty() { rows + give(rest, None) } else { rows }
    }
    given.iter().map(|batch| give(operators, Some(batch.clone()))).sum::<usize>() + give(operators, None)
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (case, way) = (arguments.next().unwrap(), arguments.next().unwrap());
    let table = table(&case);
    let given = batches(&table, BATCH_ROWS);
    let keys: Vec<&str> = table.columns().iter().map(|column| column.name().as_str()).collect();
    let distinct = Distinct::new(&keys, table.schema()).unwrap();
    let by: Vec<_> = keys.iter().map(|key| col(*key)).collect();
    let plan = AggregatePlan::new(&by, &[], table.schema()).unwrap();
    let context = single_worker(BATCH_ROWS);
    // The peak counts from here on.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, mut grown, mut best, mut rows) = (megabytes("VmRSS:"), None, f64::MAX, 0);
    for _ in 0..3 {
        let start = cpu();
        rows = match way.as_str() {
            "distinct" => run(&mut [distinct.create(&context).unwrap()], &given),
            "partial" => {
                let partial = distinct.clone().partial();
                run(&mut [partial.create(&context).unwrap(), distinct.create(&context).unwrap()], &given)
            },
            "group" => {
                let (first, second) = (plan.before_exchange(), plan.after_exchange());
                run(&mut [first.create(&context).unwrap(), second.create(&context).unwrap()], &given)
            },
            "polars" => table.unique_stable(None, UniqueKeepStrategy::Any, None).unwrap().height(),
            other => panic!("no way `{other}`"),
        };
        best = best.min(cpu() - start);
        grown.get_or_insert(megabytes("VmHWM:") - before);
    }
    println!("{case:8} {way:9} {rows:8} rows, {best:.3} s, {:.0} MB", grown.unwrap_or_default());
}
