//! Results that several real processes write to one place in an S3 store: the processes of one cluster, of which one may be
//! killed at any moment, and clusters that want the same place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quokka::prelude::*;
use quokka::{CsvOptions, ParquetOptions, StoreOptions};

use crate::processes::{Cluster, DEADLINE, numbers};
use crate::stores::Server;

#[path = "../connectors/src/store/tests/proxy.rs"]
#[expect(dead_code, reason = "the tests of stores use more of it")]
mod proxy;

use proxy::{Fault, Proxy, Request};

/// Rows enough for a file of several parts of 8 MiB.
const MANY: i64 = 500_000;

/// What a started process does: `arguments` are the address of the server, the mode, rows (none: without end), and the
/// target, whose name says the format.
pub(crate) fn write(context: &Context, arguments: &str) -> quokka::Result<DataFrame> {
    let [address, mode, rows, target]: [&str; 4] = arguments.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let store = options(address);
    let mode = if mode == "overwrite" { WriteMode::Overwrite } else { WriteMode::ErrorIfExists };
    let rows = match rows.parse().unwrap() {
        0 => {
            let rows = numbers(context, 300_000).with_columns([(col("n") % lit(40)).alias("j")]);
            rows.clone().inner_join(rows.select([col("j"), col("n").alias("m")]), col("j"), col("j"))
        },
        count => numbers(context, count).filter(col("n").gt(lit(-1))),
    };
    let rows = rows.with_columns([(col("n") % lit(3)).alias("k")]);
    let name = target.rsplit('/').next().unwrap();
    let report = if name.starts_with("parquet") {
        let options = ParquetWriteOptions::default().with_store_options(store).with_mode(mode);
        let options = options.with_compression(ParquetCompression::Uncompressed).with_row_group_rows(20_000);
        let options =
            if name.contains('.') { options } else { options.with_partition_by(["k"]).with_rows_per_file(30_000) };
        rows.sink_parquet_with(target, options)?
    } else {
        let options = CsvWriteOptions::default().with_store_options(store).with_mode(mode);
        let options =
            if name.contains('.') { options } else { options.with_partition_by(["k"]).with_rows_per_file(30_000) };
        rows.sink_csv_with(target, options)?
    };
    let paths: Vec<&str> = report.files.iter().map(|file| file.path.to_str().unwrap()).collect();
    let rows: Vec<u64> = report.files.iter().map(|file| file.rows).collect();
    Ok(df!("path" => paths, "rows" => rows).unwrap())
}

fn options(address: &str) -> StoreOptions {
    let keys = [("aws_access_key_id", "key"), ("aws_secret_access_key", "secret"), ("aws_region", "us-east-1")];
    let options = StoreOptions::from_iter(keys).with("aws_endpoint_url", format!("http://{address}"));
    options.with("max_retries", "3").with("retry_init_backoff_ms", "5")
}

fn role(address: SocketAddr, mode: &str, rows: i64, target: &str) -> String {
    format!("stored-sink {address} {mode} {rows} s3://bucket/{target}")
}

/// Sizes of the objects of a target.
fn objects(server: &Server, target: &str) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![server.folder.path().join("bucket")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap().map(Result::unwrap) {
            let key =
                entry.path().strip_prefix(server.folder.path().join("bucket")).unwrap().to_str().unwrap().to_owned();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false if key == target || key.starts_with(&format!("{target}/")) => {
                    found.insert(key, entry.metadata().unwrap().len());
                },
                false => {},
            }
        }
    }
    found
}

/// The keys of uploads that were neither completed nor taken back, as the requests for their parts name them.
fn open_uploads(server: &Server, proxy: &Proxy) -> Vec<String> {
    let names = server.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ids: Vec<String> =
        names.filter_map(|name| Some(name.strip_prefix(".upload-")?.strip_suffix(".json")?.to_owned())).collect();
    let parts = proxy.requests("PUT");
    let key = |id: &String| {
        let part = parts.iter().find(|part| part.target.contains(id.as_str()))?;
        Some(part.target.split('?').next().unwrap_or_default().to_owned())
    };
    // Of an upload without parts, which a killed process has left, nobody knows the name.
    ids.iter().map(|id| key(id).unwrap_or_default()).collect()
}

/// Deletes what killed processes have left, as a life-cycle rule of a bucket does.
fn delete_uploads(server: &Server) {
    for entry in server.folder.path().read_dir().unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with(".upload") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// Waits for what started processes do.
#[track_caller]
fn wait_until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "what was expected did not happen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The rows of a target, in order.
fn read(context: &Context, server: &Server, target: &str) -> DataFrame {
    let slash = if target.contains('.') { "" } else { "/" };
    let (store, path) = (options(&server.address.to_string()), format!("s3://bucket/{target}{slash}"));
    let stream = match target.starts_with("parquet") {
        true => context.read_parquet_with(path, ParquetOptions::default().with_store_options(store)),
        false => context.read_csv_with(path, CsvOptions::default().with_store_options(store)),
    };
    stream.unwrap().sort(["n"], Default::default()).collect().unwrap()
}

fn expected(context: &Context, rows: i64) -> DataFrame {
    let rows = numbers(context, rows).with_columns([(col("n") % lit(3)).alias("k")]);
    rows.sort(["n"], Default::default()).collect().unwrap()
}

#[track_caller]
fn assert_rows(found: &DataFrame, expected: &DataFrame, target: &str) {
    assert!(found.equals_missing(expected), "{target}: {found} instead of {expected}");
}

#[test]
fn two_processes_write_to_a_store() {
    let (server, alone) = (Server::start(), Context::builder().workers(2).build().unwrap());
    let proxy = Proxy::start(server.address, |_| Fault::None);
    for target in ["parquet", "csv", "parquet.parquet", "csv.csv"] {
        let role = role(proxy.address, "create", MANY, target);
        let mut cluster = Cluster::start(2, &[&role, &role]);
        let outcomes = cluster.outcomes(&[0, 1]);
        assert!(outcomes[0].0.starts_with("answer"), "{outcomes:?}");
        assert_eq!(outcomes[0].0, outcomes[1].0);
        assert_rows(&read(&alone, &server, target), &expected(&alone, MANY), target);
        let found = objects(&server, target);
        match target.contains('.') {
            true => assert_eq!(found.len(), 1),
            // Files of workers of both processes.
            false => {
                assert!(["part-00000", "part-00003"].iter().all(|part| found.keys().any(|key| key.contains(part))));
                assert!(["k=0/", "k=1/", "k=2/"].iter().all(|part| found.keys().any(|key| key.contains(part))));
            },
        }
        // Refused in both, as the target exists.
        let mut cluster = Cluster::start(1, &[&role, &role]);
        for (outcome, _) in cluster.outcomes(&[0, 1]) {
            assert!(outcome.starts_with("error") && outcome.contains("exists already"), "{outcome}");
        }
        assert_eq!(objects(&server, target), found);
        assert_eq!(open_uploads(&server, &proxy), [""; 0]);
    }
}

#[test]
fn a_process_that_is_killed_in_mid_write_leaves_nothing_to_see() {
    let server = Server::start();
    let mut round = 0;
    for target in ["parquet", "csv", "parquet.parquet", "csv.csv"] {
        for victim in [0, 1] {
            round = round % 5 + 1;
            let proxy = Proxy::start(server.address, |_| Fault::None);
            let role = role(proxy.address, "create", 0, target);
            let mut cluster = Cluster::start(1, &[&role, &role]);
            // Parts that have been sent; of a file, by its one writer.
            let sent = |process: usize| {
                let name = if target.contains('.') { target.to_owned() } else { format!("part-0000{process}-") };
                proxy.requests("PUT").iter().filter(|request| request.target.contains(&name)).count()
            };
            wait_until(|| sent(0) >= round && sent(1) >= round);
            cluster.signal(victim, "-KILL");
            let outcomes = cluster.outcomes(&[1 - victim]);
            assert!(outcomes[0].0.contains(&format!("lost process {victim}")), "{outcomes:?}");
            // It has ended, and taken its uploads back before; those of the victim stay. A file is process 0's.
            let survivors = match target.contains('.') {
                true => if victim == 0 { "nothing" } else { target }.to_owned(),
                false => format!("/part-0000{}-", 1 - victim),
            };
            let left = open_uploads(&server, &proxy);
            assert!(!left.iter().any(|key| key.contains(&survivors)), "{left:?}");
            assert!(objects(&server, target).is_empty(), "{target} {victim}");
        }
    }
}

/// Kills a process when so many uploads have been completed, less one, and the next one is about to be; then lets the other
/// process go on. Process 0 completes all.
fn kill_in_commit(server: &Server, victim: usize, completed: usize, target: &str) -> Proxy {
    let (reached, may_go) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, held) = (reached.clone(), may_go.clone());
    let proxy = Proxy::start(server.address, move |request: &Request| match request.completes() {
        true if count.fetch_add(1, Ordering::SeqCst) + 1 >= completed => match victim {
            0 => Fault::Silence,
            _ => Fault::Until(held.clone()),
        },
        _ => Fault::None,
    });
    let role = role(proxy.address, "overwrite", MANY, target);
    let mut cluster = Cluster::start(1, &[&role, &role]);
    wait_until(|| reached.load(Ordering::SeqCst) >= completed);
    cluster.signal(victim, "-KILL");
    // The survivor has learnt it when it goes on, or not.
    std::thread::sleep(Duration::from_millis(if completed.is_multiple_of(2) { 1_000 } else { 0 }));
    may_go.store(true, Ordering::SeqCst);
    let outcome = cluster.outcomes(&[1 - victim]).remove(0).0;
    assert!(outcome.contains(&format!("lost process {victim}")), "{outcome}");
    proxy
}

#[test]
fn a_process_that_is_killed_in_the_commit_leaves_whole_files() {
    let (server, alone) = (Server::start(), Context::builder().workers(2).build().unwrap());
    for (target, completions) in [("parquet", &[1, 4][..]), ("csv", &[2]), ("csv.csv", &[1])] {
        for completed in completions {
            // Process 0 needs nobody for what it has begun.
            let proxy = kill_in_commit(&server, 1, *completed, target);
            assert_rows(&read(&alone, &server, target), &expected(&alone, MANY), target);
            assert_eq!(open_uploads(&server, &proxy), [""; 0]);
            let before = objects(&server, target);
            // The other way round some of the new files are there, each of them whole, and no old one is gone.
            let proxy = kill_in_commit(&server, 0, *completed, target);
            let left = open_uploads(&server, &proxy);
            assert!(!left.iter().any(|key| key.contains("/part-00001-")), "{left:?}");
            delete_uploads(&server);
            let after = objects(&server, target);
            assert!(before.iter().all(|(key, size)| after.get(key) == Some(size)), "{target} {completed}");
            let new = after.keys().filter(|key| !before.contains_key(*key)).count();
            assert_eq!(new, completed - 1);
            assert!(read(&alone, &server, target).height() >= MANY as usize);
            // The next one clears up.
            let role = role(server.address, "overwrite", MANY, target);
            let mut cluster = Cluster::start(1, &[&role, &role]);
            for (outcome, _) in cluster.outcomes(&[0, 1]) {
                assert!(outcome.starts_with("answer"), "{outcome}");
            }
            assert_rows(&read(&alone, &server, target), &expected(&alone, MANY), target);
        }
    }
}

#[test]
fn of_processes_that_create_one_target_in_a_store_one_wins_at_most() {
    let (server, alone) = (Server::start(), Context::builder().workers(2).build().unwrap());
    for target in ["csv", "csv.csv", "parquet", "parquet.parquet"] {
        // All have looked at the target before one of them completes anything.
        let (come, all_here) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
        let mut seen: Vec<String> = Vec::new();
        let proxy = Proxy::start(server.address, move |request| {
            if !request.completes() {
                return Fault::None;
            }
            // The number of a run is what its names end in; of a file there is one request each.
            let name = request.target.split('?').next().unwrap_or_default();
            let run = if target.contains('.') { request.target.as_str() } else { name.rsplit('-').next().unwrap() };
            if !seen.iter().any(|other| other == run) {
                seen.push(run.to_owned());
                all_here.fetch_or(come.fetch_add(1, Ordering::SeqCst) + 1 == 3, Ordering::SeqCst);
            }
            Fault::Until(all_here.clone())
        });
        let mut clusters: Vec<Cluster> = (0..3)
            .map(|process| Cluster::start(1, &[&role(proxy.address, "create", MANY + process, target)]))
            .collect();
        let outcomes: Vec<String> = clusters.iter_mut().map(|cluster| cluster.outcomes(&[0]).remove(0).0).collect();
        let won: Vec<usize> = (0..3).filter(|process| outcomes[*process].starts_with("answer")).collect();
        assert!(won.len() == 1 || (won.is_empty() && !target.contains('.')), "{outcomes:?}");
        for outcome in outcomes.iter().filter(|outcome| !outcome.starts_with("answer")) {
            assert!(outcome.starts_with("error") && outcome.contains("exists already"), "{outcome}");
        }
        match won.first() {
            Some(process) => {
                let rows = expected(&alone, MANY + *process as i64);
                assert_rows(&read(&alone, &server, target), &rows, target);
            },
            None => assert!(objects(&server, target).is_empty()),
        }
        assert_eq!(open_uploads(&server, &proxy), [""; 0]);
    }
}
