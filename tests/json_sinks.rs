//! Queries that end in files of newline-delimited JSON.

use std::fs;

use quokka::prelude::*;
use quokka::{Error, JsonOptions, JsonWriteOptions, TextCompression};

use crate::support::{Folder, Rows, assert_same, context, numbers, setting, settings};

#[test]
fn files_hold_the_rows() {
    let folder = Folder::new();
    let frame = numbers();
    let options = JsonOptions::default().with_schema(frame.schema().clone());
    for index in 0..settings() {
        let (name, context) = setting(index);
        let stream = context.from_df(frame.clone());
        for file in ["one.ndjson", "one.jsonl.gz", "one.json.zst", "many"] {
            let path = folder.path().join(index.to_string()).join(file);
            let report = stream.sink_ndjson(&path).unwrap();
            assert_eq!((report.rows(), path.is_file()), (frame.height() as u64, file != "many"));
            let found = context.read_ndjson_with(&path, options.clone()).unwrap().collect().unwrap();
            assert_same(&found, &frame, Rows::AnyOrder, &|| format!("{name} {file}"));
        }
    }
}

#[test]
fn nested_values_come_back() {
    let folder = Folder::new();
    let lists = Series::new("l".into(), [Some(Series::new("".into(), [1i64, 2])), None]);
    let fields = df!("x" => [Some(1.5), None], "y" => ["a\"b", "é"]).unwrap().into_struct("s".into()).into_series();
    let frame = DataFrame::new(2, vec![lists.into(), fields.into()]).unwrap();
    let path = folder.path().join("t.ndjson");
    context().from_df(frame.clone()).sink_ndjson(&path).unwrap();
    assert!(context().read_ndjson(&path).unwrap().collect().unwrap().equals_missing(&frame));
    let text = "{\"l\":[1,2],\"s\":{\"x\":1.5,\"y\":\"a\\\"b\"}}\n{\"l\":null,\"s\":{\"x\":null,\"y\":\"é\"}}\n";
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn folders_modes_and_compression() {
    let folder = Folder::new();
    let path = folder.path().join("t");
    let stream = context().from_df(df!("k" => ["a", "b", "a"], "v" => [1i64, 2, 3]).unwrap());
    let options = JsonWriteOptions::default().with_partition_by(["k"]).with_compression(TextCompression::Gzip(1));
    stream.sink_ndjson_with(&path, options.clone()).unwrap();
    assert!(path.join("k=a/part-00000.ndjson.gz").is_file());
    assert!(matches!(stream.sink_ndjson(&path), Err(Error::Sink { .. })));
    stream.sink_ndjson_with(&path, options.with_mode(WriteMode::Append)).unwrap();
    let total = context().read_ndjson(&path).unwrap().group_by([col("k")]).agg([col("v").sum()]);
    let total = total.sort(["k"], Default::default()).collect().unwrap();
    assert_eq!(total, df!("k" => ["a", "b"], "v" => [8i64, 4]).unwrap());
    let none = context().from_df(df!("v" => [1i64]).unwrap()).filter(lit(false));
    none.sink_ndjson(folder.path().join("none.ndjson")).unwrap();
    assert_eq!(fs::read(folder.path().join("none.ndjson")).unwrap(), b"");
}

#[test]
fn what_cannot_be_written() {
    let folder = Folder::new();
    let stream = context().from_df(df!("b" => [&b"x"[..]]).unwrap());
    let error = stream.sink_ndjson(folder.path().join("t.ndjson")).unwrap_err();
    assert!(error.report().contains("column `b` of type `binary` cannot be written as JSON"), "{}", error.report());
    let wrong = JsonWriteOptions::default().with_compression(TextCompression::Gzip(6));
    let error = stream.sink_ndjson_with(folder.path().join("t.ndjson"), wrong).unwrap_err();
    assert!(error.report().contains("`.ndjson.gz`"), "{}", error.report());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
