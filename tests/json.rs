//! Files of newline-delimited JSON.

use std::fs;

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{BadRows, JsonOptions};

use crate::support::{Folder, check_pushdown, check_queries, context, lines, long_rows, setting, settings};

/// The file has several ranges, and nested values that are not asked for.
#[test]
fn queries_see_the_rows_of_files() {
    let folder = Folder::new();
    let path = folder.path().join("f.ndjson");
    let frame = long_rows();
    let line = |id, key, text: &str, half: Option<f64>| {
        let half = half.map(|half| format!(",\"half\":{half:?}")).unwrap_or_default();
        let text = text.replace('"', "\\\"").replace('\n', "\\n");
        format!("{{\"id\":{id},\"nested\":{{\"list\":[{key},{{}}]}},\"key\":{key},\"text\":\"{text}\"{half}}}\n")
    };
    let text = lines(&frame, line);
    assert!(text.len() > 2 << 20);
    fs::write(&path, text).unwrap();
    let columns = || [col("id"), col("key"), col("text"), col("half")];
    check_queries(&frame, |context| context.read_ndjson(&path).unwrap().select(columns()));
}

#[test]
fn lists_and_structs_are_columns() {
    let folder = Folder::new();
    let path = folder.path().join("f.jsonl");
    fs::write(&path, "{\"a\":{\"x\":1,\"y\":[1,2]}}\n{\"a\":{\"x\":2}}\n{\"b\":[{\"z\":\"s\"}]}\n").unwrap();
    let stream = context().read_ndjson(&path).unwrap();
    let list = DataType::List(Box::new(DataType::Int64));
    let inner = DataType::Struct(vec![Field::new("z".into(), DataType::String)]);
    let expected = Schema::from_iter([
        Field::new(
            "a".into(),
            DataType::Struct(vec![Field::new("x".into(), DataType::Int64), Field::new("y".into(), list)]),
        ),
        Field::new("b".into(), DataType::List(Box::new(inner))),
    ]);
    assert_eq!(*stream.schema().unwrap(), expected);
    let x = Series::new("x".into(), [Some(1i64), Some(2), None]);
    let y = Series::new("y".into(), [Some(Series::new("".into(), [1i64, 2])), None, None]);
    let b = Series::new("z".into(), ["s"]);
    let frame = stream.collect().unwrap();
    let fields = frame.select(["a"]).unwrap().unnest(["a"], None).unwrap();
    assert!(fields.equals_missing(&DataFrame::new(3, vec![x.into(), y.into()]).unwrap()), "{fields}");
    let inner = frame.column("b").unwrap().list().unwrap().get_as_series(2).unwrap();
    assert_eq!(*inner.struct_().unwrap().fields_as_series(), [b]);
    for index in 0..settings() {
        let (name, context) = setting(index);
        let found = context.read_ndjson(&path).unwrap().collect().unwrap();
        assert!(found.equals_missing(&frame), "{name}: {found}");
    }
}

#[test]
fn only_what_is_used_is_parsed() {
    let folder = Folder::new();
    let path = folder.path().join("f.json");
    fs::write(&path, "{\"a\":1,\"b\":\"x\",\"c\":1.5}\n{\"a\":2,\"b\":\"y\",\"c\":2.5}\n").unwrap();
    check_pushdown(context().read_ndjson(&path).unwrap(), "json-scan");
}

#[test]
fn errors_name_file_line_and_column() {
    let folder = Folder::new();
    let path = folder.path().join("f.json");
    fs::write(&path, "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":\n").unwrap();
    let types = Schema::from_iter([Field::new("a".into(), DataType::Int64)]);
    let options = JsonOptions::default().with_schema(types.into());
    let read = |options| context().read_ndjson_with(&path, options).unwrap();
    let error = read(options.clone()).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let report = error.report();
    assert!(report.contains("f.json`, line 3, byte 18, column 6 of the line: a value was expected"), "{report}");
    let skipping = read(options.with_bad_rows(BadRows::Skip));
    assert_eq!(skipping.collect().unwrap(), df!("a" => [1i64]).unwrap());
    assert!(skipping.explain().unwrap().contains("skipped-rows=[2]"));
    assert_eq!(context().read_ndjson(folder.path().join("no.json").as_path()).err().unwrap().kind(), ErrorKind::Io);
}
