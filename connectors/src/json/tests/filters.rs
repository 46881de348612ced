use super::*;
use crate::testing::text::check_filters;

#[test]
fn rows_that_pass() {
    let folder = Folder::new();
    let line = |i: i64| {
        let list = (0..i % 4).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        format!("{{\"i\":{i},\"t\":\"text {}\",\"d\":{}.25,\"l\":[{list}],\"x\":{}}}\n", i % 7, i % 100, i * i % 31)
    };
    write(&folder.path().join("k=5/f.json"), (0..3000).map(line).collect::<String>());
    let given = options().with_schema_overrides(schema([("d", DataType::Decimal(10, 2))]));
    let open = |range| JsonScan::open_in_ranges([folder.path()], given.clone(), range).unwrap();
    let all = read_scan(&open(None), &ScanRequest::default(), 65_536).unwrap();
    assert_eq!((all.height(), all.width()), (3000, 6));
    check_filters("l", open);
}
