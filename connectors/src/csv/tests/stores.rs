//! Files in an S3 server give what local files give.

use std::path::PathBuf;

use polars_core::df;
use quokka_engine::error::ErrorKind;
use quokka_engine::operator::testing::single_worker;

use super::*;
use crate::files::FilesError;
use crate::store::tests::proxy::{Fault, Proxy, passing_faults};
use crate::store::tests::server::{Server, options};
use crate::store::{StoreErrorKind, StoreOptions};
use crate::testing::compress;
use crate::testing::text::check_same_as_local;

fn stored(options: StoreOptions) -> CsvOptions {
    CsvOptions::default().with_store_options(options)
}

/// 20,000 rows, some with newlines in quotes.
fn text() -> String {
    let mut text = "a,b,c\n".to_owned();
    for row in 0..20_000 {
        text.push_str(&format!("{row},\"text\n{}\",{}\n", "x".repeat(row % 50), row % 7));
    }
    text
}

#[test]
fn plain_and_compressed_files_are_read_as_local_ones() {
    let server = Server::start();
    let text = text();
    for (compression, name) in ["f.csv", "f.csv.gz", "f.csv.zst"].into_iter().enumerate() {
        let bytes = compress(text.as_bytes(), compression);
        server.put(name, &bytes);
        let file = csv(&bytes);
        for range in [Some(1000), Some(100_000), None] {
            let local = CsvScan::open_in_ranges([&file.path], CsvOptions::default(), range).unwrap();
            let address = format!("s3://bucket/{name}");
            let scan = CsvScan::open_in_ranges([&address], stored(options(server.address)), range).unwrap();
            check_same_as_local(&scan, &local);
        }
    }
}

#[test]
fn directories_globs_folders_and_addresses_as_columns() {
    let server = Server::start();
    server.put("t/year=2023/f.csv", "a\n1\n");
    server.put("t/year=2024/f.csv", "a\n2\n3\n");
    server.put("t/year=2024/empty.csv", "");
    server.put("t/_SUCCESS", "");
    server.put("t/notes.txt", "no table");
    let paths = ["year=2023/f.csv", "year=2024/f.csv", "year=2024/f.csv"].map(|path| format!("s3://bucket/t/{path}"));
    let all = df!("a" => [1i64, 2, 3], "year" => [2023i64, 2024, 2024], "path" => paths).unwrap();
    let options = stored(options(server.address)).with_include_file_paths("path");
    for address in ["s3://bucket/t/", "s3://bucket/t/*/*.csv", "s3://bucket/t/year=202{3,4}/*"] {
        let scan = CsvScan::open([address], options.clone()).unwrap();
        assert_same(&read_scan(&scan, &ScanRequest::default(), 10).unwrap(), &all);
        assert!(scan.describe().to_string().contains("s3://bucket/t/year=2023/f.csv"));
    }
    // Local files and stored ones are one table, in the order in which they were named.
    let local = csv("a\n7\n");
    let both = [PathBuf::from("s3://bucket/t/year=2023/f.csv"), local.path.clone()];
    let scan = CsvScan::open(both, options.with_hive_partitioning(false)).unwrap();
    let paths = ["s3://bucket/t/year=2023/f.csv", local.path.to_str().unwrap()];
    let all = df!("a" => [1i64, 7], "path" => paths).unwrap();
    assert_same(&read_scan(&scan, &ScanRequest::default(), 10).unwrap(), &all);
}

#[test]
fn a_small_file_is_asked_for_once() {
    let server = Server::start();
    for index in 0..40 {
        server.put(&format!("t/{index:02}.csv"), compress(format!("a\n{index}\n").as_bytes(), index % 3));
    }
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let options = stored(options(proxy.address)).with_schema(schema([("a", DataType::Int64)]));
    let scan = CsvScan::open(["s3://bucket/t/*"], options).unwrap();
    let all = df!("a" => (0..40i64).collect::<Vec<_>>()).unwrap();
    assert_same(&read_scan(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    // And the listing.
    assert_eq!(proxy.requests("GET").len(), 41);
    assert_eq!(proxy.requests("HEAD").len(), 0);
}

#[test]
fn a_query_that_wants_few_rows_does_not_fetch_all() {
    let server = Server::start();
    server.put("f.csv", text());
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let scan = CsvScan::open_in_ranges(["s3://bucket/f.csv"], stored(options(proxy.address)), Some(1000)).unwrap();
    let source = scan.source(&ScanRequest::default()).unwrap();
    assert!(source.splits().unwrap().len() > 500);
    let mut reader = source.open(0, &quokka_engine::operator::testing::single_worker(10)).unwrap();
    while reader.next().unwrap().unwrap().height() == 0 {}
    assert!(proxy.requests("GET").len() < 10);
}

/// What reading fails with.
fn failure(read: impl FnOnce() -> Result<DataFrame, OperatorError>) -> (ErrorKind, StoreErrorKind, String) {
    let error = read().unwrap_err();
    let CsvError::Files(FilesError::Store(cause)) = cause(&error) else { unreachable!("{error}") };
    (error.kind(), cause.kind(), error.to_string())
}

fn read_all(address: &str, options: CsvOptions) -> Result<DataFrame, OperatorError> {
    read_scan(&CsvScan::open([address], options)?, &ScanRequest::default(), 100)
}

#[test]
fn what_is_missing_refused_or_wrong_is_told_with_its_address() {
    let server = Server::start();
    server.put("f.csv", "a\n1\n");
    let options = options(server.address);
    let right = || stored(options.clone());
    let cases = [
        ("s3://bucket/no.csv", right(), StoreErrorKind::NotFound),
        ("s3://bucket/no/*.csv", right(), StoreErrorKind::NotFound),
        ("s3://nowhere/f.csv", right(), StoreErrorKind::NotFound),
        ("s3://bucket/f.csv", stored(options.clone().with("aws_secret_access_key", "x")), StoreErrorKind::Permission),
        ("s3://bucket/{f.csv", right(), StoreErrorKind::Invalid),
        ("ftp://bucket/f.csv", right(), StoreErrorKind::Invalid),
        ("s3://bucket/f.csv", stored(StoreOptions::default().with("no_such_option", "x")), StoreErrorKind::Invalid),
    ];
    for (address, options, kind) in cases {
        let (engine_kind, found, text) = failure(|| read_all(address, options));
        assert_eq!(found, kind, "{text}");
        let is_wrong = kind == StoreErrorKind::Invalid;
        assert_eq!(engine_kind, if is_wrong { ErrorKind::InvalidQuery } else { ErrorKind::Io });
        assert!(text.contains(address.trim_end_matches("/f.csv")), "{text}");
    }
    server.put("only/x.txt", "a\n1\n");
    let error = CsvScan::open(["s3://bucket/only/"], right()).err().unwrap();
    assert!(matches!(&error, CsvError::Files(FilesError::EmptyDirectory { .. })));
    assert!(error.to_string().contains("`s3://bucket/only/`"), "{error}");
}

#[test]
fn a_file_that_is_replaced_after_it_was_found_is_an_error() {
    let server = Server::start();
    let text = text();
    for range in [None, Some(10_000)] {
        server.put("f.csv", &text);
        let scan = CsvScan::open_in_ranges(["s3://bucket/f.csv"], stored(options(server.address)), range).unwrap();
        // As long as before: only the tag tells.
        server.put("f.csv", text.replace('x', "y"));
        let (_, kind, text) = failure(|| read_scan(&scan, &ScanRequest::default(), 100));
        assert_eq!(kind, StoreErrorKind::Changed);
        assert!(text.contains("s3://bucket/f.csv"), "{text}");
    }
    server.put("f.csv", &text);
    let scan = CsvScan::open(["s3://bucket/f.csv"], stored(options(server.address))).unwrap();
    server.put("f.csv", &text[..text.len() / 2]);
    assert_eq!(failure(|| read_scan(&scan, &ScanRequest::default(), 100)).1, StoreErrorKind::Changed);
    std::fs::remove_file(server.path("f.csv")).unwrap();
    assert_eq!(failure(|| read_scan(&scan, &ScanRequest::default(), 100)).1, StoreErrorKind::NotFound);
}

#[test]
fn passing_faults_do_no_harm_and_lasting_ones_are_errors() {
    let server = Server::start();
    let text = text();
    server.put("f.csv", &text);
    server.put("f.csv.gz", compress(text.as_bytes(), 1));
    let expected = read_all("s3://bucket/f.csv", stored(options(server.address))).unwrap();
    for name in ["f.csv", "f.csv.gz"] {
        let proxy = Proxy::start(server.address, passing_faults());
        let address = format!("s3://bucket/{name}");
        let scan = CsvScan::open_in_ranges([&address], stored(options(proxy.address)), Some(100_000)).unwrap();
        assert_same(&read_scan(&scan, &ScanRequest::default(), 100).unwrap(), &expected);
    }
    let proxy = Proxy::start(server.address, |request| match request.method.as_str() {
        "GET" => Fault::Status(503),
        _ => Fault::None,
    });
    let (kind, _, text) = failure(|| read_all("s3://bucket/f.csv", stored(options(proxy.address))));
    assert_eq!(kind, ErrorKind::Io);
    assert!(text.contains("s3://bucket/f.csv") && text.contains("after 4 attempts"), "{text}");
}

#[test]
fn a_bad_value_of_a_stored_file_is_told_with_its_line() {
    let server = Server::start();
    let mut text = text();
    text.push_str("x,y,z\n");
    for (compression, name) in ["f.csv", "f.csv.gz"].into_iter().enumerate() {
        server.put(name, compress(text.as_bytes(), compression));
        let address = format!("s3://bucket/{name}");
        let error = read_all(&address, stored(options(server.address))).unwrap_err();
        let CsvError::Value { place, .. } = cause(&error) else { unreachable!("{error}") };
        assert_eq!((place.path.to_str(), place.line), (Some(address.as_str()), Some(40_002)));
    }
}

#[test]
fn a_range_that_arrives_early_waits_for_the_scan_of_those_before_it() {
    let server = Server::start();
    let text = text();
    server.put("f.csv", &text);
    // The first range never arrives; what stands behind it is read in full with it.
    let proxy = Proxy::start(server.address, |request| match request.range.as_deref() {
        Some("bytes=0-108191") => Fault::Silence,
        _ => Fault::None,
    });
    let scan = CsvScan::open_in_ranges(["s3://bucket/f.csv"], stored(options(proxy.address)), Some(100_000)).unwrap();
    let source = scan.source(&ScanRequest::default()).unwrap();
    let mut first = source.open(0, &single_worker(10)).unwrap();
    let mut second = source.open(1, &single_worker(10)).unwrap();
    for _ in 0..50 {
        assert_eq!(first.next().unwrap().unwrap().height() + second.next().unwrap().unwrap().height(), 0);
    }
    let of_first = |request: &crate::store::tests::proxy::Request| request.range.as_deref() == Some("bytes=0-108191");
    assert_eq!(proxy.requests("GET").into_iter().filter(of_first).count(), 1);
    // Nobody reads it any more: then the second range looks for itself how it ends.
    drop(first);
    while second.next().unwrap().unwrap().height() == 0 {}
}

#[test]
fn a_web_server_without_ranges_is_read_from_front_to_back() {
    let server = Server::start();
    let text = text();
    let expected = read(&text, CsvOptions::default());
    let body = text.clone();
    let proxy = Proxy::start(server.address, move |_| Fault::Body(body.clone()));
    let options = CsvOptions::default().with_store_options(StoreOptions::default().with("max_retries", "1"));
    for range in [None, Some(10_000)] {
        let address = format!("http://{}/f.csv", proxy.address);
        let scan = CsvScan::open_in_ranges([&address], options.clone(), range).unwrap();
        assert_eq!(scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 1);
        assert_same(&read_scan(&scan, &ScanRequest::default(), 777).unwrap(), &expected);
    }
}
