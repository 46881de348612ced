//! CSV files.

use std::fs;

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{BadRows, CsvOptions};

use crate::support::{Folder, check_pushdown, check_queries, context, lines, long_rows};

/// The file has several ranges, and newlines in the quotes of each row.
#[test]
fn queries_see_the_rows_of_files() {
    let folder = Folder::new();
    let path = folder.path().join("f.csv");
    let frame = long_rows();
    let line = |id, key, text: &str, half: Option<f64>| {
        let half = half.map(|half| half.to_string()).unwrap_or_default();
        format!("{id},{key},\"{}\",{half}\n", text.replace('"', "\"\""))
    };
    let text = "id,key,text,half\n".to_owned() + &lines(&frame, line);
    assert!(text.len() > 2 << 20);
    fs::write(&path, text).unwrap();
    check_queries(&frame, |context| context.read_csv(&path).unwrap());
}

#[test]
fn only_what_is_used_is_parsed() {
    let folder = Folder::new();
    let path = folder.path().join("f.csv");
    fs::write(&path, "a,b,c\n1,x,1.5\n2,y,2.5\n").unwrap();
    check_pushdown(context().read_csv(&path).unwrap(), "csv-scan");
}

#[test]
fn errors_name_file_line_and_column() {
    let folder = Folder::new();
    let path = folder.path().join("f.csv");
    fs::write(&path, "a,b\n1,2\nthree,4\n").unwrap();
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
    assert_eq!(context().read_csv(folder.path().join("no.csv").as_path()).err().unwrap().kind(), ErrorKind::Io);
}
