//! Arrow IPC files.

use std::fs;
use std::path::PathBuf;

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{IpcCompression, IpcLayout, IpcOptions, IpcWriteOptions, ParquetOptions};

use crate::support::{Folder, Rows, assert_same, check_queries, context, setting, settings};

fn table() -> DataFrame {
    let rows = 0..5000i64;
    let text: Vec<Option<String>> =
        rows.clone().map(|i| (i % 7 != 0).then(|| format!("row number {} of many", i % 50))).collect();
    let price = Series::new("price".into(), rows.clone().map(|i| i * 25).collect::<Vec<_>>());
    df!(
        "id" => rows.clone().collect::<Vec<_>>(),
        "key" => rows.clone().map(|i| i * i % 11).collect::<Vec<_>>(),
        "text" => text,
        "price" => price.cast(&DataType::Decimal(12, 2)).unwrap(),
        "half" => rows.map(|i| (i % 5 != 0).then_some(i as f64 / 2.0)).collect::<Vec<_>>(),
    )
    .unwrap()
}

#[test]
fn what_is_written_is_read_by_any_number_of_workers() {
    let frame = table();
    let query = |stream: DataStream| {
        let stream = stream.filter(col("id").gt_eq(lit(100)).and(col("half").is_not_null()));
        stream.group_by([col("key")]).agg([col("price").sum(), col("text").max(), len()])
    };
    let compressions = [IpcCompression::Uncompressed, IpcCompression::Lz4, IpcCompression::Zstd(1)];
    for index in 0..settings() {
        let (name, context) = setting(index);
        let compression = compressions[index % compressions.len()];
        let folder = Folder::new();
        let expected = query(context.from_df(frame.clone())).collect().unwrap();
        for layout in [IpcLayout::File, IpcLayout::Stream] {
            let target = folder.path().join(format!("{layout:?}-{compression:?}"));
            let options = IpcWriteOptions::default().with_compression(compression).with_layout(layout);
            let options = options.with_record_batch_rows(700);
            let report = context.from_df(frame.clone()).sink_ipc_with(&target, options).unwrap();
            assert_eq!(report.rows(), 5000);
            let found = query(context.read_ipc(&target).unwrap()).collect().unwrap();
            assert_same(&found, &expected, Rows::AnyOrder, &|| format!("{name} {layout:?} {compression:?}"));
        }
    }
}

#[test]
fn rows_come_in_order() {
    let frame = table();
    let folder = Folder::new();
    let path = folder.path().join("f.arrow");
    context().from_df(frame.clone()).sink_ipc(&path).unwrap();
    check_queries(&frame, |context| context.read_ipc(&path).unwrap());
}

#[test]
fn only_what_is_used_is_read() {
    let folder = Folder::new();
    let path = folder.path().join("f.arrow");
    context().from_df(table()).sink_ipc(&path).unwrap();
    let stream = context().read_ipc(&path).unwrap().filter(col("id").lt(lit(3))).select([col("key")]);
    let text = stream.explain().unwrap();
    assert!(text.contains("ipc-scan") && text.contains("columns=[key] predicate=[[(col(\"id\")) < "), "{text}");
    assert_eq!(stream.collect().unwrap(), df!("key" => [0i64, 1, 4]).unwrap());
}

/// Paths as a column, the same for all formats.
#[test]
fn the_path_of_a_file_decides_whether_it_is_read() {
    let folder = Folder::new();
    let frame = df!("year" => [2023, 2024, 2024], "n" => [1i64, 2, 3]).unwrap();
    let (arrow, parquet) = (folder.path().join("arrow"), folder.path().join("parquet"));
    let stream = context().from_df(frame);
    stream.sink_ipc_with(&arrow, IpcWriteOptions::default().with_partition_by(["year"])).unwrap();
    stream.sink_parquet_with(&parquet, ParquetWriteOptions::default().with_partition_by(["year"])).unwrap();
    let path =
        |root: &PathBuf, extension: &str| root.join(format!("year=2024/part-00000.{extension}")).display().to_string();
    let options = IpcOptions::default().with_include_file_paths("file");
    let from_arrow = context().read_ipc_with(&arrow, options).unwrap();
    let options = ParquetOptions::default().with_include_file_paths("file");
    let from_parquet = context().read_parquet_with(&parquet, options.clone()).unwrap();
    for (stream, path) in [(from_arrow, path(&arrow, "arrow")), (from_parquet, path(&parquet, "parquet"))] {
        let found = stream.clone().filter(col("file").eq(lit(path.clone())));
        let text = found.explain().unwrap();
        assert!(text.contains("read-files=[1 of 2]") || text.contains("row-groups=[1 of 2]"), "{text}");
        let expected = df!("year" => [2024, 2024], "n" => [2i64, 3], "file" => [&path[..], &path]).unwrap();
        assert_eq!(found.collect().unwrap(), expected);
        let counts = stream.group_by([col("file")]).agg([len()]).filter(col("file").eq(lit(path.clone())));
        assert_eq!(counts.collect().unwrap(), df!("file" => [&path[..]], "len" => [2u32]).unwrap());
    }
    let taken = options.with_include_file_paths("n");
    let error = context().read_parquet_with(&parquet, taken).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    assert!(error.report().contains("give the column of paths another name"), "{}", error.report());
}

#[test]
fn errors_name_file_batch_and_column() {
    let folder = Folder::new();
    let path = folder.path().join("f.arrow");
    let frame = df!("n" => [1i64], "text" => ["a text that is longer than twelve bytes"]).unwrap();
    context().from_df(frame).sink_ipc(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.windows(9).position(|window| window == b"is longer").unwrap();
    bytes[place] = 0xff;
    fs::write(&path, bytes).unwrap();
    let stream = context().read_ipc(&path).unwrap();
    let error = stream.collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let report = error.report();
    assert!(
        report.contains("record batch 0 of `") && report.contains("f.arrow` cannot be read in column `text`"),
        "{report}"
    );
    assert_eq!(stream.select([col("n")]).collect().unwrap(), df!("n" => [1i64]).unwrap());
    assert_eq!(context().read_ipc(folder.path().join("no.arrow").as_path()).err().unwrap().kind(), ErrorKind::Io);
    let again = context().from_df(table()).sink_ipc(&path).unwrap_err();
    assert!(again.report().contains("exists already"), "{}", again.report());
}
