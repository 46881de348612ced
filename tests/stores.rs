//! Files in stores: what is read from an S3 server is what is read from a local disk.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;

use polars_io::prelude::ParquetWriter;
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{CsvOptions, ParquetOptions, StoreOptions};
use tokio::runtime::Runtime;

use crate::support::{Folder, Rows, assert_same, context, orders, setting, settings};

#[path = "../connectors/src/store/tests/s3.rs"]
mod s3;

/// A server with the bucket `bucket`, gone when the test is.
pub(crate) struct Server {
    pub(crate) folder: Folder,
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        let (address, runtime) = s3::serve(folder.path(), 1);
        Self { folder, address, _runtime: runtime }
    }

    fn path(&self, key: &str) -> PathBuf {
        let path = self.folder.path().join("bucket").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn options(&self) -> StoreOptions {
        let endpoint = format!("http://{}", self.address);
        let keys = [("aws_access_key_id", "key"), ("aws_secret_access_key", "secret"), ("aws_region", "us-east-1")];
        StoreOptions::from_iter(keys).with("aws_endpoint_url", endpoint).with("max_retries", "2")
    }

    fn parquet(&self) -> ParquetOptions {
        ParquetOptions::default().with_store_options(self.options())
    }

    fn csv(&self) -> CsvOptions {
        CsvOptions::default().with_store_options(self.options())
    }
}

fn write_parquet(path: PathBuf, frame: &DataFrame, row_group: usize) {
    let file = File::create(path).unwrap();
    ParquetWriter::new(file).with_row_group_size(Some(row_group)).finish(&mut frame.clone()).unwrap();
}

fn write_csv(path: PathBuf, frame: &DataFrame) {
    let mut text = frame.get_column_names().iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",");
    for row in 0..frame.height() {
        let fields: Vec<String> = frame.get_row(row).unwrap().0.iter().map(ToString::to_string).collect();
        text.push('\n');
        text.push_str(&fields.join(","));
    }
    fs::write(path, text).unwrap();
}

/// Numbers of which some are alike.
fn table(rows: i64) -> DataFrame {
    df!("id" => (0..rows).collect::<Vec<_>>(), "key" => (0..rows).map(|id| id * id % 11).collect::<Vec<_>>()).unwrap()
}

#[test]
fn queries_see_the_rows_of_stored_files() {
    let server = Server::start();
    let frame = table(3000);
    write_parquet(server.path("f.parquet"), &frame, 250);
    write_csv(server.path("f.csv"), &frame);
    let query = |stream: DataStream| {
        let few = stream.clone().filter(col("id").lt(lit(5))).select([col("key"), col("id").alias("small")]);
        let joined = stream.join(few, [col("key")], [col("key")], JoinArgs::new(JoinType::Inner));
        joined.group_by([col("key")]).agg([col("id").sum(), col("small").max(), len()])
    };
    for index in 0..settings() {
        let (name, context) = setting(index);
        let expected = query(context.from_df(frame.clone())).collect().unwrap();
        let stored = [
            context.read_parquet_with("s3://bucket/*.parquet", server.parquet()).unwrap(),
            context.read_csv_with("s3://bucket/f.csv", server.csv()).unwrap(),
        ];
        for stream in stored {
            let found = query(stream.clone()).collect().unwrap();
            assert_same(&found, &expected, Rows::AnyOrder, &|| name.to_owned());
            let ordered = stream.slice(1700, 20).collect().unwrap();
            assert_same(&ordered, &frame.slice(1700, 20), Rows::Ordered, &|| name.to_owned());
        }
    }
}

#[test]
fn folders_of_stores_are_columns_and_leave_files_out() {
    let server = Server::start();
    let mut all = Vec::new();
    for year in [2023, 2024, 2025] {
        let frame = table(i64::from(year) - 2000);
        write_parquet(server.path(&format!("year={year}/f.parquet")), &frame, 10);
        all.push(frame.height());
    }
    let stream = context().read_parquet_with("s3://bucket/", server.parquet()).unwrap();
    let counted = stream.clone().group_by([col("year")]).agg([len()]).sort(["year"], Default::default());
    let expected =
        df!("year" => [2023i64, 2024, 2025], "len" => all.iter().map(|rows| *rows as u32).collect::<Vec<_>>());
    assert_eq!(counted.collect().unwrap(), expected.unwrap());
    let one = stream.filter(col("year").eq(lit(2024)));
    assert!(one.explain().unwrap().contains("s3://bucket/year=2023/f.parquet"));
    assert_eq!(one.collect().unwrap().height(), all[1]);
}

#[test]
fn all_columns_come_as_they_were_written() {
    let server = Server::start();
    let frame = orders();
    write_parquet(server.path("f.parquet"), &frame, 100);
    let address = "s3://bucket/f.parquet";
    let found = context().read_parquet_with([address, address], server.parquet()).unwrap().collect().unwrap();
    let twice = frame.vstack(&frame).unwrap();
    assert_same(&found, &twice, Rows::Ordered, &String::new);
}

#[test]
fn what_cannot_be_read_is_told_with_its_address() {
    let server = Server::start();
    write_parquet(server.path("f.parquet"), &table(100), 10);
    fs::write(server.path("f.csv"), "a\n1\nx\n").unwrap();
    let open = |address: &str, options| match context()
        .read_parquet_with(address, server.parquet().with_store_options(options))
    {
        Err(error) => error,
        Ok(_) => panic!("{address} was opened"),
    };
    for (address, options, told) in [
        ("s3://bucket/no.parquet", server.options(), "does not exist"),
        ("s3://nowhere/*", server.options(), "does not exist"),
        ("s3://bucket/f.parquet", server.options().with("aws_secret_access_key", "wrong"), "access was refused"),
        ("s3://bucket/f.csv", server.options(), "PAR1"),
        ("s3://bucket/f.parquet", server.options().with("aws_regoin", "x"), "aws_regoin"),
        ("gopher://bucket/f.parquet", server.options(), "gopher"),
    ] {
        let report = open(address, options).report();
        assert!(report.contains(told) && report.contains(address.trim_end_matches("/f.parquet")), "{report}");
    }

    let stream = context().read_parquet_with("s3://bucket/f.parquet", server.parquet()).unwrap();
    write_parquet(server.path("f.parquet"), &table(101), 10);
    let error = stream.collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let report = error.report();
    assert!(report.contains("`s3://bucket/f.parquet`") && report.contains("replaced while it was read"), "{report}");

    let types = Schema::from_iter([Field::new("a".into(), DataType::Int64)]);
    let options = server.csv().with_schema(types.into());
    let error = context().read_csv_with("s3://bucket/f.csv", options).unwrap().collect().unwrap_err();
    let report = error.report();
    assert!(report.contains("`s3://bucket/f.csv`, line 3, byte 4, column `a`: `x` is not of type `i64`"), "{report}");
}

#[test]
fn what_is_secret_in_an_address_is_in_no_report() {
    // Nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let few = StoreOptions::default().with("max_retries", "0");
    for (secret, shown) in [
        (format!("http://{address}/x.csv?X-Amz-Signature=hush"), format!("`http://{address}/x.csv?…`")),
        ("https://me:hush@example.org/x.csv".into(), "`https://…`".into()),
    ] {
        let read = context().read_csv_with(&secret, CsvOptions::default().with_store_options(few.clone())).map(drop);
        let write = context().from_df(table(1)).sink_csv(&secret).map(drop);
        for error in [read.unwrap_err(), write.unwrap_err()] {
            let report = error.report();
            assert!(
                report.contains(&shown) && !report.contains("hush") && !format!("{error:?}").contains("hush"),
                "{report}"
            );
        }
    }
}

#[test]
fn addresses_of_local_files_are_paths() {
    let server = Server::start();
    write_parquet(server.path("f.parquet"), &table(10), 10);
    let address = format!("file://{}/*.parquet", server.folder.path().join("bucket").display());
    assert_eq!(context().read_parquet(address).unwrap().collect().unwrap(), table(10));
}
