//! Files in an S3 server give what local files give.

use quokka_engine::error::ErrorKind;

use super::*;
use crate::files::FilesError;
use crate::store::tests::proxy::{Fault, Proxy, passing_faults};
use crate::store::tests::server::{Server, options as server_options};
use crate::store::{StoreErrorKind, StoreOptions};
use crate::testing::compress;
use crate::testing::text::check_same_as_local;

fn stored(options: StoreOptions) -> JsonOptions {
    JsonOptions::default().with_store_options(options)
}

/// 20,000 rows.
fn text() -> String {
    let mut text = String::new();
    for row in 0..20_000 {
        text.push_str(&format!("{{\"a\":{row},\"b\":\"text\\n{}\",\"c\":{}}}\n", "x".repeat(row % 50), row % 7));
    }
    text
}

#[test]
fn plain_and_compressed_files_are_read_as_local_ones() {
    let server = Server::start();
    let text = text();
    for (compression, name) in ["f.ndjson", "f.ndjson.gz", "f.jsonl.zst"].into_iter().enumerate() {
        let bytes = compress(text.as_bytes(), compression);
        server.put(name, &bytes);
        let file = json(&bytes);
        for range in [Some(1000), Some(100_000), None] {
            let local = JsonScan::open_in_ranges([&file.path], options(), range).unwrap();
            let address = format!("s3://bucket/{name}");
            let scan = JsonScan::open_in_ranges([&address], stored(server_options(server.address)), range).unwrap();
            check_same_as_local(&scan, &local);
        }
    }
}

#[test]
fn directories_globs_folders_and_addresses_as_columns() {
    let server = Server::start();
    server.put("t/year=2023/f.ndjson", "{\"a\":1}\n");
    server.put("t/year=2024/f.ndjson", "{\"a\":2}\n{\"a\":3}");
    server.put("t/year=2024/empty.ndjson", "");
    server.put("t/notes.txt", "no table");
    let paths = ["year=2023", "year=2024", "year=2024"].map(|folder| format!("s3://bucket/t/{folder}/f.ndjson"));
    let all = df!("a" => [1i64, 2, 3], "year" => [2023i64, 2024, 2024], "path" => paths).unwrap();
    let options = stored(server_options(server.address)).with_include_file_paths("path");
    for address in ["s3://bucket/t/", "s3://bucket/t/*/*.ndjson", "s3://bucket/t/year=202{3,4}/*"] {
        let scan = JsonScan::open([address], options.clone()).unwrap();
        assert_same(&read_scan(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    }
}

/// What reading fails with.
fn failure(address: &str, options: JsonOptions) -> (ErrorKind, StoreErrorKind, String) {
    let read = || -> Result<DataFrame, OperatorError> {
        read_scan(&JsonScan::open([address], options)?, &ScanRequest::default(), 100)
    };
    let error = read().unwrap_err();
    let JsonError::Files(FilesError::Store(cause)) = cause(&error) else { unreachable!("{error}") };
    (error.kind(), cause.kind(), error.to_string())
}

#[test]
fn passing_faults_do_no_harm_and_lasting_ones_are_errors() {
    let server = Server::start();
    let text = text();
    let expected = read_scan(&JsonScan::open([&json(&text).path], options()).unwrap(), &ScanRequest::default(), 100);
    let expected = expected.unwrap();
    for (compression, name) in ["f.ndjson", "f.ndjson.gz"].into_iter().enumerate() {
        server.put(name, compress(text.as_bytes(), compression));
        let address = format!("s3://bucket/{name}");
        let proxy = Proxy::start(server.address, passing_faults());
        let options = stored(server_options(proxy.address));
        let scan = JsonScan::open_in_ranges([&address], options, Some(100_000)).unwrap();
        assert_same(&read_scan(&scan, &ScanRequest::default(), 100).unwrap(), &expected);

        let proxy = Proxy::start(server.address, |request| match request.method.as_str() {
            "GET" => Fault::Status(503),
            _ => Fault::None,
        });
        let (kind, _, told) = failure(&address, stored(server_options(proxy.address)));
        assert_eq!(kind, ErrorKind::Io);
        assert!(told.contains(&address) && told.contains("after 4 attempts"), "{told}");
    }
    let (kind, found, told) = failure("s3://bucket/no.ndjson", stored(server_options(server.address)));
    assert_eq!((kind, found), (ErrorKind::Io, StoreErrorKind::NotFound));
    assert!(told.contains("s3://bucket/no.ndjson"), "{told}");
}

#[test]
fn a_file_that_is_replaced_after_it_was_found_is_an_error() {
    let server = Server::start();
    let text = text();
    for range in [None, Some(10_000)] {
        server.put("f.ndjson", &text);
        let options = stored(server_options(server.address));
        let scan = JsonScan::open_in_ranges(["s3://bucket/f.ndjson"], options, range).unwrap();
        // As long as before: only the tag tells.
        server.put("f.ndjson", text.replace('x', "y"));
        let error = read_scan(&scan, &ScanRequest::default(), 100).unwrap_err();
        let JsonError::Files(FilesError::Store(found)) = cause(&error) else { unreachable!("{error}") };
        assert_eq!(found.kind(), StoreErrorKind::Changed);
        assert!(error.to_string().contains("s3://bucket/f.ndjson"), "{error}");
    }
}

#[test]
fn a_bad_value_of_a_stored_file_is_told_with_its_line() {
    let server = Server::start();
    let text = text() + "{\"a\":\"x\"}\n";
    let types = schema([("a", DataType::Int64)]);
    for (compression, name) in ["f.ndjson", "f.ndjson.gz"].into_iter().enumerate() {
        server.put(name, compress(text.as_bytes(), compression));
        let address = format!("s3://bucket/{name}");
        let options = stored(server_options(server.address)).with_schema(types.clone());
        let error = read_scan(&JsonScan::open([&address], options).unwrap(), &ScanRequest::default(), 100).unwrap_err();
        let JsonError::Value { place, .. } = cause(&error) else { unreachable!("{error}") };
        assert_eq!((place.path.to_str(), place.line), (Some(address.as_str()), Some(20_001)));
    }
}

#[test]
fn a_web_server_without_ranges_is_read_from_front_to_back() {
    let text = text();
    let body = text.clone();
    let proxy = Proxy::start(Server::start().address, move |_| Fault::Body(body.clone()));
    let expected = read_scan(&JsonScan::open([&json(&text).path], options()).unwrap(), &ScanRequest::default(), 777);
    let address = format!("http://{}/f.ndjson", proxy.address);
    let options = stored(StoreOptions::default().with("max_retries", "1"));
    for range in [None, Some(10_000)] {
        let scan = JsonScan::open_in_ranges([&address], options.clone(), range).unwrap();
        assert_eq!(scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 1);
        assert_same(&read_scan(&scan, &ScanRequest::default(), 777).unwrap(), expected.as_ref().unwrap());
    }
}
