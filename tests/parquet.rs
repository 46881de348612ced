//! Parquet files, written by Polars.

use std::fs::{self, File};
use std::path::Path;

use polars_io::parquet::write::ParquetWriter;
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Folder, Rows, assert_same, context, numbers, setting, settings};

fn write(path: &Path, frame: &DataFrame) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut frame = frame.clone();
    ParquetWriter::new(File::create(path).unwrap()).with_row_group_size(Some(16)).finish(&mut frame).unwrap();
}

#[test]
fn files_folders_globs_and_lists() {
    let folder = Folder::new();
    let frame = numbers();
    let (one, two) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write(&one, &frame.slice(0, 120));
    write(&two, &frame.slice(120, 80));
    let query = |stream: DataStream| {
        let stream = stream.filter(col("id").gt_eq(lit(100)).and(col("value").gt(lit(0))));
        stream.group_by([col("key")]).agg([col("real").sum(), len()])
    };
    for index in 0..settings() {
        let (name, context) = setting(index);
        let expected = query(context.from_df(frame.clone())).collect().unwrap();
        let streams = [
            context.read_parquet(folder.path()),
            context.read_parquet(folder.path().join("*.parquet").to_str().unwrap()),
            context.read_parquet([&one, &two]),
            context.read_parquet(vec![one.to_str().unwrap(), two.to_str().unwrap()]),
        ];
        for stream in streams {
            let stream = query(stream.unwrap());
            assert_same(&stream.collect().unwrap(), &expected, Rows::AnyOrder, &|| name.to_owned());
        }
        let ordered = context.read_parquet([&one, &two]).unwrap().slice(110, 20).collect().unwrap();
        assert_same(&ordered, &frame.slice(110, 20), Rows::Ordered, &|| name.to_owned());
    }
}

#[test]
fn only_what_is_used_is_read() {
    let folder = Folder::new();
    let file = folder.path().join("numbers.parquet");
    write(&file, &numbers());
    let stream = context().read_parquet(&file).unwrap().filter(col("id").gt(lit(150))).select([col("text")]);
    let text = stream.explain().unwrap();
    assert!(text.contains("columns=[text] predicate=[[(col(\"id\")) > (dyn int: 150)]]"), "{text}");
    assert_eq!(stream.collect().unwrap().height(), 49);
}

#[test]
fn folders_can_be_columns() {
    let folder = Folder::new();
    write(&folder.path().join("year=2024/a.parquet"), &numbers().slice(0, 50));
    write(&folder.path().join("year=2025/a.parquet"), &numbers().slice(50, 70));
    let stream = context().read_parquet(folder.path()).unwrap();
    let rows = stream.group_by([col("year")]).agg([len()]).sort(["year"], Default::default()).collect().unwrap();
    assert_eq!(rows.column("len").unwrap().u32().unwrap().iter().flatten().collect::<Vec<_>>(), [50, 70]);
}

#[test]
fn files_that_are_not_there() {
    let error = context().read_parquet("no/such/file.parquet").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.report().starts_with("cannot open `no/such/file.parquet`: "), "{}", error.report());
}

/// Row groups of 16 rows, each with its own range of `id`.
fn by_id() -> DataFrame {
    let count = 400i64;
    let id: Vec<i64> = (0..count).collect();
    let group: Vec<Option<i64>> = (0..count).map(|i| (i % 29 != 7).then_some(i * 11 % 60)).collect();
    let text: Vec<String> = (0..count).map(|i| format!("row {i}")).collect();
    df!("id" => id, "group" => group, "text" => text).unwrap()
}

#[test]
fn joins_read_only_what_can_match() {
    let folder = Folder::new();
    let (facts, names) = (folder.path().join("facts.parquet"), folder.path().join("names.parquet"));
    let ids: Vec<i64> = (0..90).map(|i| i * 4 - 20).collect();
    let name: Vec<String> = ids.iter().map(|id| format!("name {}", id % 12)).collect();
    let dimension = df!("key" => &ids, "name" => &name).unwrap();
    write(&facts, &by_id());
    write(&names, &dimension);
    type Query = fn(DataStream, DataStream) -> DataStream;
    let queries: [Query; 7] = [
        |f, n| f.inner_join(n.filter(col("name").eq(lit("name 4"))), col("id"), col("key")),
        |f, n| f.semi_join(n.filter(col("name").eq(lit("name 4"))), col("group"), col("key")),
        |f, n| f.anti_join(n.filter(col("name").eq(lit("name 4"))), col("group"), col("key")),
        |f, n| f.left_join(n.filter(col("name").eq(lit("name 4"))), col("group"), col("key")),
        |f, n| {
            let counted = f.clone().group_by([col("group")]).agg([len().alias("n"), col("id").max().alias("last")]);
            let joined = counted.inner_join(n.filter(col("key").lt(lit(30))), col("group"), col("key"));
            joined.inner_join(f, col("last"), col("id"))
        },
        |f, n| {
            let pairs = f.clone().inner_join(f, col("id"), col("group"));
            pairs.inner_join(n.filter(col("name").eq(lit("name 8"))), col("id"), col("key"))
        },
        |f, n| f.inner_join(n.filter(col("name").eq(lit("nobody"))), col("id"), col("key")),
    ];
    for query in queries {
        let mut expected = None;
        for index in 0..settings() {
            let (name, context) = setting(index);
            let expected = expected.get_or_insert_with(|| {
                let frames = [by_id(), dimension.clone()].map(|frame| context.from_df(frame));
                let [f, n] = frames;
                query(f, n).collect().unwrap()
            });
            let [f, n] = [&facts, &names].map(|path| context.read_parquet(path.as_path()).unwrap());
            let stream = query(f, n);
            let explain = || format!("{name}\n{}", stream.explain().unwrap());
            assert_same(&stream.collect().unwrap(), expected, Rows::AnyOrder, &explain);
        }
    }
}

#[test]
fn a_file_that_is_opened_twice_is_one_table() {
    let folder = Folder::new();
    let (path, copy) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write(&path, &numbers());
    write(&copy, &numbers());
    let context = context();
    let totals = |path: &Path| context.read_parquet(path).unwrap().group_by([col("key")]).agg([len().alias("rows")]);
    let shared = |one: &DataStream, two: &DataStream| {
        let text = one.clone().union(two.clone()).explain().unwrap();
        text.lines().filter(|line| line.starts_with("shared plan ")).count()
    };
    let before = totals(&path);
    assert_eq!(shared(&before, &totals(&path)), 1);
    assert_eq!(shared(&before, &totals(&copy)), 0, "equal rows of another file");
    // The same name, but not the same file.
    write(&folder.path().join("new.parquet"), &numbers().slice(0, 50));
    fs::rename(folder.path().join("new.parquet"), &path).unwrap();
    let after = totals(&path);
    assert_eq!(shared(&before, &after), 0);
    let rows = before.union(after).select([col("rows").sum()]).collect().unwrap();
    assert_eq!(rows, df!("rows" => [250u32]).unwrap());
}
