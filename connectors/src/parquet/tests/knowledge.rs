//! What a scan tells of columns before they are read.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::source::ColumnStatistics;

use super::*;
use crate::testing::{Folder, assert_near};

const ROWS: i64 = 40_000;

/// Columns whose distinct values are known.
fn table() -> DataFrame {
    let rows = || 0..ROWS;
    let random = |row: i64| (row.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 24).rem_euclid(1 << 20);
    df!(
        "key" => rows().collect::<Vec<_>>(),
        "runs" => rows().map(|row| row / 4).collect::<Vec<_>>(),
        "hundred" => rows().map(|row| random(row) % 100).collect::<Vec<_>>(),
        "words" => rows().map(|row| format!("word number {}", random(row) % 300)).collect::<Vec<_>>(),
        "texts" => rows().map(|row| format!("{}", row * 3)).collect::<Vec<_>>(),
        "nulls" => rows().map(|row| (row % 4 == 0).then_some(random(row) as f64)).collect::<Vec<_>>(),
        "only nulls" => rows().map(|_| None::<i32>).collect::<Vec<_>>(),
    )
    .unwrap()
}

#[test]
fn statistics_are_near_the_truth() {
    let folder = Folder::new();
    let df = table();
    for encoding in [None, Some(Encoding::Plain)] {
        for row_group in [2_000, ROWS as usize] {
            let layout = Layout { row_group, encoding, ..Layout::default() };
            let scan = open(write(&folder.path().join("f.parquet"), &df, &layout));
            for column in df.columns() {
                let found = scan.statistics(column.name());
                let distinct = column.drop_nulls().n_unique().unwrap() as u64;
                match column.name().as_str() {
                    // The range of the numbers is known exactly.
                    "hundred" => assert_eq!(found.distinct, Some(100)),
                    "only nulls" => assert!(found.distinct.unwrap_or(0) <= 1, "{found:?}"),
                    // A sample of one place tells less.
                    _ if row_group == 2_000 => assert_near(found.distinct, distinct),
                    _ => assert!(found.distinct.unwrap() <= ROWS as u64),
                }
                if let Some(nulls) = found.nulls {
                    // Polars counts the nulls of a chunk with a dictionary too often.
                    assert!(nulls >= column.null_count() as u64);
                }
                let series = column.as_materialized_series();
                for (found, expected) in [(found.min, series.min_reduce()), (found.max, series.max_reduce())] {
                    let expected = expected.unwrap();
                    match column.name().as_str() {
                        "nulls" | "only nulls" => assert!(found.is_none_or(|found| found == expected)),
                        _ => assert_eq!(found, Some(expected)),
                    }
                }
            }
        }
    }
}

#[test]
fn a_sample_has_whole_rows_from_all_over_the_table() {
    let folder = Folder::new();
    let df = table();
    for row_group in [100, 2_000, ROWS as usize] {
        let layout = Layout { row_group, ..Layout::default() };
        let scan = open(write(&folder.path().join("f.parquet"), &df, &layout));
        // Columns asked for one after the other have the same rows.
        let key = scan.sample(&["key".into()]).unwrap().unwrap();
        let all = scan.sample(&df.get_column_names_owned()).unwrap().unwrap();
        assert_eq!(all.column("key").unwrap(), key.column("key").unwrap());
        assert!((1000..5000).contains(&all.height()), "{}", all.height());
        let rows = key.column("key").unwrap().i64().unwrap().iter().map(|row| row.unwrap() as IdxSize);
        let rows = IdxCa::from_vec("".into(), rows.collect());
        assert_same(&all, &df.take(&rows).unwrap());
        if row_group < ROWS as usize {
            assert!(rows.first().unwrap() < 4_000 && rows.last().unwrap() > 36_000, "{rows:?}");
        }
    }
}

#[test]
fn folders_are_known_exactly() {
    let folder = Folder::new();
    for (key, rows) in [("1", 10), ("2", 20), ("__HIVE_DEFAULT_PARTITION__", 5)] {
        let df = df!("a" => (0..rows).collect::<Vec<i32>>()).unwrap();
        write(&folder.path().join(format!("k={key}/f.parquet")), &df, &Layout::default());
    }
    let scan = open(folder.path());
    let scalar = |value: i64| Some(Scalar::from(value));
    let expected = ColumnStatistics { min: scalar(1), max: scalar(2), nulls: Some(5), distinct: Some(2) };
    assert_eq!(scan.statistics("k"), expected);
    let sample = scan.sample(&["k".into(), "a".into()]).unwrap().unwrap();
    assert_eq!((sample.height(), sample.column("k").unwrap().null_count()), (35, 5));
}

#[test]
fn little_is_known_of_nested_unknown_and_no_rows() {
    let folder = Folder::new();
    let lists: ListChunked = (0..10).map(|i| Series::new("".into(), vec![i; 3])).collect();
    let df = DataFrame::new(10, vec![lists.with_name("l".into()).into_column()]).unwrap();
    let scan = open(write(&folder.path().join("f.parquet"), &df, &Layout::default()));
    assert_eq!(scan.sample(&["l".into()]).unwrap(), None);
    assert_eq!(scan.statistics("l").min, None);
    assert_eq!(scan.statistics("no such column"), ColumnStatistics::default());
    assert_eq!(scan.sample(&[]).unwrap().unwrap().height(), 10);

    let empty = df!("a" => Vec::<i32>::new()).unwrap();
    let scan = open(write(&folder.path().join("f.parquet"), &empty, &Layout::default()));
    assert_eq!(scan.sample(&["a".into()]).unwrap(), Some(empty));
    assert_eq!(scan.statistics("a").min, None);
}
