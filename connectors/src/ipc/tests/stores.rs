//! Files in an S3 server give what local files give.

use polars_core::df;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::files::FilesError;
use crate::store::StoreErrorKind;
use crate::store::tests::proxy::{Fault, Proxy, passing_faults};
use crate::store::tests::server::{Server, options};

const ADDRESS: &str = "s3://bucket/f.arrow";

fn stored(server: std::net::SocketAddr, address: &str) -> Result<IpcScan, IpcError> {
    IpcScan::open([address], IpcOptions::default().with_store_options(options(server)))
}

#[test]
fn files_and_streams_are_read_as_local_ones() {
    let server = Server::start();
    let all = super::types::table();
    for form in forms(33).into_iter().chain(forms(1000)) {
        server.put("f.arrow", encode(&all, form));
        let scan = stored(server.address, ADDRESS).unwrap();
        assert_eq!(scan.schema(), *all.schema());
        assert_eq!(scan.rows(), None);
        assert!((20..=400).contains(&scan.estimated_rows().unwrap()), "{:?}", scan.estimated_rows());
        let predicate = col("i64").gt(lit(50));
        for request in [
            ScanRequest::default(),
            request(Some(&["levels", "text"]), None),
            request(Some(&["date"]), Some(predicate)),
            request(Some(&[]), None),
        ] {
            let found = read(&scan, &request, 10).unwrap();
            let expected = expected(&all, &request);
            assert_eq!((found.schema(), found.height()), (expected.schema(), expected.height()));
            for (found, expected) in found.columns().iter().zip(expected.columns()) {
                // Polars does not find lists of structs equal if one is cut out of longer ones.
                assert!(
                    found.name() == "structs" || found.equals_missing(expected),
                    "{form:?}: {found:?} {expected:?}"
                );
            }
        }
    }
}

#[test]
fn addresses_are_columns() {
    let server = Server::start();
    for year in [2023i64, 2024] {
        server.put(&format!("t/year={year}/f.arrow"), encode(&df!("a" => [year * 10]).unwrap(), forms(1)[0]));
    }
    let options = IpcOptions::default().with_store_options(options(server.address)).with_include_file_paths("file");
    let scan = IpcScan::open(["s3://bucket/t/"], options).unwrap();
    let files = [2023, 2024].map(|year| format!("s3://bucket/t/year={year}/f.arrow"));
    let all = df!("a" => [20230i64, 20240], "year" => [2023i64, 2024], "file" => files.clone()).unwrap();
    assert_same(&read(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    let request = request(None, Some(col("file").eq(lit(files[1].clone()))));
    assert_eq!(scan.source(&request).unwrap().splits().unwrap().len(), 1);
    assert_same(&read(&scan, &request, 10).unwrap(), &all.slice(1, 1));
}

#[test]
fn only_what_is_needed_is_fetched() {
    let server = Server::start();
    let rows = 4_000_000i64;
    let values: Vec<i64> = (0..rows).collect();
    let frame = df!("a" => &values, "b" => &values, "c" => &values).unwrap();
    let form = Form { is_stream: false, compression: None, views: true, rows: 1_000_000 };
    server.put("f.arrow", encode(&frame, form));
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let scan = stored(proxy.address, ADDRESS).unwrap();
    let fetched = |request: ScanRequest| {
        let before = proxy.requested_bytes();
        let height = read(&scan, &request, 1 << 20).unwrap().height();
        (height, proxy.requested_bytes() - before)
    };
    let column = 8 * rows as u64;
    let near = |(height, bytes): (usize, u64), expected: u64| {
        assert_eq!(height, rows as usize);
        assert!((expected..=expected + 100_000).contains(&bytes), "{bytes} where {expected} were expected");
    };
    near(fetched(request(Some(&["b"]), None)), column);
    near(fetched(request(Some(&["a", "c"]), None)), 2 * column);
    near(fetched(request(Some(&[]), None)), 0);

    // Small record batches come together.
    server.put("f.arrow", encode(&frame.slice(0, 200_000), Form { rows: 1000, ..form }));
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let scan = stored(proxy.address, ADDRESS).unwrap();
    assert_eq!(read(&scan, &request(Some(&["b"]), None), 1000).unwrap().height(), 200_000);
    assert!(proxy.requests("GET").len() < 12, "{}", proxy.requests("GET").len());
}

#[test]
fn passing_faults_do_no_harm_and_what_is_wrong_is_told_with_its_address() {
    let server = Server::start();
    let all = super::types::table().drop("structs").unwrap();
    for form in forms(33) {
        server.put("f.arrow", encode(&all, form));
        let proxy = Proxy::start(server.address, passing_faults());
        let scan = stored(proxy.address, ADDRESS).unwrap();
        assert_same(&read(&scan, &ScanRequest::default(), 10).unwrap(), &all);

        // It was replaced after it was found.
        let scan = stored(server.address, ADDRESS).unwrap();
        server.put("f.arrow", encode(&all.slice(0, 50), form));
        let error = read(&scan, &ScanRequest::default(), 10).unwrap_err();
        let IpcError::Files(FilesError::Store(store)) = cause(&error) else { unreachable!("{error}") };
        assert_eq!((error.kind(), store.kind()), (ErrorKind::Io, StoreErrorKind::Changed));
        assert!(error.to_string().contains(ADDRESS), "{error}");

        let bytes = encode(&all, form);
        server.put("f.arrow", &bytes[..bytes.len() / 2]);
        let error = match stored(server.address, ADDRESS) {
            Ok(scan) => read(&scan, &ScanRequest::default(), 10).unwrap_err(),
            Err(error) => error.into(),
        };
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains(ADDRESS), "{error}");
    }
    let error = stored(server.address, "s3://bucket/no.arrow").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Io);
    server.put("f.arrow", "no Arrow at all");
    let error = stored(server.address, ADDRESS).err().unwrap();
    assert!(matches!(error, IpcError::Footer { .. }), "{error}");
}
