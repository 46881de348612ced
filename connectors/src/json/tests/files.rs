use super::*;
use crate::testing::compress;

#[test]
fn compressed_files_are_streamed() {
    let rows = 0..20_001i64;
    let text: String = rows.clone().map(|i| format!("{{\"a\":{i},\"b\":\"text\\n{i}\"}}\n")).collect();
    let b: Vec<String> = rows.clone().map(|i| format!("text\n{i}")).collect();
    let expected = df!("a" => rows.collect::<Vec<_>>(), "b" => b).unwrap();
    let folder = Folder::new();
    let (first, second) = text.trim_end().as_bytes().split_at(70_001);
    let members = [compress(first, 1), compress(second, 1)].concat();
    let files =
        [("x.json.gz", members), ("y.jsonl.zst", compress(text.as_bytes(), 2)), ("z", compress(text.as_bytes(), 1))];
    for (name, bytes) in files {
        let path = write(&folder.path().join(name), bytes);
        for range in [Some(1), Some(1000), None] {
            let scan = JsonScan::open_in_ranges([&path], options(), range).unwrap();
            assert_eq!(scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 1);
            assert_same(&read_scan(&scan, &ScanRequest::default(), 999).unwrap(), &expected);
        }
    }
    let scan = JsonScan::open([folder.path()], options()).unwrap();
    assert_eq!(scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 2);
}

#[test]
fn files_that_are_cut_off_or_damaged() {
    let text = "{\"a\":\"some text\"}\n".repeat(10_000);
    for compression in [1, 2] {
        let mut bytes = compress(text.as_bytes(), compression);
        bytes.truncate(bytes.len() / 2);
        let file = json(&bytes);
        let scan = JsonScan::open([&file.path], options().with_schema(schema([("a", DataType::String)]))).unwrap();
        let error = read_scan(&scan, &ScanRequest::default(), 100).unwrap_err();
        assert!(error.to_string().contains("f.ndjson"), "{error}");
    }
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
    let folder = Folder::new();
    for index in 0..200 {
        write(&folder.path().join(format!("{index:03}.jsonl")), format!("{{\"a\":{index}}}\n"));
    }
    let scan = JsonScan::open([folder.path()], options().with_schema(schema([("a", DataType::Int64)]))).unwrap();
    assert_eq!(scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 200);
    std::fs::remove_file(folder.path().join("150.jsonl")).unwrap();
    assert!(read_scan(&scan, &ScanRequest::default(), 10).unwrap_err().to_string().contains("150.jsonl"));
}

#[test]
fn rows_are_estimated() {
    let file = json("{\"a\":12345}\n".repeat(1000));
    for options in [options(), options().with_schema(schema([("a", DataType::Int64)]))] {
        assert_eq!(JsonScan::open([&file.path], options).unwrap().estimated_rows(), Some(1000));
    }
}
