//! Files of newline-delimited JSON.

use std::fs;
use std::path::{Path, PathBuf};

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{BadRows, JsonOptions};

use crate::support::{Rows, assert_same, context, setting, settings};

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quokka-json-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of a failed test does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file of several ranges with nested values, and its rows without them.
fn long_rows(path: &Path) -> DataFrame {
    let rows = 0..2500i64;
    let text: Vec<String> =
        rows.clone().map(|i| format!("{i}: {}", "lorem, ipsum\n".repeat(80 + i as usize % 7))).collect();
    let key: Vec<i64> = rows.clone().map(|i| i * i % 11).collect();
    let half: Vec<Option<f64>> = rows.clone().map(|i| (i % 5 != 0).then_some(i as f64 / 2.0)).collect();
    let mut file = String::new();
    for (id, ((text, key), half)) in text.iter().zip(&key).zip(&half).enumerate() {
        let half = half.map(|half| format!(",\"half\":{half:?}")).unwrap_or_default();
        let text = text.replace('\n', "\\n");
        file.push_str(&format!(
            "{{\"id\":{id},\"nested\":{{\"list\":[{key},{{}}]}},\"key\":{key},\"text\":\"{text}\"{half}}}\n"
        ));
    }
    assert!(file.len() > 2 << 20);
    fs::write(path, &file).unwrap();
    df!("id" => rows.collect::<Vec<_>>(), "key" => key, "text" => text, "half" => half).unwrap()
}

#[test]
fn queries_see_the_rows_of_files() {
    let folder = Folder::new("rows");
    let path = folder.0.join("f.ndjson");
    let frame = long_rows(&path);
    let names = || [col("id"), col("key"), col("text"), col("half")];
    let query = |stream: DataStream| {
        let stream = stream.filter(col("id").gt_eq(lit(100)).and(col("half").is_not_null()));
        stream.group_by([col("key")]).agg([col("half").sum(), col("text").str().len_bytes().max(), len()])
    };
    for index in 0..settings() {
        let (name, context) = setting(index);
        let expected = query(context.from_df(frame.clone())).collect().unwrap();
        let found = query(context.read_ndjson(&path).unwrap()).collect().unwrap();
        assert_same(&found, &expected, Rows::AnyOrder, &|| name.to_owned());
        let ordered = context.read_ndjson(&path).unwrap().select(names()).slice(1700, 20).collect().unwrap();
        assert_same(&ordered, &frame.slice(1700, 20), Rows::Ordered, &|| name.to_owned());
        let few = context.from_df(df!("id" => [5i64, 2400, 9999]).unwrap());
        let joined =
            context.read_ndjson(&path).unwrap().join(few, [col("id")], [col("id")], JoinArgs::new(JoinType::Inner));
        assert_eq!(joined.collect().unwrap().height(), 2, "{name}");
    }
}

#[test]
fn lists_and_structs_are_columns() {
    let folder = Folder::new("nested");
    let path = folder.0.join("f.jsonl");
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
    let folder = Folder::new("pushdown");
    let path = folder.0.join("f.json");
    fs::write(&path, "{\"a\":1,\"b\":\"x\",\"c\":1.5}\n{\"a\":2,\"b\":\"y\",\"c\":2.5}\n").unwrap();
    let stream = context().read_ndjson(&path).unwrap().filter(col("a").gt(lit(1))).select([col("b")]);
    let text = stream.explain().unwrap();
    assert!(
        text.contains("json-scan") && text.contains("columns=[b] predicate=[[(col(\"a\")) > (dyn int: 1)]]"),
        "{text}"
    );
    assert_eq!(stream.collect().unwrap(), df!("b" => ["y"]).unwrap());
}

#[test]
fn errors_name_file_line_and_column() {
    let folder = Folder::new("errors");
    let path = folder.0.join("f.json");
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
    assert_eq!(context().read_ndjson(folder.0.join("no.json").as_path()).err().unwrap().kind(), ErrorKind::Io);
}
