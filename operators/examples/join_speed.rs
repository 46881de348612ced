//! Speed of the hash join on one thread, next to Polars' hash table and Polars' in-memory join.
//!
//! ```text
//! POLARS_MAX_THREADS=1 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_MMAP_THRESHOLD_=4000000000 \
//!     cargo run --release -p quokka-operators --example join_speed
//! ```
//!
//! 1.5 M build rows and 6 M probe rows with four columns each, shaped like `orders` and `lineitem`; CPU time,
//! best of five. The
//! variables stand in for the allocator of a real program (glibc returns the memory of each batch to the system).

#![expect(clippy::unwrap_used, reason = "an example")]

use std::hint::black_box;

use polars_core::prelude::*;
use polars_expr::hash_keys::HashKeys;
use polars_expr::idx_table::new_idx_table;
use polars_lazy::prelude::IntoLazy;
use polars_plan::prelude::col;
use quokka_engine::batch::Batch;
use quokka_engine::hash::{hash_rows, part_of};
use quokka_engine::operator::testing::batches;
use quokka_engine::operator::{Operator, OperatorFactory, Output, Progress, WorkerContext};
use quokka_operators::join::{HashJoin, JoinInput, JoinOptions, JoinType};

const BUILD_ROWS: usize = 1_500_000;
const PROBE_ROWS: usize = 6_000_000;
const BATCH_ROWS: usize = 65_536;

fn order_key(order: u64) -> i64 {
    ((order / 8) * 32 + order % 8 + 1) as i64
}

fn random(i: u64) -> u64 {
    let x = (i ^ (i >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

fn orders() -> DataFrame {
    let rows = 0..BUILD_ROWS as u64;
    let priorities = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"];
    df!(
        "o_orderkey" => rows.clone().map(order_key).collect::<Vec<_>>(),
        "o_custkey" => rows.clone().map(|i| (random(i) % 150_000) as i64).collect::<Vec<_>>(),
        "o_orderdate" => rows.clone().map(|i| (random(i) % 2400) as i32 + 8000).collect::<Vec<_>>(),
        "o_orderpriority" => rows.map(|i| priorities[(random(i) % 5) as usize]).collect::<Vec<_>>(),
    )
    .unwrap()
}

/// Lines whose order is that of `order(line)`.
fn lines(order: impl Fn(u64) -> u64) -> DataFrame {
    let rows = 0..PROBE_ROWS as u64;
    let modes = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"];
    df!(
        "l_orderkey" => rows.clone().map(|i| order_key(order(i))).collect::<Vec<_>>(),
        "l_extendedprice" => rows.clone().map(|i| random(i) as f64 / 7.0).collect::<Vec<_>>(),
        "l_discount" => rows.clone().map(|i| (random(i) % 11) as f64 / 100.0).collect::<Vec<_>>(),
        "l_shipmode" => rows.map(|i| modes[(random(i) % 7) as usize]).collect::<Vec<_>>(),
    )
    .unwrap()
}

fn with_text_key(frame: &DataFrame, key: &str) -> DataFrame {
    let mut frame = frame.clone();
    let text = frame.column(key).unwrap().cast(&DataType::String).unwrap();
    frame.replace(key, text).unwrap();
    frame
}

fn with_second_key(frame: &DataFrame, key: &str, second: &str) -> DataFrame {
    let mut frame = frame.clone();
    let values: Int64Chunked = frame.column(key).unwrap().i64().unwrap().iter().map(|v| v.map(|v| v % 7)).collect();
    frame.with_column(values.with_name(second.into()).into_column()).unwrap();
    frame
}

/// Seconds that the threads of this process have run, so that other programs on the machine count less.
fn now() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap()
    });
    nanos.sum::<f64>() / 1e9
}

struct Times {
    build: f64,
    probe: f64,
    rows: usize,
}

/// `workers` channels of each operator, one after the other on this thread. The time of the exchange is not counted.
fn ours(how: JoinType, probe: &DataFrame, build: &DataFrame, on: (&[&str], &[&str]), workers: usize) -> Times {
    let names = |names: &[&str]| names.iter().map(|name| PlSmallStr::from(*name)).collect::<Vec<_>>();
    let join = HashJoin::new(
        JoinInput { schema: probe.schema().clone(), on: names(on.0) },
        JoinInput { schema: build.schema().clone(), on: names(on.1) },
        JoinOptions::new(how).with_build(quokka_operators::join::Side::Right),
    )
    .unwrap();
    let context = |worker| WorkerContext { worker, workers, process: 0, processes: 1, batch_rows: BATCH_ROWS };
    let mut output = Output::default();
    let mut rows = 0;
    let mut drain = |operator: &mut dyn Operator, mut progress: Progress, output: &mut Output| {
        loop {
            rows += output.drain().map(|batch| black_box(batch).height()).sum::<usize>();
            if progress == Progress::Done {
                return;
            }
            progress = operator.resume(output).unwrap();
        }
    };
    let hashes = hash_rows(build, &names(on.1)).unwrap();
    let parts = |worker| hashes.iter().map(|hash| part_of(*hash, workers) == worker).collect::<BooleanChunked>();
    let parts: Vec<DataFrame> = (0..workers).map(|worker| build.filter_seq(&parts(worker)).unwrap()).collect();
    let started = now();
    for (worker, part) in parts.iter().enumerate() {
        let mut channel = join.build.create(&context(worker)).unwrap();
        for batch in batches(part, BATCH_ROWS) {
            let progress = channel.on_batch(0, Batch::new(batch, 0), &mut output).unwrap();
            drain(channel.as_mut(), progress, &mut output);
        }
        let progress = channel.on_input_end(0, &mut output).unwrap();
        drain(channel.as_mut(), progress, &mut output);
    }
    let build = now() - started;
    let started = now();
    let mut channel = join.probe.create(&context(0)).unwrap();
    for batch in batches(probe, BATCH_ROWS) {
        let progress = channel.on_batch(0, Batch::new(batch, 0), &mut output).unwrap();
        drain(channel.as_mut(), progress, &mut output);
    }
    Times { build, probe: now() - started, rows }
}

/// An inner join with the hash table of Polars' streaming engine.
fn polars_table(probe: &DataFrame, build: &DataFrame, on: (&[&str], &[&str])) -> Times {
    use polars_arrow::array::builder::ShareStrategy;
    use polars_core::frame::builder::DataFrameBuilder;
    let state = PlRandomState::default();
    let all: Vec<u32> = (0..BATCH_ROWS as u32).collect();
    let started = now();
    let keys = build.select(on.1.iter().copied()).unwrap();
    let mut table = new_idx_table(keys.schema().clone());
    let mut builder = DataFrameBuilder::new(build.schema().clone());
    for batch in batches(build, BATCH_ROWS) {
        let keys = HashKeys::from_df(&batch.select(on.1.iter().copied()).unwrap(), state.clone(), false, false);
        // SAFETY: the numbers are rows of the batch.
        unsafe { table.insert_keys_subset(&keys, &all[..batch.height()], false) };
        builder.extend(&batch, ShareStrategy::Always);
    }
    let mut payload = builder.freeze().drop_many(on.1.iter().copied());
    payload.rechunk_mut();
    let build = now() - started;
    let started = now();
    let mut rows = 0;
    let (mut build_rows, mut probe_rows) = (Vec::new(), Vec::new());
    for batch in batches(probe, BATCH_ROWS) {
        let keys = HashKeys::from_df(&batch.select(on.0.iter().copied()).unwrap(), state.clone(), false, false);
        let mut done = 0;
        while done < batch.height() {
            build_rows.clear();
            probe_rows.clear();
            let rest = &all[done..batch.height()];
            // SAFETY: the numbers are rows of the batch; the table gives rows of the payload.
            unsafe {
                let limit = BATCH_ROWS as u32;
                done += table.probe_subset(&keys, rest, &mut build_rows, &mut probe_rows, false, false, limit) as usize;
                let mut joined = batch.take_slice_unchecked_impl(&probe_rows, false);
                joined.hstack_mut_unchecked(payload.take_slice_unchecked_impl(&build_rows, false).columns());
                rows += black_box(joined).height();
            }
        }
    }
    Times { build, probe: now() - started, rows }
}

fn polars_memory(how: JoinType, probe: &DataFrame, build: &DataFrame, on: (&[&str], &[&str])) -> Times {
    use polars_ops::frame::{JoinArgs, JoinType as Polars};
    let how = match how {
        JoinType::Left => Polars::Left,
        JoinType::Semi => Polars::Semi,
        _ => Polars::Inner,
    };
    let columns = |names: &[&str]| names.iter().map(|name| col(*name)).collect::<Vec<_>>();
    let started = now();
    let joined = probe.clone().lazy().join(build.clone().lazy(), columns(on.0), columns(on.1), JoinArgs::new(how));
    let rows = black_box(joined.collect().unwrap()).height();
    Times { build: 0.0, probe: now() - started, rows }
}

fn best(run: impl Fn() -> Times) -> Times {
    let all = (0..5).map(|_| run());
    all.min_by(|a, b| (a.build + a.probe).total_cmp(&(b.build + b.probe))).unwrap()
}

fn main() {
    let orders = orders();
    let clustered = lines(|line| line / 4);
    let scattered = lines(|line| random(line) % BUILD_ROWS as u64);
    let few = orders.filter_seq(&(0..BUILD_ROWS as u64).map(|i| random(i).is_multiple_of(10)).collect()).unwrap();
    let text = (with_text_key(&orders, "o_orderkey"), with_text_key(&scattered, "l_orderkey"));
    let two = (with_second_key(&orders, "o_orderkey", "o_2"), with_second_key(&scattered, "l_orderkey", "l_2"));
    let one = (&["l_orderkey"][..], &["o_orderkey"][..]);
    let both = (&["l_orderkey", "l_2"][..], &["o_orderkey", "o_2"][..]);
    let cases: Vec<(&str, JoinType, &DataFrame, &DataFrame, _)> = vec![
        ("i64, clustered", JoinType::Inner, &clustered, &orders, one),
        ("i64, scattered", JoinType::Inner, &scattered, &orders, one),
        ("i64, 10 % match", JoinType::Inner, &scattered, &few, one),
        ("i64, left, 10 % match", JoinType::Left, &scattered, &few, one),
        ("i64, semi, 10 % match", JoinType::Semi, &scattered, &few, one),
        ("(i64, i64), scattered", JoinType::Inner, &two.1, &two.0, both),
        ("string, scattered", JoinType::Inner, &text.1, &text.0, one),
        ("i64, build the lines", JoinType::Inner, &orders, &scattered, (one.1, one.0)),
    ];
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, how, probe, build, on) in cases.into_iter().filter(|case| case.0.contains(&wanted)) {
        let ours_1 = best(|| ours(how, probe, build, on, 1));
        let ours_4 = best(|| ours(how, probe, build, on, 4));
        assert_eq!(ours_1.rows, ours_4.rows);
        print!(
            "{name}: {} rows; build {:.3} s, probe {:.3} s; as 4 partitions {:.3} s, {:.3} s; Polars",
            ours_1.rows, ours_1.build, ours_1.probe, ours_4.build, ours_4.probe
        );
        if how == JoinType::Inner {
            let table = best(|| polars_table(probe, build, on));
            assert_eq!(table.rows, ours_1.rows);
            print!(" table {:.3} s, {:.3} s;", table.build, table.probe);
        }
        let memory = best(|| polars_memory(how, probe, build, on));
        assert_eq!(memory.rows, ours_1.rows);
        println!(" in memory {:.3} s", memory.probe);
    }
}
