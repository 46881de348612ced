//! Files of all formats, written to stores and read from them as local ones: in the S3 server of these tests, and in the
//! stores that the environment names.

use std::path::{Path, PathBuf};

use quokka::prelude::*;
use quokka::{
    CsvOptions, CsvWriteOptions, Error, IpcOptions, IpcWriteOptions, JsonOptions, JsonWriteOptions, ParquetCompression,
    ParquetOptions, ParquetWriteOptions, RunningSink, StoreOptions, WriteReport,
};
use quokka_connectors::store::{Location, Store};

use crate::sinks::{Scratch, in_order, with};
use crate::stores::Server;

/// What the names of single files end in; what is before a `.` is the format.
const FORMATS: [&str; 8] = ["parquet", "csv", "csv.gz", "csv.zst", "ndjson", "ndjson.gz", "ndjson.zst", "arrow"];

/// Values that all formats keep.
fn table(rows: i64) -> DataFrame {
    let n: Vec<i64> = (0..rows).collect();
    df!(
        "n" => &n,
        "key" => n.iter().map(|n| n % 3).collect::<Vec<_>>(),
        "text" => n.iter().map(|n| (n % 7 != 0).then(|| format!("row \"{n}\",\n{}", "é".repeat((n % 9) as usize)))).collect::<Vec<_>>(),
        "half" => n.iter().map(|n| (n % 5 != 0).then_some(*n as f64 / 2.0)).collect::<Vec<_>>(),
        "flag" => n.iter().map(|n| (n % 4 != 0).then_some(n % 2 == 0)).collect::<Vec<_>>(),
    )
    .unwrap()
}

/// Text that no compressor makes small: 32 bytes a row.
fn noise(rows: u64) -> DataFrame {
    let mix = |n: u64| (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let word = |n: u64| format!("{:016x}{:016x}", mix(n) ^ (mix(n) >> 29), mix(mix(n) ^ (mix(n) >> 32)));
    df!("n" => (0..rows as i64).collect::<Vec<_>>(), "text" => (0..rows).map(word).collect::<Vec<_>>()).unwrap()
}

/// Where files are, and with which options.
struct Place {
    root: PathBuf,
    options: StoreOptions,
}

impl Place {
    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn start(
        &self,
        stream: &DataStream,
        name: &str,
        format: &str,
        mode: WriteMode,
        keys: &[&str],
    ) -> quokka::Result<RunningSink> {
        let (path, options, keys) = (self.at(name), self.options.clone(), keys.to_vec());
        match format.split('.').next().unwrap() {
            "parquet" => {
                let options = ParquetWriteOptions::default().with_store_options(options).with_mode(mode);
                let options = options.with_compression(ParquetCompression::Uncompressed).with_partition_by(keys);
                stream.start_sink(path, options)
            },
            "csv" => {
                let options = CsvWriteOptions::default().with_store_options(options).with_mode(mode);
                stream.start_sink(path, options.with_partition_by(keys))
            },
            "ndjson" => {
                let options = JsonWriteOptions::default().with_store_options(options).with_mode(mode);
                stream.start_sink(path, options.with_partition_by(keys))
            },
            _ => {
                let options = IpcWriteOptions::default().with_store_options(options).with_mode(mode);
                stream.start_sink(path, options.with_partition_by(keys))
            },
        }
    }

    fn write(
        &self,
        stream: &DataStream,
        name: &str,
        format: &str,
        mode: WriteMode,
        keys: &[&str],
    ) -> quokka::Result<WriteReport> {
        self.start(stream, name, format, mode, keys)?.wait()
    }

    fn stream(&self, context: &Context, name: &str, format: &str, frame: &DataFrame) -> quokka::Result<DataStream> {
        let (path, options) = (self.at(name), self.options.clone());
        let types = frame.schema().clone();
        match format.split('.').next().unwrap() {
            "parquet" => context.read_parquet_with(path, ParquetOptions::default().with_store_options(options)),
            "csv" => context.read_csv_with(path, CsvOptions::default().with_schema(types).with_store_options(options)),
            "ndjson" => {
                context.read_ndjson_with(path, JsonOptions::default().with_schema(types).with_store_options(options))
            },
            _ => context.read_ipc_with(path, IpcOptions::default().with_store_options(options)),
        }
    }

    fn read(&self, context: &Context, name: &str, format: &str, frame: &DataFrame) -> DataFrame {
        in_order(self.stream(context, name, format, frame).unwrap()).select(frame.get_column_names_owned()).unwrap()
    }
}

#[track_caller]
fn assert_exists(outcome: quokka::Result<WriteReport>, what: &str) {
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, Error::Sink { .. }) && error.report().contains("exists already"),
        "{what}: {}",
        error.report()
    );
}

/// Checks that `stored` is to all formats what a local disk is.
fn check(stored: &Place) {
    let scratch = Scratch::new();
    let local = Place { root: scratch.at(""), options: StoreOptions::default() };
    let context = with(2);
    let (frame, few) = (table(5_000), table(70));
    let (all, less) = (context.from_df(frame.clone()), context.from_df(few.clone()));
    for format in FORMATS {
        let (one, many) = (format!("one.{format}"), format!("many-{format}/"));
        for place in [&local, stored] {
            let what = format!("{} {format}", place.root.display());
            let report = place.write(&all, &one, format, WriteMode::ErrorIfExists, &[]).unwrap();
            assert_eq!((report.rows(), report.files.len()), (5_000, 1), "{what}");
            assert_eq!(report.files[0].path, place.at(&one));
            assert_exists(place.write(&less, &one, format, WriteMode::ErrorIfExists, &[]), &what);
            assert!(place.read(&context, &one, format, &frame).equals_missing(&frame), "{what}");
            place.write(&less, &one, format, WriteMode::Overwrite, &[]).unwrap();
            assert!(place.read(&context, &one, format, &few).equals_missing(&few), "{what}");
            if format.contains('.') {
                continue;
            }

            let report = place.write(&all, &many, format, WriteMode::ErrorIfExists, &["key"]).unwrap();
            assert!(report.rows() == 5_000 && report.files.len() >= 3, "{what}");
            assert_exists(place.write(&less, &many, format, WriteMode::ErrorIfExists, &["key"]), &what);
            assert!(place.read(&context, &many, format, &frame).equals_missing(&frame), "{what}");
            place.write(&less, &many, format, WriteMode::Overwrite, &["key"]).unwrap();
            place.write(&less, &many, format, WriteMode::Append, &["key"]).unwrap();
            let twice = context.from_df(few.vstack(&few).unwrap());
            let found = place.stream(&context, &many, format, &few).unwrap();
            let sums = |stream: DataStream| {
                let sums = stream.group_by([col("key")]).agg([col("n").sum(), col("half").sum(), len()]);
                sums.sort(["key"], Default::default()).collect().unwrap()
            };
            assert_eq!(sums(found), sums(twice), "{what}");
        }
        // Files without rows: their columns, or nothing at all.
        let none = context.from_df(frame.clone()).filter(lit(false));
        for name in [format!("none.{format}"), format!("none-{}/", format.replace('.', "-"))] {
            assert_eq!(stored.write(&none, &name, format, WriteMode::ErrorIfExists, &[]).unwrap().rows(), 0);
        }
    }
    parts(&context, stored);
    nothing_is_left(&context, stored);
}

/// Files of several parts.
fn parts(context: &Context, place: &Place) {
    let frame = noise(500_000);
    let stream = context.from_df(frame.clone());
    for format in ["parquet", "csv", "ndjson", "arrow"] {
        let name = format!("big.{format}");
        let report = place.write(&stream, &name, format, WriteMode::ErrorIfExists, &[]).unwrap();
        assert!(report.bytes() > 2 * (8 << 20), "{format}: {}", report.bytes());
        assert!(place.read(context, &name, format, &frame).equals_missing(&frame), "{format}");
    }
}

/// Of queries that fail or are cancelled.
fn nothing_is_left(context: &Context, place: &Place) {
    let frame = noise(500_000);
    let wrong = col("text").strict_cast(DataType::Int64).is_not_null();
    let late = context.from_df(frame.clone()).filter(col("n").lt(lit(499_999)).or(wrong));
    for name in ["failed.csv", "failed/"] {
        place.write(&late, name, "csv", WriteMode::ErrorIfExists, &[]).unwrap_err();
        let running = place.start(
            &context.from_df(frame.clone()),
            &format!("cancelled-{name}"),
            "csv",
            WriteMode::ErrorIfExists,
            &[],
        );
        let running = running.unwrap();
        running.cancel();
        let is_there = running.wait().is_ok();
        assert!(place.stream(context, name, "csv", &frame).is_err());
        assert_eq!(place.stream(context, &format!("cancelled-{name}"), "csv", &frame).is_ok(), is_there);
    }
}

#[test]
fn s3() {
    let server = Server::start();
    check(&Place { root: "s3://bucket/here".into(), options: server.options() });
}

/// The same in the store that a variable names, by a bucket or a folder in it; the environment has the rest.
fn check_named(variable: &str) {
    let Ok(root) = std::env::var(variable) else {
        panic!("`{variable}` names no place in a store, such as `az://bucket`")
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let root = format!("{}/quokka-test-{now}", root.trim_end_matches('/'));
    check(&Place { root: Path::new(&root).into(), options: StoreOptions::default() });
    let all = Location::parse(&format!("{root}/")).unwrap();
    let store = Store::open(&all, &StoreOptions::default()).unwrap();
    let files: Vec<Location> = store.list(&all).unwrap().map(|file| file.unwrap().location).collect();
    assert!(store.delete_all(&files).is_empty());
}

#[test]
#[ignore = "needs a bucket: see docs/stores.md"]
fn another_s3() {
    check_named("QUOKKA_TEST_S3");
}

#[test]
#[ignore = "needs a container: see docs/stores.md"]
fn azure() {
    check_named("QUOKKA_TEST_AZURE");
}

#[test]
#[ignore = "needs a bucket: see docs/stores.md"]
fn google() {
    check_named("QUOKKA_TEST_GOOGLE");
}
