use super::*;
use crate::testing::text::{check_compressed, check_cut_off, check_many_files};

#[test]
fn compressed_files_are_streamed() {
    let rows = 0..20_001i64;
    let text: String = rows.clone().map(|i| format!("{{\"a\":{i},\"b\":\"text\\n{i}\"}}\n")).collect();
    let b: Vec<String> = rows.clone().map(|i| format!("text\n{i}")).collect();
    let expected = df!("a" => rows.collect::<Vec<_>>(), "b" => b).unwrap();
    check_compressed(text.trim_end(), &expected, ("x.json.gz", "y.jsonl.zst"), |path, range| {
        JsonScan::open_in_ranges([path], options(), range).unwrap()
    });
}

#[test]
fn files_that_are_cut_off_or_damaged() {
    let given = options().with_schema(schema([("a", DataType::String)]));
    let text = "{\"a\":\"some text\"}\n".repeat(10_000);
    check_cut_off("f.ndjson", &text, |path| JsonScan::open([path], given.clone()).unwrap());
}

#[test]
fn folders_and_paths_as_columns() {
    let folder = Folder::new();
    let first = write(&folder.path().join("year=2023/f.json"), "{\"a\":1}\n");
    let second = write(&folder.path().join("year=2024/f.ndjson"), "{\"a\":2,\"year\":\"no\"}\n{\"a\":3}\n");
    write(&folder.path().join("year=2024/_f.ndjson"), "nonsense");
    let given = options().with_include_file_paths("path");
    let scan = JsonScan::open([folder.path()], given.clone()).unwrap();
    let [first, second] = [first, second].map(|path| path.display().to_string());
    let paths = [&first[..], &second, &second];
    let all = df!("a" => [1i64, 2, 3], "year" => [2023i64, 2024, 2024], "path" => paths).unwrap();
    assert_same(&read_scan(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    let without = JsonScan::open([folder.path()], given.with_hive_partitioning(false)).unwrap();
    assert_eq!(without.schema().len(), 2);
}

#[test]
fn many_small_files_are_not_opened_to_plan() {
    let given = options().with_schema(schema([("a", DataType::Int64)]));
    let line = |index| format!("{{\"a\":{index}}}\n");
    check_many_files("jsonl", line, |path| JsonScan::open([path], given.clone()).unwrap());
}

#[test]
fn rows_are_estimated() {
    let file = json("{\"a\":12345}\n".repeat(1000));
    for options in [options(), options().with_schema(schema([("a", DataType::Int64)]))] {
        assert_eq!(JsonScan::open([&file.path], options).unwrap().estimated_rows(), Some(1000));
    }
}
