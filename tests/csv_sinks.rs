//! Queries that end in CSV files, and queries that end before their files do.

use std::fs;
use std::time::{Duration, Instant};

use quokka::engine::error::{Error as EngineError, ErrorKind};
use quokka::prelude::*;
use quokka::{CsvOptions, Error, TextCompression};

use crate::sinks::{Scratch, in_order, table, with};

#[test]
fn what_is_written_is_read() {
    let frame = table(6_000);
    let schema = CsvOptions::default().with_schema(frame.schema().clone());
    for workers in [1, 2, 4] {
        let (context, scratch) = (with(workers), Scratch::new());
        let stream = context.from_df(frame.clone());
        let files = ["t", "t.csv", "t.csv.gz", "t.csv.zst"].map(|name| (name, CsvWriteOptions::default()));
        let folders = [("zipped", TextCompression::Gzip(1)), ("packed", TextCompression::Zstd(1))]
            .map(|(name, compression)| (name, CsvWriteOptions::default().with_compression(compression)));
        for (name, options) in files.into_iter().chain(folders) {
            let report = stream.sink_csv_with(scratch.at(name), options).unwrap();
            assert_eq!(report.rows(), 6_000);
            assert!(report.files.iter().all(|file| file.path.metadata().unwrap().len() == file.bytes));
            if name.contains('.') {
                assert_eq!((report.files.len(), report.files[0].path.clone()), (1, scratch.at(name)));
            }
            let read = context.read_csv_with(scratch.at(name), schema.clone()).unwrap();
            assert!(in_order(read).equals_missing(&frame), "{name} {workers}");
        }
        let starts = |name: &str| fs::read(scratch.at(name)).unwrap()[..4].to_vec();
        assert_eq!(starts("t.csv"), *b"n,te");
        assert_eq!(starts("t.csv.gz")[..2], [0x1f, 0x8b]);
        assert_eq!(starts("t.csv.zst"), [0x28, 0xb5, 0x2f, 0xfd]);
        assert!(scratch.at("zipped/part-00000.csv.gz").exists() && scratch.at("packed/part-00000.csv.zst").exists());
    }
}

#[test]
fn each_file_has_a_header_and_its_size() {
    let (context, scratch) = (with(2), Scratch::new());
    let frame = table(50_000).select(["n", "text"]).unwrap();
    let stream = context.from_df(frame.clone()).sort(["n"], Default::default());
    let options = CsvWriteOptions::default().with_rows_per_file(700);
    let report = stream.sink_csv_with(scratch.at("rows"), options).unwrap();
    assert!(report.files.len() >= 50_000 / 700 && report.files.iter().all(|file| (1..=700).contains(&file.rows)));
    // In the order of the stream, by name.
    let mut next = 0;
    for file in &report.files {
        let text = fs::read_to_string(&file.path).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("n,text"));
        for line in lines {
            assert!(line.starts_with(&format!("{next},")), "{line}");
            next += 1;
        }
    }
    assert_eq!(next, 50_000);
    let options = CsvWriteOptions::default().with_bytes_per_file(50_000).with_include_header(false);
    let report = stream.sink_csv_with(scratch.at("bytes"), options).unwrap();
    // Each worker's last file may be small; none is longer than some thousand rows more.
    assert!(report.files.iter().filter(|file| file.bytes >= 50_000).count() >= report.files.len() - 2);
    assert!(report.files.len() > 5 && report.files.iter().all(|file| file.bytes < 50_000 + 4096 * 15));
    let schema = CsvOptions::default().with_schema(frame.schema().clone()).with_has_header(false);
    assert_eq!(in_order(context.read_csv_with(scratch.at("bytes"), schema).unwrap()), frame);
}

#[test]
fn partitions_and_modes_are_those_of_all_sinks() {
    let (context, scratch) = (with(3), Scratch::new());
    let keys = [Some("a/b"), None, Some("c,d")];
    let frame = df!("n" => (0..900i64).collect::<Vec<_>>(), "k" => (0..900).map(|n| keys[n % 3]).collect::<Vec<_>>());
    let frame = frame.unwrap();
    let options = CsvWriteOptions::default().with_partition_by(["k"]);
    let stream = context.from_df(frame.clone());
    let report = stream.sink_csv_with(scratch.at("t"), options.clone()).unwrap();
    assert!(report.files.iter().all(|file| file.rows <= 300 && file.partition.starts_with("k=")));
    let read = || in_order(context.read_csv(scratch.at("t")).unwrap());
    assert_eq!(read(), frame);
    let error = stream.sink_csv_with(scratch.at("t"), options.clone()).unwrap_err();
    assert!(error.report().contains("exists already"), "{}", error.report());
    let more = context.from_df(frame.clone()).with_columns([col("n") + lit(900i64)]);
    more.sink_csv_with(scratch.at("t"), options.clone().with_mode(WriteMode::Append)).unwrap();
    assert_eq!(read(), frame.vstack(&more.collect().unwrap()).unwrap());
    stream
        .filter(col("n").lt(lit(10)))
        .sink_csv_with(scratch.at("t"), options.with_mode(WriteMode::Overwrite))
        .unwrap();
    assert_eq!(read(), frame.head(Some(10)));
    // Without rows, the columns.
    let report = context.from_df(frame.head(Some(0))).sink_csv(scratch.at("none.csv")).unwrap();
    assert_eq!((report.files.len(), fs::read_to_string(scratch.at("none.csv")).unwrap().as_str()), (1, "n,k\n"));
}

#[test]
fn what_cannot_be_written_is_refused_before_the_query_runs() {
    let (context, scratch) = (with(1), Scratch::new());
    let list = Series::new("l".into(), [Series::new("".into(), [1i64])]);
    let lists = context.from_df(DataFrame::new(1, vec![list.into_column()]).unwrap());
    let numbers = context.from_df(df!("n" => [1i64]).unwrap());
    for (stream, name, options, expected) in [
        (&lists, "t", CsvWriteOptions::default(), "column `l`"),
        (&numbers, "t", CsvWriteOptions::default().with_separator(b'"'), "separator and quote"),
        (&numbers, "t.csv", CsvWriteOptions::default().with_compression(TextCompression::Gzip(6)), "`.csv.gz`"),
        (&numbers, "t", CsvWriteOptions::default().with_compression(TextCompression::Zstd(99)), "from 1 to 22"),
        (&numbers, "t.csv.gz", CsvWriteOptions::default().with_rows_per_file(5), "needs a directory"),
        (&numbers, "t", CsvWriteOptions::default().with_bytes_per_file(0), "is 0"),
    ] {
        let error = stream.sink_csv_with(scratch.at(name), options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
        assert!(error.report().contains(expected), "{}", error.report());
    }
    assert_eq!(scratch.names(), [""; 0]);
}

#[test]
fn a_sink_that_is_cancelled_leaves_nothing() {
    let (context, scratch) = (with(2), Scratch::new());
    let many = context.from_df(df!("n" => (0..30_000i64).collect::<Vec<_>>()).unwrap());
    let endless = many.clone().cross_join(many.clone(), Some("_2".into())).cross_join(many, Some("_3".into()));
    fs::create_dir(scratch.at("old")).unwrap();
    fs::write(scratch.at("old/rows"), "old").unwrap();
    let csv = CsvWriteOptions::default().with_mode(WriteMode::Overwrite);
    let parquet = ParquetWriteOptions::default().with_mode(WriteMode::Overwrite).with_row_group_rows(10_000);
    for name in ["new", "old", "t.csv", "t.parquet"] {
        let query = match name {
            "t.csv" | "new" => endless.start_sink(scratch.at(name), csv.clone()),
            _ => endless.start_sink(scratch.at(name), parquet.clone()),
        };
        let query = query.unwrap();
        // In the middle of a file.
        let written = || {
            let hidden = fs::read_dir(scratch.at("")).unwrap().map(|entry| entry.unwrap().path());
            let hidden = hidden.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with('.'));
            let files = hidden.flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
            files.map(|file| file.unwrap().metadata().map_or(0, |file| file.len())).sum::<u64>()
        };
        let start = Instant::now();
        while written() < 100_000 && start.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(written() > 0 && !query.is_finished());
        query.cancel();
        assert!(matches!(query.wait(), Err(Error::Engine(EngineError::Cancelled))));
        assert_eq!(scratch.names(), ["old"], "{name}");
        assert_eq!(fs::read_to_string(scratch.at("old/rows")).unwrap(), "old");
    }
}

#[test]
fn a_store_takes_what_a_disk_takes() {
    let frame = table(9_000).drop("none").unwrap();
    let schema = CsvOptions::default().with_schema(frame.schema().clone());
    for workers in [1, 2, 4] {
        let context = with(workers);
        let at = |name: &str| format!("memory://csv-sinks-{workers}/{name}");
        let stream = context.from_df(frame.clone());
        for name in ["t", "t.csv", "t.csv.gz"] {
            let report = stream.sink_csv(at(name)).unwrap();
            assert!(report.files.iter().all(|file| file.path.to_str().unwrap().starts_with(&at(name))));
            let read = context.read_csv_with(at(name), schema.clone()).unwrap();
            assert!(in_order(read).equals_missing(&frame), "{name} {workers}");
            let error = stream.sink_csv(at(name)).unwrap_err();
            assert!(error.report().contains("exists already"), "{}", error.report());
        }
        let options = ParquetWriteOptions::default().with_partition_by(["flag"]).with_rows_per_file(1_000);
        let report = stream.sink_parquet_with(at("p"), options.clone()).unwrap();
        assert!(report.files.len() >= 9 && report.files.iter().all(|file| file.rows <= 1_000));
        let read = || in_order(context.read_parquet(at("p")).unwrap());
        assert!(read().equals_missing(&frame));
        let more = stream.clone().with_columns([col("n") + lit(9_000i64)]);
        more.sink_parquet_with(at("p"), options.clone().with_mode(WriteMode::Append)).unwrap();
        assert!(read().equals_missing(&frame.vstack(&more.collect().unwrap()).unwrap()));
        stream.sink_parquet_with(at("p"), options.clone().with_mode(WriteMode::Overwrite)).unwrap();
        assert!(read().equals_missing(&frame));
        // What fails or is cancelled leaves nothing.
        let bad = stream.clone().with_columns([col("text").strict_cast(DataType::Int64)]);
        bad.sink_parquet_with(at("bad"), options.clone()).unwrap_err();
        let many = context.from_df(df!("flag" => (0..30_000i64).collect::<Vec<_>>()).unwrap());
        let endless = many.clone().cross_join(many.clone(), Some("_2".into())).cross_join(many, Some("_3".into()));
        let query = endless.start_sink(at("bad"), ParquetWriteOptions::default()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        query.cancel();
        query.wait().unwrap_err();
        assert!(context.read_parquet(at("bad")).is_err());
    }
}
