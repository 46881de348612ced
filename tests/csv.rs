//! CSV files.

use std::fs;
use std::path::{Path, PathBuf};

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{BadRows, CsvOptions};

use crate::support::{Rows, assert_same, context, setting, settings};

/// A folder that is gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quokka-csv-{name}-{}", std::process::id()));
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

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A file of several ranges, in which each row has newlines in quotes, and its rows.
fn long_rows(path: &Path) -> DataFrame {
    let rows = 0..2500i64;
    let text: Vec<String> =
        rows.clone().map(|i| format!("{}\n\"{i}\",\n", "lorem, ipsum\n".repeat(80 + i as usize % 7))).collect();
    let key: Vec<i64> = rows.clone().map(|i| i * i % 11).collect();
    let half: Vec<Option<f64>> = rows.clone().map(|i| (i % 5 != 0).then_some(i as f64 / 2.0)).collect();
    let mut file = "id,key,text,half\n".to_owned();
    for (id, ((text, key), half)) in text.iter().zip(&key).zip(&half).enumerate() {
        let half = half.map(|half| half.to_string()).unwrap_or_default();
        file.push_str(&format!("{id},{key},\"{}\",{half}\n", text.replace('"', "\"\"")));
    }
    assert!(file.len() > 2 << 20);
    write(path, &file);
    df!("id" => rows.collect::<Vec<_>>(), "key" => key, "text" => text, "half" => half).unwrap()
}

#[test]
fn queries_see_the_rows_of_files() {
    let folder = Folder::new("rows");
    let path = folder.0.join("f.csv");
    let frame = long_rows(&path);
    let query = |stream: DataStream| {
        let stream = stream.filter(col("id").gt_eq(lit(100)).and(col("half").is_not_null()));
        stream.group_by([col("key")]).agg([col("half").sum(), col("text").str().len_bytes().max(), len()])
    };
    for index in 0..settings() {
        let (name, context) = setting(index);
        let expected = query(context.from_df(frame.clone())).collect().unwrap();
        let found = query(context.read_csv(&path).unwrap()).collect().unwrap();
        assert_same(&found, &expected, Rows::AnyOrder, &|| name.to_owned());
        let ordered = context.read_csv(&path).unwrap().slice(1700, 20).collect().unwrap();
        assert_same(&ordered, &frame.slice(1700, 20), Rows::Ordered, &|| name.to_owned());
    }
}

#[test]
fn joins_tell_the_scan_what_they_can_use() {
    let folder = Folder::new("joins");
    let path = folder.0.join("f.csv");
    let frame = long_rows(&path);
    for index in 0..settings() {
        let (name, context) = setting(index);
        let few = || context.from_df(df!("id" => [5i64, 2400, 9999], "note" => ["a", "b", "c"]).unwrap());
        let query = |stream: DataStream| stream.join(few(), [col("id")], [col("id")], JoinArgs::new(JoinType::Inner));
        let expected = query(context.from_df(frame.clone())).collect().unwrap();
        let found = query(context.read_csv(&path).unwrap()).collect().unwrap();
        assert_same(&found, &expected, Rows::AnyOrder, &|| name.to_owned());
        assert_eq!(found.height(), 2);
    }
}

#[test]
fn only_what_is_used_is_parsed() {
    let folder = Folder::new("pushdown");
    let path = folder.0.join("f.csv");
    write(&path, "a,b,c\n1,x,1.5\n2,y,2.5\n");
    let stream = context().read_csv(&path).unwrap().filter(col("a").gt(lit(1))).select([col("b")]);
    let text = stream.explain().unwrap();
    assert!(
        text.contains("csv-scan") && text.contains("columns=[b] predicate=[[(col(\"a\")) > (dyn int: 1)]]"),
        "{text}"
    );
    assert_eq!(stream.collect().unwrap(), df!("b" => ["y"]).unwrap());
}

#[test]
fn errors_name_file_line_and_column() {
    let folder = Folder::new("errors");
    let path = folder.0.join("f.csv");
    write(&path, "a,b\n1,2\nthree,4\n");
    let types = Schema::from_iter([Field::new("a".into(), DataType::Int64), Field::new("b".into(), DataType::Int64)]);
    let options = CsvOptions::default().with_schema(types.into());
    let read = |options| context().read_csv_with(&path, options).unwrap();
    let error = read(options.clone()).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let report = error.report();
    assert!(report.contains("f.csv`, line 3, byte 8, column `a`: `three` is not of type `i64`"), "{report}");
    let skipping = read(options.with_bad_rows(BadRows::Skip));
    assert_eq!(skipping.collect().unwrap(), df!("a" => [1i64], "b" => [2i64]).unwrap());
    assert!(skipping.explain().unwrap().contains("skipped-rows=[1]"));
    assert_eq!(context().read_csv(folder.0.join("no.csv").as_path()).err().unwrap().kind(), ErrorKind::Io);
}
