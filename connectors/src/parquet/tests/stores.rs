//! Files in an S3 server give what local files give, and only what is needed is asked for.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};
use quokka_engine::operator::testing::single_worker;

use super::*;
use crate::files::FilesError;
use crate::parquet::{Damage, ParquetError};
use crate::store::tests::proxy::{Fault, Proxy, eventually, passing_faults};
use crate::store::tests::server::{Server, options};
use crate::store::{StoreErrorKind, StoreOptions};
use crate::testing::Folder;

fn stored(options: StoreOptions) -> ParquetOptions {
    ParquetOptions::default().with_store_options(options)
}

fn open_stored(address: &str, options: StoreOptions) -> ParquetScan {
    ParquetScan::open([address], stored(options)).unwrap()
}

fn random(row: i64) -> i64 {
    row.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 3
}

/// Columns of several kinds, and one that is nested.
fn table(rows: i64) -> DataFrame {
    let rows = || 0..rows;
    let lists: Vec<Series> = rows().map(|row| (0..row % 4).collect::<Series>()).collect();
    df!(
        "i" => rows().collect::<Vec<_>>(),
        "r" => rows().map(random).collect::<Vec<_>>(),
        "text" => rows().map(|row| (row % 9 != 4).then(|| format!("text {}", row % 40))).collect::<Vec<_>>(),
        "l" => Series::new("l".into(), lists),
    )
    .unwrap()
}

#[test]
fn stored_files_are_read_as_local_ones() {
    let server = Server::start();
    let folder = Folder::new();
    let df = table(5000);
    let requests = [
        ScanRequest::default(),
        request(Some(&["text", "i"]), None),
        request(Some(&[]), None),
        request(Some(&["r", "l"]), Some(col("i").gt_eq(lit(1234)).and(col("i").lt(lit(1500))))),
        request(None, Some(col("text").eq(lit("text 7")))),
        request(Some(&["i"]), Some(col("i").lt(lit(0)))),
        request(Some(&["i"]), Some(col("r").gt(lit(i64::MAX)))),
    ];
    for row_group in [100, 999, 5000] {
        let layout = Layout { row_group, page_bytes: Some(2000), ..Layout::default() };
        let bytes = encode(&df, &layout);
        server.put("f.parquet", &bytes);
        fs::write(folder.path().join("f.parquet"), &bytes).unwrap();
        let scan = open_stored("s3://bucket/f.parquet", options(server.address));
        let local = open(folder.path().join("f.parquet"));
        assert_eq!((scan.schema(), scan.rows()), (local.schema(), local.rows()));
        for request in &requests {
            assert_same(&read(&scan, request, 333).unwrap(), &expected(&df, request));
            assert_eq!(
                scan.source(request).unwrap().splits().unwrap().len(),
                local.source(request).unwrap().splits().unwrap().len()
            );
        }
        // What the footer tells is known, and nothing else is asked for.
        for column in ["i", "r"] {
            let (found, known) = (scan.statistics(column), local.statistics(column));
            assert_eq!((found.min, found.max, found.nulls), (known.min, known.max, known.nulls));
        }
        assert_eq!(scan.sample(&["i".into()]).unwrap(), None);
    }
}

#[test]
fn a_row_group_that_is_cut_into_parts_is_fetched_once() {
    let server = Server::start();
    let df = table(1_200_000).select(["i", "r"]).unwrap();
    server.put("f.parquet", encode(&df, &Layout { row_group: 1_200_000, ..Layout::default() }));
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let scan = open_stored("s3://bucket/f.parquet", options(proxy.address));
    let only = request(Some(&["r"]), None);
    assert!(scan.source(&only).unwrap().splits().unwrap().len() > 1);
    assert_same(&read(&scan, &only, 100_000).unwrap(), &df.select(["r"]).unwrap());
    let column = df.height() as u64 * 8;
    let fetched = proxy.requested_bytes();
    assert!(fetched > column / 2 && fetched < column * 3 / 2, "{fetched} of {column}");
}

#[test]
fn only_columns_and_row_groups_that_are_needed_are_fetched() {
    let server = Server::start();
    let df = random_columns(3);
    let layout = Layout { row_group: GROUP, compression: CompressionOptions::Uncompressed, ..Layout::default() };
    server.put("f.parquet", encode(&df, &layout));
    let fetched = |request: &ScanRequest| {
        let proxy = Proxy::start(server.address, |_| Fault::None);
        let scan = open_stored("s3://bucket/f.parquet", options(proxy.address));
        assert_same(&read(&scan, request, 65_536).unwrap(), &expected(&df, request));
        (proxy.requested_bytes(), proxy.requests("GET").len())
    };
    let near = |found: u64, chunks: u64| {
        assert!(found >= chunks * CHUNK && found < chunks * CHUNK + CHUNK / 2, "{found}, {chunks} chunks of {CHUNK}");
    };
    // The footer, and a request a row group.
    let (bytes, requests) = fetched(&request(Some(&["a"]), None));
    near(bytes, 3);
    assert_eq!(requests, 4);
    // Between two chunks lies one that nobody wants, longer than a request is worth.
    let (bytes, requests) = fetched(&request(Some(&["a", "c"]), None));
    near(bytes, 6);
    assert_eq!(requests, 7);
    // Row groups are left out by the footer.
    let (bytes, requests) = fetched(&request(Some(&["b"]), Some(col("i").gt_eq(lit(2 * GROUP as i64)))));
    near(bytes, 1);
    assert_eq!(requests, 2);
    assert_eq!(fetched(&request(Some(&[]), None)).1, 1);
}

const GROUP: usize = 150_000;
const CHUNK: u64 = 8 * GROUP as u64;

/// Row groups of a column of numbers in order, and of three of random ones.
fn random_columns(row_groups: usize) -> DataFrame {
    let rows = 0..(row_groups * GROUP) as i64;
    let column = |seed: i64| rows.clone().map(|row| random(row ^ seed << 40)).collect::<Vec<_>>();
    df!("i" => rows.clone().collect::<Vec<_>>(), "a" => column(1), "b" => column(2), "c" => column(3)).unwrap()
}

#[test]
fn when_it_turns_out_that_no_row_passes_only_what_decides_it_is_fetched() {
    let server = Server::start();
    let df = random_columns(12).select(["a", "b"]).unwrap();
    let layout = Layout { row_group: GROUP, compression: CompressionOptions::Uncompressed, ..Layout::default() };
    server.put("f.parquet", encode(&df, &layout));
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let scan = open_stored("s3://bucket/f.parquet", options(proxy.address));
    let fetched = |request: &ScanRequest, chunks: std::ops::Range<u64>| {
        let before = proxy.requested_bytes();
        assert_same(&read(&scan, request, 65_536).unwrap(), &expected(&df, request));
        let found = proxy.requested_bytes() - before;
        assert!(found > chunks.start * CHUNK && found < chunks.end * CHUNK, "{found}");
    };
    fetched(&request(Some(&["b"]), Some(col("a").eq(lit(5)))), 12..18);
    // A row now and then makes it worth while to fetch the others early.
    fetched(&request(Some(&["b"]), Some((col("a") % lit(1000)).eq(lit(5)))), 23..25);
}

#[test]
fn many_files_with_long_footers_and_folders() {
    let server = Server::start();
    // The footer of 2000 row groups is longer than what is asked for first.
    let df = table(2000);
    let path = server.path("t/k=1/f.parquet");
    write(&path, &df, &Layout { row_group: 1, ..Layout::default() });
    for key in 2..60 {
        write(&server.path(&format!("t/k={key}/f.parquet")), &df.head(Some(key)), &Layout::default());
    }
    let scan = open_stored("s3://bucket/t/", options(server.address));
    let local = open(server.path("t"));
    let request = request(Some(&["k", "i"]), Some(col("i").lt(lit(50))));
    assert_same(&read(&scan, &request, 1000).unwrap(), &read(&local, &request, 1000).unwrap());
    assert_eq!(scan.rows(), local.rows());
    assert_eq!(scan.statistics("k"), local.statistics("k"));
}

#[test]
fn tables_are_told_apart_by_the_tags_of_their_files() {
    let server = Server::start();
    let df = table(10);
    write(&server.path("a.parquet"), &df, &Layout::default());
    write(&server.path("b.parquet"), &df, &Layout::default());
    let identity = |address| open_stored(address, options(server.address)).identity().map(<[u64]>::to_vec);
    let first = identity("s3://bucket/a.parquet");
    assert!(first.is_some());
    assert_eq!(identity("s3://bucket/a.parquet"), first);
    assert_ne!(identity("s3://bucket/b.parquet"), first);
    write(&server.path("a.parquet"), &table(11), &Layout::default());
    assert_ne!(identity("s3://bucket/a.parquet"), first);
}

#[test]
fn damage_and_refusals_are_told_with_the_address() {
    let server = Server::start();
    let bytes = encode(&table(1000), &Layout::default());
    let open = |address: &str, options| ParquetScan::open([address], stored(options)).err().unwrap();
    for (content, is_expected) in [
        (&b""[..], (|damage| matches!(damage, Damage::Empty)) as fn(&Damage) -> bool),
        (b"PAR1", |damage| matches!(damage, Damage::NotParquet)),
        (&bytes[..bytes.len() / 2], |damage| matches!(damage, Damage::NotParquet)),
        (&bytes[bytes.len() - 20..], |damage| matches!(damage, Damage::FooterLength { .. })),
    ] {
        server.put("f.parquet", content);
        let error = open("s3://bucket/f.parquet", options(server.address));
        let ParquetError::Footer { path, source } = &error else { unreachable!("{error}") };
        assert_eq!(path.to_str(), Some("s3://bucket/f.parquet"));
        assert!(is_expected(source), "{source}");
    }
    let cases = [
        ("s3://bucket/no.parquet", options(server.address), StoreErrorKind::NotFound),
        ("s3://nowhere/f.parquet", options(server.address), StoreErrorKind::NotFound),
        ("s3://bucket/f.parquet", options(server.address).with("aws_access_key_id", "x"), StoreErrorKind::Permission),
    ];
    for (address, options, expected) in cases {
        let error = open(address, options);
        assert_eq!(error.kind(), ErrorKind::Io);
        let ParquetError::Files(FilesError::Store(cause)) = &error else { unreachable!("{error}") };
        assert_eq!(cause.kind(), expected);
        assert!(error.to_string().contains(address), "{error}");
    }
}

/// What reading fails with.
#[track_caller]
fn failure(scan: &ParquetScan) -> StoreErrorKind {
    let error = read(scan, &ScanRequest::default(), 100).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("s3://bucket/f.parquet"), "{text}");
    match error.get_ref().downcast_ref::<ParquetError>().unwrap() {
        ParquetError::Files(FilesError::Store(cause)) => cause.kind(),
        other => unreachable!("{other}"),
    }
}

#[test]
fn a_file_that_is_replaced_after_its_footer_was_read_is_an_error() {
    let server = Server::start();
    let df = table(1000);
    let reversed = df.reverse();
    for replacement in [encode(&reversed, &Layout::default()), encode(&table(10), &Layout::default())] {
        server.put("f.parquet", encode(&df, &Layout::default()));
        let scan = open_stored("s3://bucket/f.parquet", options(server.address));
        server.put("f.parquet", replacement);
        assert_eq!(failure(&scan), StoreErrorKind::Changed);
    }
    fs::remove_file(server.path("f.parquet")).unwrap();
    server.put("f.parquet", encode(&df, &Layout::default()));
    let scan = open_stored("s3://bucket/f.parquet", options(server.address));
    fs::remove_file(server.path("f.parquet")).unwrap();
    assert_eq!(failure(&scan), StoreErrorKind::NotFound);
}

#[test]
fn passing_faults_do_no_harm_and_lasting_ones_are_errors() {
    let server = Server::start();
    let df = table(3000);
    server.put("f.parquet", encode(&df, &Layout::default()));
    let proxy = Proxy::start(server.address, passing_faults());
    let scan = open_stored("s3://bucket/f.parquet", options(proxy.address));
    assert_same(&read(&scan, &ScanRequest::default(), 1000).unwrap(), &df);

    let mut asked = 0;
    let proxy = Proxy::start(server.address, move |request| {
        asked += usize::from(request.method == "GET");
        if asked > 1 { Fault::CutAfter(0) } else { Fault::None }
    });
    let scan = open_stored("s3://bucket/f.parquet", options(proxy.address));
    assert_eq!(failure(&scan), StoreErrorKind::Other);
}

#[test]
fn a_reader_waits_no_longer_than_it_is_asked_to() {
    let server = Server::start();
    server.put("f.parquet", encode(&table(100), &Layout::default()));
    let mut asked = 0;
    let proxy = Proxy::start(server.address, move |request| {
        asked += usize::from(request.method == "GET");
        if asked > 1 { Fault::Silence } else { Fault::None }
    });
    let scan = open_stored("s3://bucket/f.parquet", options(proxy.address));
    let source = scan.source(&ScanRequest::default()).unwrap();
    let mut reader = source.open(0, &single_worker(10)).unwrap();
    // Nothing yet: the worker may do other work, or end.
    for _ in 0..3 {
        assert_eq!(reader.next().unwrap().unwrap().height(), 0);
    }
    drop((reader, source));
    eventually(|| proxy.given_up() == 1);
}
