//! Queries that end in files: what they write, what they leave alone, and that all of it or nothing is there, however they
//! end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use polars_io::SerReader;
use polars_io::prelude::ParquetReader;
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::Folder;
use crate::support::processes::{Process, this_test};

/// Where a started process writes to, and what it does.
const TARGET: &str = "QUOKKA_TEST_SINK";
const ROLE: &str = "QUOKKA_TEST_SINK_ROLE";
const ROWS: i64 = 200_000;
/// The code with which a process ends that finds its target taken.
const REFUSED: i32 = 7;

pub(crate) struct Scratch(Folder);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(Folder::new())
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// All names in the folder; waits for workers that are about to remove what is hidden.
    pub(crate) fn names(&self) -> Vec<String> {
        let start = Instant::now();
        loop {
            let entries = self.0.path().read_dir().unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            if !names.iter().any(|name| name.starts_with('.')) || start.elapsed() > Duration::from_secs(20) {
                names.sort();
                return names;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(crate) fn with(workers: usize) -> Context {
    Context::builder().workers(workers).batch_rows(1_000).build().unwrap()
}

/// Columns of many types, with nulls; `n` tells the rows apart.
pub(crate) fn table(rows: i64) -> DataFrame {
    let n: Vec<i64> = (0..rows).collect();
    let some = |keep: i64| n.iter().map(move |n| (n % keep != 0).then_some(*n));
    let text: Vec<Option<String>> = some(7).map(|n| n.map(|n| format!("row {}", n % 1000))).collect();
    let long: Vec<String> = n.iter().map(|n| format!("{n}").repeat(30)).collect();
    let frame = df!("n" => &n, "text" => text, "long" => long,
        "u" => some(5).map(|n| n.map(|n| u32::MAX - n as u32)).collect::<Vec<_>>(),
        "v" => n.iter().map(|n| u64::MAX / 2 + *n as u64).collect::<Vec<_>>(),
        "small" => some(3).map(|n| n.map(|n| (n % 100) as i8)).collect::<Vec<_>>(),
        "float" => some(11).map(|n| n.map(|n| if n % 13 == 0 { f64::NAN } else { -(n as f64) / 3.0 })).collect::<Vec<_>>(),
        "flag" => some(4).map(|n| n.map(|n| n % 2 == 0)).collect::<Vec<_>>(),
        "none" => n.iter().map(|_| None::<i32>).collect::<Vec<_>>(),
    )
    .unwrap();
    let mut frame = frame;
    let numbers = Series::new("x".into(), n.iter().map(|n| n - rows / 2).collect::<Vec<i64>>());
    for (name, dtype) in [
        ("date", DataType::Date),
        ("time", DataType::Datetime(TimeUnit::Microseconds, None)),
        ("d9", DataType::Decimal(9, 2)),
        ("d18", DataType::Decimal(18, 2)),
        ("d38", DataType::Decimal(38, 4)),
    ] {
        let column = match &dtype {
            DataType::Date => numbers.cast(&DataType::Int32).unwrap().cast(&dtype).unwrap(),
            _ => numbers.cast(&dtype).unwrap(),
        };
        frame.with_column(column.with_name(name.into()).into_column()).unwrap();
    }
    frame
}

/// What Polars reads, file by file in the order of their names.
fn by_polars(paths: &[PathBuf]) -> DataFrame {
    let mut whole: Option<DataFrame> = None;
    for path in paths {
        let frame = ParquetReader::new(std::fs::File::open(path).unwrap()).finish().unwrap();
        match &mut whole {
            Some(whole) => drop(whole.vstack_mut(&frame).unwrap()),
            none => *none = Some(frame),
        }
    }
    whole.unwrap()
}

pub(crate) fn in_order(stream: DataStream) -> DataFrame {
    stream.sort(["n"], Default::default()).collect().unwrap()
}

#[test]
fn what_is_written_is_read() {
    let frame = table(20_000);
    for workers in [1, 2, 4] {
        let (context, scratch) = (with(workers), Scratch::new());
        for compression in [
            ParquetCompression::default(),
            ParquetCompression::Snappy,
            ParquetCompression::Lz4,
            ParquetCompression::Uncompressed,
        ] {
            for name in ["t", "t.parquet"] {
                let options = ParquetWriteOptions::default()
                    .with_compression(compression)
                    .with_row_group_rows(6_000)
                    .with_mode(WriteMode::Overwrite);
                let stream = context.from_df(frame.clone());
                let report = stream.sink_parquet_with(scratch.at(name), options).unwrap();
                assert_eq!(report.rows(), 20_000);
                let paths: Vec<PathBuf> = report.files.iter().map(|file| file.path.clone()).collect();
                assert!(report.files.iter().all(|file| file.path.metadata().unwrap().len() == file.bytes));
                if name == "t.parquet" {
                    assert_eq!(paths, [scratch.at(name)]);
                }
                assert!(by_polars(&paths).sort(["n"], Default::default()).unwrap().equals_missing(&frame));
                let read = context.read_parquet(scratch.at(name)).unwrap();
                assert!(in_order(read).equals_missing(&frame), "{compression:?} {name} {workers}");
            }
        }
        assert_eq!(scratch.names(), ["t", "t.parquet"]);
    }
}

#[test]
fn statistics_never_hide_rows() {
    // Pages of a chunk: 300,000 rows are several.
    let (context, scratch) = (with(2), Scratch::new());
    let frame = table(ROWS);
    context.from_df(frame.clone()).sink_parquet(scratch.at("t.parquet")).unwrap();
    let file = || context.read_parquet(scratch.at("t.parquet")).unwrap();
    for predicate in [
        col("u").gt(lit(u32::MAX - 10)),
        col("u").lt(lit(u32::MAX - 199_990)),
        col("v").gt(lit(u64::MAX / 2 + 199_990)),
        col("d38").lt(lit(-99_990)),
        col("d38").gt(lit(99_990)),
        col("d9").gt(lit(99_990)),
        col("d18").lt(lit(-99_990)),
        col("float").lt(lit(-66_660.0)),
        col("float").is_nan(),
        col("text").eq(lit("row 999")),
        col("long").gt(lit("99999")),
        col("text").is_null(),
        col("small").is_not_null(),
        col("none").is_null(),
        col("date").gt(lit(99_990).cast(DataType::Date)),
        col("flag").eq(lit(true)),
    ] {
        let expected = context.from_df(frame.clone()).filter(predicate.clone()).select([col("n").sum(), len()]);
        let found = file().filter(predicate.clone()).select([col("n").sum(), len()]).collect().unwrap();
        assert_eq!(found, expected.collect().unwrap(), "{predicate}");
        assert_ne!(found.column("len").unwrap().get(0).unwrap().extract::<u64>(), Some(0), "{predicate}");
    }
}

#[test]
fn what_is_there_stays_unless_it_was_asked_for() {
    let (context, scratch) = (with(2), Scratch::new());
    let rows = |from: i64, to: i64| context.from_df(df!("n" => (from..to).collect::<Vec<_>>()).unwrap());
    let sum = |name: &str| {
        in_order(context.read_parquet(scratch.at(name)).unwrap())
            .column("n")
            .unwrap()
            .sum_reduce()
            .unwrap()
            .value()
            .extract::<i64>()
    };
    let mode = |mode| ParquetWriteOptions::default().with_mode(mode);
    for name in ["t", "t.parquet"] {
        rows(0, 10).sink_parquet(scratch.at(name)).unwrap();
        let error = rows(0, 1).sink_parquet(scratch.at(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
        assert!(error.report().contains("exists already"), "{}", error.report());
        assert_eq!(sum(name), Some(45));
        rows(10, 12).sink_parquet_with(scratch.at(name), mode(WriteMode::Overwrite)).unwrap();
        assert_eq!(sum(name), Some(21));
    }
    for round in 0..3 {
        let report = rows(100, 101).sink_parquet_with(scratch.at("t"), mode(WriteMode::Append)).unwrap();
        assert!(report.files.iter().all(|file| file.path.is_file()));
        assert_eq!(sum("t"), Some(21 + 100 * (round + 1)));
    }
    // Nothing to add.
    let report = rows(0, 0).sink_parquet_with(scratch.at("t"), mode(WriteMode::Append)).unwrap();
    assert!(report.files.is_empty());
    rows(5, 6).sink_parquet_with(scratch.at("new"), mode(WriteMode::Append)).unwrap();
    assert_eq!(sum("new"), Some(5));
    // An empty directory holds nothing.
    std::fs::create_dir(scratch.at("empty")).unwrap();
    rows(5, 6).sink_parquet(scratch.at("empty")).unwrap();
    assert_eq!(sum("empty"), Some(5));
    // A query may replace what it reads.
    let doubled = context.read_parquet(scratch.at("t")).unwrap().select([col("n") * lit(2)]);
    doubled.sink_parquet_with(scratch.at("t"), mode(WriteMode::Overwrite)).unwrap();
    assert_eq!(sum("t"), Some(2 * 321));
    let error = rows(0, 1).sink_parquet_with(scratch.at("t.parquet"), mode(WriteMode::Append)).unwrap_err();
    assert!(error.report().contains("needs a directory"), "{}", error.report());
    assert_eq!(scratch.names(), ["empty", "new", "t", "t.parquet"]);
}

#[test]
fn targets_that_cannot_be_written() {
    let (context, scratch) = (with(1), Scratch::new());
    let stream = context.from_df(df!("n" => [1i64], "x" => [1.5]).unwrap());
    std::fs::write(scratch.at("file"), "text").unwrap();
    std::fs::create_dir(scratch.at("folder.parquet")).unwrap();
    let overwrite = || ParquetWriteOptions::default().with_mode(WriteMode::Overwrite);
    for (path, options, expected) in [
        (scratch.at("file"), overwrite(), "is a file"),
        (scratch.at("folder.parquet"), overwrite(), "is a directory"),
        (scratch.at("file/below"), overwrite(), "cannot"),
        (PathBuf::from("/"), overwrite(), "last part"),
        (scratch.at("t"), ParquetWriteOptions::default().with_rows_per_file(0), "is 0"),
        (scratch.at("t"), ParquetWriteOptions::default().with_partition_by(["y"]), "no column `y`"),
        (scratch.at("t"), ParquetWriteOptions::default().with_partition_by(["x"]), "type `f64`"),
        (scratch.at("t"), ParquetWriteOptions::default().with_compression(ParquetCompression::Zstd(99)), "1..=22"),
    ] {
        let error = stream.sink_parquet_with(&path, options).unwrap_err();
        assert!(error.report().contains(expected), "{}", error.report());
    }
    assert_eq!(std::fs::read(scratch.at("file")).unwrap(), b"text");
    assert_eq!(scratch.names(), ["file", "folder.parquet"]);
}

#[test]
fn a_failing_or_cancelled_query_leaves_nothing() {
    let (context, scratch) = (with(2), Scratch::new());
    let n: Vec<i64> = (0..ROWS).collect();
    let text: Vec<String> = n.iter().map(|n| if *n == ROWS - 5 { "five".into() } else { n.to_string() }).collect();
    let stream = context.from_df(df!("n" => n, "text" => text).unwrap());
    for (name, mode) in [("t", WriteMode::ErrorIfExists), ("t.parquet", WriteMode::Overwrite), ("t", WriteMode::Append)]
    {
        let options = ParquetWriteOptions::default().with_row_group_rows(1_000).with_mode(mode);
        let bad = stream.clone().with_columns([col("text").strict_cast(DataType::Int64)]);
        let error = bad.sink_parquet_with(scratch.at(name), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Compute, "{}", error.report());
        assert_eq!(scratch.names(), [""; 0]);
    }
}

#[test]
fn files_of_a_sorted_stream_are_in_order_and_no_file_has_more_rows_than_allowed() {
    for workers in [1, 2, 4] {
        let (context, scratch) = (with(workers), Scratch::new());
        let stream = context.from_df(table(30_000)).sort(["u"], SortMultipleOptions::default().with_nulls_last(true));
        let options = ParquetWriteOptions::default().with_rows_per_file(700);
        let report = stream.sink_parquet_with(scratch.at("t"), options).unwrap();
        assert!(report.files.iter().all(|file| (1..=700).contains(&file.rows)));
        let paths: Vec<PathBuf> = report.files.iter().map(|file| file.path.clone()).collect();
        assert!(paths.len() >= 30_000 / 700 && paths.is_sorted());
        let found = by_polars(&paths);
        let expected = stream.collect().unwrap();
        assert!(found.column("u").unwrap().equals_missing(expected.column("u").unwrap()), "{workers}");
        let small = ParquetWriteOptions::default().with_row_group_rows(1_000).with_bytes_per_file(10_000);
        let report = context.from_df(table(30_000)).sink_parquet_with(scratch.at("small"), small).unwrap();
        assert!(report.files.len() > 5 && report.rows() == 30_000);
    }
}

#[test]
fn partitions_come_back() {
    let words = [
        Some("a/b"),
        Some("x=y"),
        None,
        Some(""),
        Some("100%"),
        Some("ä ö"),
        Some(".hidden"),
        Some("2024-01-01"),
        Some("*?[1]"),
    ];
    let rows = 2_000;
    let n: Vec<i64> = (0..rows).collect();
    let frame = df!("n" => &n,
        "the key" => n.iter().map(|n| words[*n as usize % words.len()]).collect::<Vec<_>>(),
        "i" => n.iter().map(|n| (n % 5 != 0).then_some(n % 3 - 1)).collect::<Vec<_>>(),
        "flag" => n.iter().map(|n| n % 2 == 0).collect::<Vec<_>>(),
        "day" => Series::new("day".into(), n.iter().map(|n| (n % 3) as i32 - 1).collect::<Vec<_>>()).cast(&DataType::Date).unwrap(),
    )
    .unwrap();
    for workers in [1, 3] {
        let (context, scratch) = (with(workers), Scratch::new());
        for keys in [vec!["the key"], vec!["i", "the key"], vec!["flag", "day"]] {
            let options =
                ParquetWriteOptions::default().with_partition_by(keys.clone()).with_mode(WriteMode::Overwrite);
            let report = context.from_df(frame.clone()).sink_parquet_with(scratch.at("t"), options.clone()).unwrap();
            assert_eq!(report.rows(), rows as u64);
            let folders: BTreeSet<&str> = report.files.iter().map(|file| file.partition.as_str()).collect();
            assert!(folders.iter().all(|folder| folder.split('/').count() == keys.len()), "{folders:?}");
            let back = |expected: &DataFrame| {
                let read = in_order(context.read_parquet(scratch.at("t")).unwrap());
                assert!(read.equals_missing(expected), "{keys:?}\n{read}\n{expected}");
            };
            back(&frame);
            let more = context.from_df(frame.clone()).with_columns([col("n") + lit(rows)]);
            more.sink_parquet_with(scratch.at("t"), options.clone().with_mode(WriteMode::Append)).unwrap();
            let both = context.from_df(frame.clone()).union(more);
            back(&in_order(both));
            let none = context.from_df(frame.clone()).filter(col("n").lt(lit(0)));
            none.sink_parquet_with(scratch.at("t"), options).unwrap();
            back(&frame.head(Some(0)));
        }
    }
}

#[test]
fn more_partitions_than_open_files() {
    let (context, scratch) = (with(2), Scratch::new());
    let frame =
        df!("n" => (0..3_000i64).collect::<Vec<_>>(), "k" => (0..3_000i64).map(|n| n % 300).collect::<Vec<_>>())
            .unwrap();
    let options = ParquetWriteOptions::default().with_partition_by(["k"]);
    let report = context.from_df(frame.clone()).sink_parquet_with(scratch.at("t"), options).unwrap();
    assert!(report.files.len() >= 300);
    assert_eq!(in_order(context.read_parquet(scratch.at("t")).unwrap()), frame);
}

#[test]
fn no_rows_are_one_file_with_all_columns() {
    let (context, scratch) = (with(2), Scratch::new());
    let none = context.from_df(table(10)).filter(col("n").lt(lit(0)));
    for name in ["t", "t.parquet"] {
        let report = none.sink_parquet(scratch.at(name)).unwrap();
        assert_eq!((report.files.len(), report.rows()), (1, 0));
        let read = context.read_parquet(scratch.at(name)).unwrap().collect().unwrap();
        assert_eq!(read, table(0));
    }
}

#[test]
fn a_function_gets_every_row_and_its_error_comes_back() {
    let context = with(2);
    let frame = table(5_000);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = seen.clone();
    context
        .from_df(frame.clone())
        .sink_fn(move |worker, batch| {
            assert!(worker < 2 && batch.column("d18")?.dtype() == &DataType::Decimal(18, 2));
            into.lock().unwrap().extend(batch.column("n")?.i64()?.into_no_null_iter());
            Ok(())
        })
        .unwrap();
    let mut seen = seen.lock().unwrap().clone();
    seen.sort_unstable();
    assert_eq!(seen, (0..5_000).collect::<Vec<_>>());
    let error =
        context.from_df(frame).sink_fn(|_, batch| batch.column("nowhere").map(drop).map_err(Into::into)).unwrap_err();
    assert!(error.report().contains("nowhere") && error.report().contains("call-function"), "{}", error.report());
}

/// What a started process does. Does nothing in an ordinary run of the tests.
#[test]
fn process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let target = PathBuf::from(std::env::var(TARGET).unwrap());
    let context = with(2);
    if role == "full" {
        let error = context.from_df(table(ROWS)).sink_parquet(&target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{}", error.report());
        return;
    }
    if role == "create" {
        while !target.with_extension("go").exists() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let text = format!("process {}", std::process::id());
        let rows = context.from_df(df!("n" => (0..ROWS / 10).collect::<Vec<_>>()).unwrap());
        let outcome = rows.with_columns([lit(text).alias("by")]).sink_parquet(&target);
        let Err(error) = outcome else { return };
        assert!(error.report().contains("exists already"), "{}", error.report());
        // Whoever exits without that leaves what the next write removes.
        drop(context);
        std::process::exit(REFUSED);
    }
    for generation in 0i64.. {
        let n: Vec<i64> = (0..20_000).collect();
        let stream = context.from_df(df!("n" => n).unwrap()).with_columns([lit(generation).alias("generation")]);
        let mode = if role == "append" { WriteMode::Append } else { WriteMode::Overwrite };
        let options = ParquetWriteOptions::default().with_rows_per_file(3_000).with_mode(mode);
        let options =
            if target.extension().is_some() { ParquetWriteOptions::default().with_mode(mode) } else { options };
        stream.sink_parquet_with(&target, options).unwrap();
    }
}

#[test]
fn whenever_a_process_is_killed_all_is_there_or_nothing() {
    let (context, scratch) = (with(2), Scratch::new());
    for (role, name) in [("overwrite", "o"), ("append", "a"), ("overwrite", "o.parquet")] {
        let target = scratch.at(name);
        let mut seen = 0;
        for round in 0..12u64 {
            let process = Process::start(this_test("sinks::process").env(ROLE, role).env(TARGET, &target));
            // The first result, then some moment of a later one.
            let begun = Instant::now();
            while !target.exists() && begun.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros(15_000 + round * 7_919));
            // Kills it.
            drop(process);
            let read = context.read_parquet(&target).unwrap();
            let generations = read.group_by([col("generation")]).agg([len(), col("n").sum()]).collect().unwrap();
            let (rows, sums) = (generations.column("len").unwrap(), generations.column("n").unwrap());
            seen = seen.max(generations.height());
            for index in 0..generations.height() {
                let rows = rows.get(index).unwrap().extract::<i64>().unwrap();
                // Every started process appends its own generation 0, and so on.
                assert!(rows > 0 && rows % 20_000 == 0, "{role} {name}: {rows}");
                assert_eq!(sums.get(index).unwrap().extract::<i64>(), Some(rows / 20_000 * (19_999 * 20_000 / 2)));
            }
            assert!(
                role == "append"
                    || (generations.height() == 1 && rows.get(0).unwrap().extract::<i64>() == Some(20_000))
            );
        }
        assert!(seen > 0);
        // The next write removes what the killed ones have left.
        let one = context.from_df(df!("n" => [1i64], "generation" => [-1i64]).unwrap());
        one.sink_parquet_with(&target, ParquetWriteOptions::default().with_mode(WriteMode::Overwrite)).unwrap();
        assert!(scratch.names().iter().all(|name| !name.starts_with('.')), "{:?}", scratch.names());
    }
}

#[test]
fn of_queries_that_create_one_target_at_once_one_wins() {
    let scratch = Scratch::new();
    let contexts: Vec<Context> = (1..5).map(with).collect();
    for round in 0..10 {
        for name in [format!("{round}"), format!("{round}.parquet"), format!("{round}.csv")] {
            let start = std::sync::Barrier::new(contexts.len());
            let (start, path) = (&start, &scratch.at(&name));
            let query = |context: &Context| {
                let rows = context.from_df(df!("n" => (0..5_000i64).collect::<Vec<_>>()).unwrap());
                let rows = rows.with_columns([lit(context.workers() as i64).alias("by")]);
                start.wait();
                if name.ends_with("csv") { rows.sink_csv(path) } else { rows.sink_parquet(path) }
            };
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let query = &query;
                let running: Vec<_> = contexts.iter().map(|context| scope.spawn(move || query(context))).collect();
                running.into_iter().map(|query| query.join().unwrap()).collect()
            });
            let won: Vec<i64> = (0..4).filter(|query| outcomes[*query].is_ok()).map(|query| query as i64 + 1).collect();
            assert_eq!(won.len(), 1, "{name}");
            for error in outcomes.into_iter().filter_map(Result::err) {
                assert!(error.report().contains("exists already"), "{}", error.report());
            }
            let found = match name.ends_with("csv") {
                true => contexts[0].read_csv(path),
                false => contexts[0].read_parquet(path),
            };
            let found = found.unwrap().group_by([col("by")]).agg([len().cast(DataType::Int64)]).collect().unwrap();
            assert_eq!(found, df!("by" => won, "len" => [5_000i64]).unwrap());
        }
    }
    assert!(scratch.names().iter().all(|name| !name.starts_with('.')), "{:?}", scratch.names());
}

#[test]
fn of_processes_that_create_one_target_at_once_one_wins() {
    let (context, scratch) = (with(2), Scratch::new());
    for name in ["d", "t.parquet"] {
        let target = scratch.at(name);
        let start = |_| this_test("sinks::process").env(ROLE, "create").env(TARGET, &target).spawn().unwrap();
        let children: Vec<Child> = (0..4).map(start).collect();
        // They wait for this, whoever starts first.
        std::thread::sleep(Duration::from_millis(300));
        std::fs::write(target.with_extension("go"), "").unwrap();
        let ids: Vec<String> = children.iter().map(|child| format!("process {}", child.id())).collect();
        let codes = children.into_iter().map(|mut child| child.wait().unwrap().code().unwrap());
        let codes: Vec<i32> = codes.collect();
        assert!(codes.iter().all(|code| [0, REFUSED].contains(code)), "{codes:?}");
        let won: Vec<&str> =
            ids.iter().zip(&codes).filter(|(_, code)| **code == 0).map(|(id, _)| id.as_str()).collect();
        assert_eq!(won.len(), 1, "{codes:?}");
        let found = context.read_parquet(&target).unwrap().group_by([col("by")]).agg([len().cast(DataType::Int64)]);
        assert_eq!(found.collect().unwrap(), df!("by" => won, "len" => [ROWS / 10]).unwrap());
    }
    assert_eq!(scratch.names(), ["d", "d.go", "t.go", "t.parquet"]);
}

#[test]
fn a_full_disk_leaves_nothing() {
    let scratch = Scratch::new();
    let program = std::env::current_exe().unwrap();
    // Files of at most 64 blocks; without the signal, a write beyond fails as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f 64; exec '{}' --exact sinks::process --nocapture", program.display());
    let output =
        Command::new("sh").args(["-c", &script]).env(ROLE, "full").env(TARGET, scratch.at("t")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(scratch.names(), [""; 0]);
}
