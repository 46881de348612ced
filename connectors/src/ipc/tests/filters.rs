//! Columns and rows that are not wanted are not delivered.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::testing::filter;

fn table() -> DataFrame {
    let rows = 0..200i64;
    let text: Vec<Option<String>> =
        rows.clone().map(|i| (i % 4 != 1).then(|| format!("text of a row with number {}", i % 10))).collect();
    df!(
        "i" => rows.clone().collect::<Vec<_>>(),
        "t" => text,
        "f" => rows.map(|i| (i % 3 != 0).then_some(i as f64 / 4.0)).collect::<Vec<_>>(),
    )
    .unwrap()
}

#[test]
fn columns_and_rows_are_those_asked_for() {
    let all = table();
    let folder = Folder::new();
    let predicates = [
        None,
        Some(col("i").gt(lit(150))),
        Some(col("i").lt(lit(0))),
        Some(col("t").str().ends_with(lit("3")).and(col("f").gt(lit(10.0))).and(col("i").lt(lit(130)))),
        Some(col("f").is_null()),
        Some(lit(false)),
    ];
    for form in forms(64) {
        let scan = open(&folder, &encode(&all, form)).unwrap();
        for predicate in &predicates {
            for columns in [None, Some(&["t", "i"][..]), Some(&["f"]), Some(&[])] {
                let request = request(columns, predicate.clone());
                for batch_rows in [9, 1000] {
                    let found = read(&scan, &request, batch_rows).unwrap();
                    let expected = expected(&all, &request);
                    assert_same(&found, &expected);
                    assert_eq!(found.height(), expected.height());
                }
            }
        }
    }
}

#[test]
fn a_count_reads_no_values() {
    let folder = Folder::new();
    for form in forms(64) {
        let mut bytes = encode(&table(), form);
        // Whatever is in the bodies: they are not looked at.
        let scan = open(&folder, &bytes).unwrap();
        let needle = b"text of a row";
        while let Some(place) = bytes.windows(needle.len()).position(|window| window == needle) {
            bytes[place..place + needle.len()].fill(0xff);
        }
        drop(scan);
        let scan = open(&folder, &bytes).unwrap();
        assert_eq!(read(&scan, &request(Some(&[]), None), 1000).unwrap().height(), 200);
        assert_same(&read(&scan, &request(Some(&["f"]), None), 1000).unwrap(), &table().select(["f"]).unwrap());
        assert_eq!(scan.rows(), (!form.is_stream).then_some(200));
        assert!((100..=400).contains(&scan.estimated_rows().unwrap()), "{:?}", scan.estimated_rows());
    }
}

#[test]
fn rows_without_a_match_are_dropped() {
    let all = table();
    let folder = Folder::new();
    let keys = df!("i" => [3i64, 77, 500]).unwrap();
    for form in forms(64) {
        let scan = open(&folder, &encode(&all, form)).unwrap();
        let request = ScanRequest { filters: vec![filter(&keys, &["i"])], ..request(Some(&["f", "i"]), None) };
        let found = read(&scan, &request, 50).unwrap();
        let expected = expected(&all.slice(3, 1).vstack(&all.slice(77, 1)).unwrap(), &request);
        assert_same(&found, &expected);
    }
}
