//! Sinks to a real S3 server, behind a proxy that breaks what it is told to break.

mod commits;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_io::SerReader;
use polars_io::prelude::ParquetReader;
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::testing::{Restore, batches, drive};
use quokka_engine::operator::{OperatorFactory, Output, WorkerContext};

use super::{CommitFiles, FileSink, WriteError, WriteFiles, WriteMode, WriteOptions, WriteReport};
use crate::csv::CsvWriteOptions;
use crate::parquet::ParquetWriteOptions;
use crate::store::tests::proxy::{Fault, Proxy, Request, eventually};
use crate::store::tests::server::{Server, options};
use crate::store::{Location, Store, StoreErrorKind, StoreOptions};

fn rows(count: i64) -> DataFrame {
    df!("n" => (0..count).collect::<Vec<_>>(), "k" => (0..count).map(|n| n % 3).collect::<Vec<_>>()).unwrap()
}

/// Text that no compressor makes small.
fn noise(count: u64) -> DataFrame {
    let word = |n: u64| format!("{:016x}", (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (n << 40));
    df!("text" => (0..count).map(|n| word(n).repeat(1 + (n % 3) as usize)).collect::<Vec<_>>()).unwrap()
}

fn csv(server: &Server) -> CsvWriteOptions {
    CsvWriteOptions::default().with_store_options(options(server.address))
}

fn sink(path: &str, options: impl WriteOptions, frame: &DataFrame) -> Result<Arc<FileSink>, WriteError> {
    let files = options.file_options().clone();
    let format = options.into_format(Path::new(path)).unwrap();
    FileSink::new(Path::new(path), files, format, frame.schema().clone()).map(Arc::new)
}

/// The workers of two processes, of which the second has one.
fn contexts() -> [WorkerContext; 2] {
    [0, 1].map(|process| WorkerContext { worker: process, workers: 2, process, processes: 2, batch_rows: 1000 })
}

/// Writes the two halves of a frame, by a worker each; returns what they tell worker 0.
fn write(sinks: &[Arc<FileSink>; 2], frame: &DataFrame) -> Result<Vec<DataFrame>, OperatorError> {
    let half = frame.height() / 2;
    let halves = [frame.slice(0, half), frame.slice(half as i64, usize::MAX)];
    let mut told = Vec::new();
    for ((sink, context), half) in sinks.iter().zip(contexts()).zip(&halves) {
        told.extend(drive(&WriteFiles::new(sink.clone()), &context, vec![batches(half, 1000)], Restore::Never)?);
    }
    Ok(told)
}

fn commit(sink: &Arc<FileSink>, told: Vec<DataFrame>) -> Result<WriteReport, OperatorError> {
    let committed = drive(&CommitFiles::new(sink.clone()), &contexts()[0], vec![told], Restore::Never)?;
    // Without files there is nothing to send.
    Ok(committed.first().map(WriteReport::from_frame).transpose()?.unwrap_or_default())
}

/// All of it, each process with a sink of its own.
fn run(path: &str, options: impl WriteOptions + Clone, frame: &DataFrame) -> Result<WriteReport, OperatorError> {
    let sinks = [sink(path, options.clone(), frame)?, sink(path, options, frame)?];
    commit(&sinks[0], write(&sinks, frame)?)
}

/// An error with its sources, as users see it.
fn text(error: &OperatorError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// Texts of the objects below a name, by their keys.
fn objects(server: &Server, below: &str) -> BTreeMap<String, String> {
    let store = server.store();
    let slash = if below.is_empty() || below.ends_with('/') || below.contains('.') { "" } else { "/" };
    let files = match store.list(&Location::parse(&format!("s3://bucket/{below}{slash}")).unwrap()) {
        Err(error) if error.kind() == StoreErrorKind::NotFound => return BTreeMap::new(),
        files => files.unwrap(),
    };
    let text = |key: &str| String::from_utf8(fs::read(server.path(key)).unwrap()).unwrap();
    files.map(|file| file.unwrap().location.key().into_owned()).map(|key| (key.clone(), text(&key))).collect()
}

/// Whether objects are to be deleted, which their names in the body say.
fn deletes(request: &Request) -> bool {
    request.method == "POST" && request.target.contains("delete")
}

/// The numbers in the first column of CSV files, in the order of their names.
fn numbers(objects: &BTreeMap<String, String>) -> Vec<i64> {
    let lines = objects.values().flat_map(|text| text.lines().skip(1));
    lines.map(|line| line.split(',').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn two_processes_write_a_directory_in_a_store() {
    let server = Server::start();
    let frame = rows(10_000);
    for path in ["s3://bucket/t", "s3://bucket/u/"] {
        let report = run(path, csv(&server).with_rows_per_file(3_000), &frame).unwrap();
        assert_eq!((report.files.len(), report.rows()), (4, 10_000));
        let found = objects(&server, &path[12..13]);
        assert_eq!(found.len(), 4);
        assert_eq!(numbers(&found), (0..10_000).collect::<Vec<_>>());
        assert!(found.values().all(|text| text.starts_with("n,k\n")));
        let named = report.files.iter().map(|file| (file.path.to_str().unwrap().to_owned(), file.bytes));
        let expected = found.iter().map(|(key, text)| (format!("s3://bucket/{key}"), text.len() as u64));
        assert!(named.eq(expected), "{report:?}");
    }
    let report = run("s3://bucket/parts", csv(&server).with_partition_by(["k"]), &frame).unwrap();
    assert_eq!(report.files.len(), 6);
    assert!(
        report.files.iter().all(|file| file.path.to_str().unwrap().contains(&format!("/{}/part-", file.partition)))
    );
    let one = objects(&server, "parts/k=1/");
    assert_eq!(numbers(&one), (0..10_000).filter(|n| n % 3 == 1).collect::<Vec<_>>());
    // Without rows: a file with the columns.
    let report = run("s3://bucket/none", csv(&server), &rows(0)).unwrap();
    assert_eq!((report.files.len(), report.rows()), (1, 0));
    assert_eq!(objects(&server, "none").into_values().collect::<Vec<_>>(), ["n,k\n"]);
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn files_of_many_parts_are_whole() {
    let server = Server::start();
    let frame = noise(1_200_000);
    let report = run("s3://bucket/big", csv(&server), &frame).unwrap();
    assert!(report.files.iter().all(|file| file.bytes > 17 << 20), "{report:?}");
    let text: String = objects(&server, "big").values().flat_map(|text| text.lines().skip(1)).collect();
    let expected: String = frame.column("text").unwrap().str().unwrap().iter().flatten().collect();
    assert!(text == expected);
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn nothing_is_visible_before_the_commit_and_nothing_is_left_without_it() {
    let server = Server::start();
    for frame in [rows(1_000), noise(1_200_000)] {
        let sinks = [(); 2].map(|()| sink("s3://bucket/t", csv(&server), &frame).unwrap());
        let told = write(&sinks, &frame).unwrap();
        // Small files of worker 0 are still in memory.
        assert!(server.open_uploads() > 0 && objects(&server, "").is_empty());
        drop(told);
        drop(sinks);
        eventually(|| server.open_uploads() == 0);
        // In the middle of a file.
        let middle = sink("s3://bucket/t", csv(&server), &frame).unwrap();
        let mut operator = WriteFiles::new(middle).create(&contexts()[1]).unwrap();
        let _ = operator.on_batch(0, Batch::new(frame, 1), &mut Output::default()).unwrap();
        drop(operator);
        eventually(|| server.open_uploads() == 0);
        assert!(objects(&server, "").is_empty());
    }
}

#[test]
fn what_is_there_stays_unless_it_was_asked_for() {
    let server = Server::start();
    for path in ["s3://bucket/t", "s3://bucket/one.csv"] {
        let key = &path[12..];
        let is_file = key.ends_with(".csv");
        // A single file is written by one worker.
        let go = |mode, count| {
            let (options, frame) = (csv(&server).with_mode(mode), rows(count));
            let one = sink(path, options, &frame)?;
            let input = vec![batches(&frame, 100)];
            commit(&one, drive(&WriteFiles::new(one.clone()), &contexts()[0], input, Restore::Never)?)
        };
        go(WriteMode::ErrorIfExists, 10).unwrap();
        let error = go(WriteMode::ErrorIfExists, 5).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
        assert!(text(&error).contains("exists already"), "{}", text(&error));
        assert_eq!(numbers(&objects(&server, key)).len(), 10);
        go(WriteMode::Overwrite, 5).unwrap();
        assert_eq!(numbers(&objects(&server, key)), [0, 1, 2, 3, 4]);
        if is_file {
            assert!(matches!(
                sink(path, csv(&server).with_mode(WriteMode::Append), &rows(1)),
                Err(WriteError::NeedsDirectory { .. })
            ));
            continue;
        }
        for round in 1..3 {
            go(WriteMode::Append, 7).unwrap();
            let found = objects(&server, key);
            let expected: Vec<i64> = (0..5).chain((0..round).flat_map(|_| 0..7)).collect();
            assert_eq!(numbers(&found), expected, "{found:?}");
        }
        assert!(go(WriteMode::Append, 0).unwrap().files.is_empty());
        go(WriteMode::Overwrite, 3).unwrap();
        assert_eq!(numbers(&objects(&server, key)), [0, 1, 2]);
    }
    // Taken since the query began.
    let late = sink("s3://bucket/late", csv(&server), &rows(10)).unwrap();
    let told = drive(&WriteFiles::new(late.clone()), &contexts()[0], vec![vec![rows(10)]], Restore::Never).unwrap();
    server.put("late/other.csv", "n,k\n77,1\n");
    assert!(text(&commit(&late, told).unwrap_err()).contains("exists already"));
    assert_eq!(numbers(&objects(&server, "late")), [77]);
    drop(late);
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn a_commit_that_fails_takes_back_what_is_visible_or_names_it() {
    for can_delete in [true, false] {
        let server = Server::start();
        let failing = Arc::new(AtomicBool::new(false));
        let fails = failing.clone();
        // The upload of the last file cannot be completed.
        let proxy = Proxy::start(server.address, move |request| {
            let is_last = request.target.contains("part-00001-00001");
            let completes = request.method == "POST" && request.target.contains("uploadId");
            match request.method.as_str() {
                _ if fails.load(Ordering::SeqCst) && is_last && completes => Fault::Status(400),
                _ if !can_delete && deletes(request) => Fault::Status(403),
                _ => Fault::None,
            }
        });
        let options = CsvWriteOptions::default().with_store_options(options(proxy.address)).with_rows_per_file(3_000);
        let frame = rows(10_000);
        let sinks = [(); 2].map(|()| sink("s3://bucket/t", options.clone(), &frame).unwrap());
        let told = write(&sinks, &frame).unwrap();
        failing.store(true, Ordering::SeqCst);
        let error = commit(&sinks[0], told).unwrap_err();
        let (text, found) = (text(&error), objects(&server, "t"));
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(text.contains("cannot make the files of `s3://bucket/t` visible"), "{text}");
        match can_delete {
            true => assert!(found.is_empty() && text.contains("none of them is"), "{text} {found:?}"),
            false => {
                assert_eq!(found.len(), 3);
                assert!(found.keys().all(|key| text.contains(&format!("s3://bucket/{key}"))), "{text} {found:?}");
            },
        }
        drop(sinks);
        eventually(|| server.open_uploads() == 0);
    }
}

#[test]
fn old_files_that_cannot_be_deleted_are_named() {
    let server = Server::start();
    run("s3://bucket/t", csv(&server), &rows(10)).unwrap();
    let old = objects(&server, "t");
    let proxy = Proxy::start(server.address, |request| if deletes(request) { Fault::Status(403) } else { Fault::None });
    let options = CsvWriteOptions::default().with_store_options(options(proxy.address)).with_mode(WriteMode::Overwrite);
    let text = text(&run("s3://bucket/t", options, &rows(10)).unwrap_err());
    assert!(text.contains("all new files"), "{text}");
    assert!(old.keys().all(|key| text.contains(key)) && objects(&server, "t").len() == 2 * old.len(), "{text}");
}

#[test]
fn passing_failures_do_no_harm_and_lasting_ones_fail_the_query() {
    let server = Server::start();
    let mut requests = 0;
    let proxy = Proxy::start(server.address, move |request| {
        requests += 1;
        // Each request but the last of its kind can be sent again.
        if requests % 3 == 0 && request.method == "PUT" { Fault::Status(503) } else { Fault::None }
    });
    let csv = |address| CsvWriteOptions::default().with_store_options(options(address));
    run("s3://bucket/t", csv(proxy.address), &noise(1_200_000)).unwrap();
    assert_eq!(objects(&server, "t").len(), 2);
    let full = Proxy::start(server.address, |request| match request.method.as_str() {
        "PUT" => Fault::Status(507),
        _ => Fault::None,
    });
    let error = run("s3://bucket/full", csv(full.address), &noise(1_200_000)).unwrap_err();
    assert!(text(&error).contains("s3://bucket/full/part-"), "{}", text(&error));
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(objects(&server, "full").is_empty());
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn parquet_files_in_memory_come_back() {
    let frame = rows(5_000);
    let target = "memory://sink-of-parquet/t.parquet";
    let one = sink(target, ParquetWriteOptions::default(), &frame).unwrap();
    let told = drive(&WriteFiles::new(one.clone()), &contexts()[0], vec![vec![frame.clone()]], Restore::Never).unwrap();
    let report = commit(&one, told).unwrap();
    let location = Location::parse(target).unwrap();
    let store = Store::open(&location, &StoreOptions::default()).unwrap();
    let bytes = store.reader(&store.head(&location).unwrap()).unwrap().take(0..report.bytes()).unwrap();
    let reader = ParquetReader::new(std::io::Cursor::new(bytes));
    assert_eq!(reader.finish().unwrap(), frame);
    // Memory is not shared by processes.
    let [_, other] = contexts();
    let two = sink("memory://sink-of-parquet/two", ParquetWriteOptions::default(), &frame).unwrap();
    assert!(drive(&WriteFiles::new(two), &other, vec![vec![frame]], Restore::Never).is_err());
}

#[test]
fn stores_that_cannot_be_written_to_are_refused_before_the_query_runs() {
    let server = Server::start();
    let refused = |path: &str, options: CsvWriteOptions| sink(path, options, &rows(1)).map(drop).unwrap_err();
    let kind = |error: WriteError| match error {
        WriteError::Store(error) => error.kind(),
        other => unreachable!("{other}"),
    };
    assert_eq!(kind(refused("http://127.0.0.1:1/t", CsvWriteOptions::default())), StoreErrorKind::Unsupported);
    assert_eq!(kind(refused("s3://", csv(&server))), StoreErrorKind::Invalid);
    assert_eq!(kind(refused("s3://bucket/a//b", csv(&server))), StoreErrorKind::Invalid);
    assert_eq!(kind(refused("ftp://host/t", csv(&server))), StoreErrorKind::Invalid);
    let wrong = options(server.address).with("aws_secret_access_key", "wrong");
    let wrong = CsvWriteOptions::default().with_store_options(wrong);
    assert_eq!(kind(refused("s3://bucket/t", wrong)), StoreErrorKind::Permission);
}
