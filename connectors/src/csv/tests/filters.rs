use super::*;
use crate::testing::text::check_filters;

#[test]
fn rows_that_pass() {
    let folder = Folder::new();
    let mut text = "i,t,d,x\n".to_owned();
    (0..3000).for_each(|i| text.push_str(&format!("{i},\"text {}\",{}.25,{}\n", i % 7, i % 100, i * i % 31)));
    write(&folder.path().join("k=5/f.csv"), text);
    let options = CsvOptions::default().with_schema_overrides(schema([("d", DataType::Decimal(10, 2))]));
    let open = |range| CsvScan::open_in_ranges([folder.path()], options.clone(), range).unwrap();
    let all = read_scan(&open(None), &ScanRequest::default(), 65_536).unwrap();
    assert_eq!((all.height(), all.width()), (3000, 5));
    check_filters("t", open);
}
