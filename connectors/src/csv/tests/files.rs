use polars_core::df;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::testing::text::{check_compressed, check_cut_off, check_many_files};

#[test]
fn compressed_files_are_streamed() {
    let mut text = "a,b\n".to_owned();
    (0..20_000).for_each(|i| text.push_str(&format!("{i},\"text\n{i}\"\n")));
    text.push_str("20000,end");
    let b: Vec<String> = (0..20_001).map(|i| if i < 20_000 { format!("text\n{i}") } else { "end".into() }).collect();
    let expected = df!("a" => (0..20_001).collect::<Vec<i64>>(), "b" => b).unwrap();
    check_compressed(&text, &expected, ("x.csv.gz", "y.csv.zst"), |path, range| {
        CsvScan::open_in_ranges([path], CsvOptions::default(), range).unwrap()
    });
}

#[test]
fn files_that_are_cut_off_or_damaged() {
    let text = "a\n".to_owned() + &"some text\n".repeat(10_000);
    let given = CsvOptions::default().with_schema(strings(&["a"]));
    check_cut_off("f.csv", &text, |path| CsvScan::open([path], given.clone()).unwrap());
}

#[test]
fn columns_in_another_order() {
    let folder = Folder::new();
    write(&folder.path().join("1.csv"), "a,b\n1,x\n");
    write(&folder.path().join("2.csv"), "b,a\ny,2\n");
    write(&folder.path().join("3.csv"), "");
    let all = df!("a" => [1i64, 2], "b" => ["x", "y"]).unwrap();
    let open = |options| CsvScan::open([folder.path()], options).unwrap();
    let given = CsvOptions::default().with_schema(schema([("a", DataType::Int64), ("b", DataType::String)]));
    for options in [CsvOptions::default(), given.clone()] {
        assert_same(&read_scan(&open(options), &ScanRequest::default(), 10).unwrap(), &all);
    }
    // Names of a schema that the header does not have go by place.
    let named = CsvOptions::default().with_schema(strings(&["c", "d"]));
    let found = read_scan(&open(named), &ScanRequest::default(), 10).unwrap();
    assert_same(&found, &df!("c" => ["1", "y"], "d" => ["x", "2"]).unwrap());
    write(&folder.path().join("4.csv"), "a,c\n1,x\n");
    let error = read_scan(&open(CsvOptions::default()), &ScanRequest::default(), 10).unwrap_err();
    let CsvError::Columns { path, found, expected } = cause(&error) else { unreachable!("{error}") };
    assert_eq!((path.ends_with("4.csv"), found.as_str(), expected.as_str()), (true, "a, c", "a, b"));
}

#[test]
fn folders_and_paths_as_columns() {
    let folder = Folder::new();
    let first = write(&folder.path().join("year=2023/f.csv"), "a\n1\n");
    let second = write(&folder.path().join("year=2024/f.csv"), "a\n2\n3\n");
    let options = CsvOptions::default().with_include_file_paths("path");
    let scan = CsvScan::open([folder.path()], options.clone()).unwrap();
    let [first, second] = [first, second].map(|path| path.display().to_string());
    let paths = [&first[..], &second, &second].map(str::to_owned);
    let all = df!("a" => [1i64, 2, 3], "year" => [2023i64, 2024, 2024], "path" => paths).unwrap();
    assert_same(&read_scan(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    let without = CsvScan::open([folder.path()], options.with_hive_partitioning(false)).unwrap();
    assert_eq!(without.schema().len(), 2);
    // A predicate on such columns decides which files are read: the first one is no CSV file any more.
    std::fs::write(folder.path().join("year=2023/f.csv"), "a,b\n\"").unwrap();
    let predicate = col("path").eq(lit(second)).and(col("a").gt(lit(2)));
    let request = ScanRequest { predicate: Some(predicate), ..ScanRequest::default() };
    assert_eq!(scan.source(&request).unwrap().splits().unwrap().len(), 1);
    assert_same(&read_scan(&scan, &request, 10).unwrap(), &all.slice(2, 1));
}

#[test]
fn many_small_files_are_not_opened_to_plan() {
    let given = CsvOptions::default().with_schema(schema([("a", DataType::Int64)]));
    check_many_files("csv", |index| format!("a\n{index}\n"), |path| CsvScan::open([path], given.clone()).unwrap());
}
