//! Dynamic filters: row groups and rows that cannot match are left out, those that can never are.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::testing::{Folder, filter, read_source};

/// 50 row groups of 20 rows: `i` grows, `mixed` does not.
fn table() -> DataFrame {
    let rows = 0..1000i64;
    let text: Vec<Option<String>> =
        rows.clone().map(|i| (i % 9 != 4).then(|| format!("a text {}", i * 7 % 40))).collect();
    df!(
        "i" => rows.clone().collect::<Vec<_>>(),
        "mixed" => rows.clone().map(|i| i * 37 % 101).collect::<Vec<_>>(),
        "text" => text,
        "value" => rows.map(|i| i as f64 / 4.0).collect::<Vec<_>>(),
    )
    .unwrap()
}

fn file(folder: &Folder) -> ParquetScan {
    open(write(&folder.path().join("f.parquet"), &table(), &Layout { row_group: 20, ..Layout::default() }))
}

fn rows_of(frame: &DataFrame) -> Vec<String> {
    (0..frame.height()).map(|row| format!("{:?}", frame.get_row(row).unwrap().0)).collect()
}

/// Checks that `request` delivers all rows that `predicate` holds for, and at most `most` others, all of them by the
/// predicate of the request.
#[track_caller]
fn check(scan: &ParquetScan, request: &ScanRequest, predicate: Expr, most: usize) {
    let without = ScanRequest { filters: Vec::new(), ..request.clone() };
    let allowed = rows_of(&expected(&table(), &without));
    let all = Some(request.predicate.clone().map_or(predicate.clone(), |other| other.and(predicate)));
    let wanted = rows_of(&expected(&table(), &ScanRequest { predicate: all, ..without }));
    for batch_rows in [1, 7, 65536] {
        let found = rows_of(&read(scan, request, batch_rows).unwrap());
        assert!(found.iter().all(|row| allowed.contains(row)));
        assert!(wanted.iter().all(|row| found.contains(row)), "{found:?}");
        assert!(found.len() <= wanted.len() + most, "{} rows, wanted {}", found.len(), wanted.len());
        // In order, each once.
        let mut places = found.iter().map(|row| allowed.iter().position(|other| other == row).unwrap());
        let mut last = None;
        assert!(places.all(|place| last.replace(place) < Some(place)));
    }
}

#[test]
fn row_groups_outside_the_keys_are_not_opened() {
    let folder = Folder::new();
    let scan = file(&folder);
    let keys = df!("k" => [105i64, 111, 990]).unwrap();
    let request = ScanRequest { filters: vec![filter(&keys, &["i"])], ..ScanRequest::default() };
    let source = scan.source(&request).unwrap();
    let read: Vec<usize> = (0..source.splits().unwrap().len())
        .filter(|split| {
            let mut reader = source.open(*split, &quokka_engine::operator::testing::single_worker(100)).unwrap();
            reader.next().unwrap().is_some()
        })
        .collect();
    assert_eq!(read, [5, 49]);
    let none = ScanRequest { filters: vec![filter(&keys.clear(), &["i"])], ..ScanRequest::default() };
    assert_eq!(super::read(&scan, &none, 100).unwrap().height(), 0);
    let source = scan.source(&none).unwrap();
    for split in 0..50 {
        let mut reader = source.open(split, &quokka_engine::operator::testing::single_worker(100)).unwrap();
        assert!(reader.next().unwrap().is_none(), "no build row, nothing to read");
    }
}

#[test]
fn rows_that_match_stay() {
    let folder = Folder::new();
    let scan = file(&folder);
    let texts = ["a text 1", "a text 8", "a text 31", "elsewhere"];
    let requests = [
        request(None, None),
        request(Some(&["value"]), None),
        request(Some(&["text", "i"]), Some(col("mixed").lt(lit(60)))),
        request(Some(&[]), Some(col("i").gt(lit(500)).and(col("text").is_not_null()))),
        request(None, Some(col("value").lt(lit(10.0)))),
    ];
    for request in requests {
        let with = |filters| ScanRequest { filters, ..request.clone() };
        let some = df!("k" => [3i64, 77, 100]).unwrap();
        let by_number = || col("mixed").eq(lit(3i64)).or(col("mixed").eq(lit(77i64))).or(col("mixed").eq(lit(100i64)));
        let by_text = || texts.iter().fold(lit(false), |any, text| any.or(col("text").eq(lit(*text))));
        let text_keys = df!("k" => texts).unwrap();
        if request.projection.as_ref().is_some_and(|columns| columns.is_empty()) {
            let found = read(&scan, &with(vec![filter(&some, &["mixed"])]), 7).unwrap();
            let all = Some(request.predicate.clone().unwrap().and(by_number()));
            assert_eq!(found.height(), expected(&table(), &ScanRequest { predicate: all, ..request }).height());
            continue;
        }
        check(&scan, &with(vec![filter(&some, &["mixed"])]), by_number(), 0);
        check(&scan, &with(vec![filter(&text_keys, &["text"])]), by_text(), 60);
        let both = vec![filter(&text_keys, &["text"]), filter(&some, &["mixed"])];
        check(&scan, &with(both), by_number().and(by_text()), 10);
        let pairs = df!("k" => [3i64, 77], "t" => ["a text 1", "a text 8"]).unwrap();
        let by_pair = col("mixed").eq(lit(3i64)).and(col("text").eq(lit("a text 1")));
        let by_pair = by_pair.or(col("mixed").eq(lit(77i64)).and(col("text").eq(lit("a text 8"))));
        check(&scan, &with(vec![filter(&pairs, &["mixed", "text"])]), by_pair, 20);
        // Almost everything passes.
        let most = df!("k" => (0..99i64).collect::<Vec<_>>()).unwrap();
        check(&scan, &with(vec![filter(&most, &["mixed"])]), col("mixed").lt(lit(99i64)), 20);
    }
}

#[test]
fn decimals_and_numbers_of_another_type_are_keys() {
    let folder = Folder::new();
    let rows = 0..200i32;
    let unscaled = |numbers: Vec<i128>| Int128Chunked::from_vec("".into(), numbers).into_decimal_unchecked(15, 2);
    let price = unscaled(rows.clone().map(|i| i128::from(i) * 50).collect()).into_series();
    let small: Vec<i32> = rows.collect();
    let frame = df!("price" => price, "small" => small).unwrap();
    let wanted = frame.slice(30, 1).vstack(&frame.slice(107, 1)).unwrap();
    for encoding in [None, Some(Encoding::Plain), Some(Encoding::DeltaBinaryPacked)] {
        let layout = Layout { row_group: 20, encoding, ..Layout::default() };
        let scan = open(write(&folder.path().join("f.parquet"), &frame, &layout));
        for (keys, column) in
            [(df!("k" => [1500i64, 5350, 30]).unwrap(), "price"), (df!("k" => [30i64, 107, 1 << 40]).unwrap(), "small")]
        {
            let request = ScanRequest { filters: vec![filter(&keys, &[column])], ..ScanRequest::default() };
            assert_same(&read(&scan, &request, 7).unwrap(), &wanted);
            let source = scan.source(&request).unwrap();
            read_source(&*source, 100).unwrap();
            assert_eq!(source.dropped(), 198);
        }
    }
}

#[test]
fn folders_are_keys_too() {
    let folder = Folder::new();
    for year in [2020i64, 2021, 2022] {
        let path = folder.path().join(format!("year={year}/f.parquet"));
        write(&path, &table().slice(0, 40), &Layout { row_group: 20, ..Layout::default() });
    }
    let scan = open(folder.path());
    let request = |keys: DataFrame| ScanRequest { filters: vec![filter(&keys, &["year"])], ..ScanRequest::default() };
    let found = read(&scan, &request(df!("k" => [2021i64, 1999]).unwrap()), 100).unwrap();
    assert_eq!(found.height(), 40);
    assert_eq!(found.column("year").unwrap().i64().unwrap().iter().next(), Some(Some(2021)));
}

#[test]
fn a_filter_names_columns_of_the_table() {
    let folder = Folder::new();
    let scan = file(&folder);
    let request =
        ScanRequest { filters: vec![filter(&df!("k" => [1i64]).unwrap(), &["other"])], ..ScanRequest::default() };
    assert!(scan.source(&request).err().unwrap().to_string().contains("other"));
    let request = ScanRequest { filters: vec![filter(&df!("k" => [1i64]).unwrap(), &["i"])], ..ScanRequest::default() };
    assert!(scan.source(&request).unwrap().describe().to_string().contains("filters=[#1 i]"));
}
