//! What a scan tells of a table before it is read.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::source::ColumnStatistics;

use super::*;
use crate::testing::assert_near;

const ROWS: i64 = 40_000;

/// Columns whose distinct values are known.
fn table() -> DataFrame {
    let rows = || 0..ROWS;
    let random = |row: i64| (row.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 24).rem_euclid(1 << 20);
    df!(
        "key" => rows().collect::<Vec<_>>(),
        "runs" => rows().map(|row| row / 4).collect::<Vec<_>>(),
        "words" => rows().map(|row| format!("word number {}", random(row) % 300)).collect::<Vec<_>>(),
        "nulls" => rows().map(|row| (row % 4 == 0).then_some(random(row) as f64)).collect::<Vec<_>>(),
    )
    .unwrap()
}

#[test]
fn files_are_sampled_all_over() {
    let (folder, df) = (Folder::new(), table());
    for rows in [100, 2_000, ROWS as usize] {
        for form in forms(rows).into_iter().filter(|form| !form.is_stream) {
            let scan = open(&folder, &encode(&df, form)).unwrap();
            let sample = scan.sample(&df.get_column_names_owned()).unwrap().unwrap();
            assert!((1600..=2048).contains(&sample.height()), "{form:?}: {}", sample.height());
            let keys = sample.column("key").unwrap().i64().unwrap().clone();
            assert!(keys.first().unwrap() < ROWS / 16 && keys.last().unwrap() > ROWS / 16 * 15, "{form:?}: {keys:?}");
            let rows = IdxCa::from_vec(PlSmallStr::EMPTY, keys.iter().flatten().map(|key| key as IdxSize).collect());
            assert_same(&sample, &df.take(&rows).unwrap());
            for column in df.columns() {
                let found = scan.statistics(column.name());
                assert_near(found.distinct, column.drop_nulls().n_unique().unwrap() as u64);
                assert_near(found.nulls, column.null_count() as u64);
                assert_eq!((found.min, found.max), (None, None));
            }
            assert_eq!(scan.rows(), Some(ROWS as u64));
            assert_eq!(scan.statistics("none"), ColumnStatistics::default());
            assert!(scan.sample(&["none".into()]).is_err());
        }
    }
}

#[test]
fn a_small_table_is_its_own_sample() {
    let (folder, df) = (Folder::new(), table().head(Some(1000)));
    for form in forms(300).into_iter().filter(|form| !form.is_stream) {
        let scan = open(&folder, &encode(&df, form)).unwrap();
        assert_same(&scan.sample(&df.get_column_names_owned()).unwrap().unwrap(), &df);
        let (min, max) = (Some(Scalar::from(0i64)), Some(Scalar::from(999i64)));
        assert_eq!(scan.statistics("key"), ColumnStatistics { min, max, nulls: Some(0), distinct: Some(1000) });
    }
}

#[test]
fn streams_only_tell_about_how_many_rows_there_are() {
    let (folder, df) = (Folder::new(), table());
    for form in forms(2_000).into_iter().filter(|form| form.is_stream && form.compression.is_none()) {
        let scan = open(&folder, &encode(&df, form)).unwrap();
        assert_eq!(scan.sample(&["key".into()]).unwrap(), None);
        assert_eq!(scan.statistics("key"), ColumnStatistics::default());
        assert_eq!(scan.rows(), None);
        assert_near(scan.estimated_rows(), ROWS as u64);
    }
}

#[test]
fn categories_are_sampled() {
    let folder = Folder::new();
    let words = table().column("words").unwrap().cast(&DataType::from_categories(Categories::global())).unwrap();
    let df = DataFrame::new(words.len(), vec![words]).unwrap();
    let form = Form { is_stream: false, compression: None, views: true, rows: 10_000 };
    let scan = open(&folder, &encode(&df, form)).unwrap();
    let sample = scan.sample(&["words".into()]).unwrap().unwrap();
    assert_eq!((sample.height(), sample.schema()), (2048, df.schema()));
    assert_near(scan.statistics("words").distinct, 300);
}

#[test]
fn folders_are_known_exactly() {
    let folder = Folder::new();
    let form = Form { is_stream: false, compression: None, views: true, rows: 10 };
    for key in ["1", "2", "__HIVE_DEFAULT_PARTITION__"] {
        let bytes = encode(&df!("a" => (0..10).collect::<Vec<i32>>()).unwrap(), form);
        write(&folder.path().join(format!("k={key}/f.arrow")), &bytes);
    }
    let scan = IpcScan::open([folder.path()], IpcOptions::default()).unwrap();
    let scalar = |value: i64| Some(Scalar::from(value));
    let expected = ColumnStatistics { min: scalar(1), max: scalar(2), nulls: Some(10), distinct: Some(2) };
    assert_eq!(scan.statistics("k"), expected);
    let sample = scan.sample(&["k".into(), "a".into()]).unwrap().unwrap();
    assert_eq!((sample.height(), sample.column("k").unwrap().null_count()), (30, 10));
}

#[test]
fn damage_is_no_sample() {
    let folder = Folder::new();
    let form = Form { is_stream: false, compression: None, views: false, rows: 10_000 };
    let mut bytes = encode(&table().select(["words"]).unwrap(), form);
    // Texts that are no UTF-8.
    let middle = bytes.len() / 4..bytes.len() / 2;
    bytes[middle].fill(0xff);
    let scan = open(&folder, &bytes).unwrap();
    assert!(!matches!(scan.sample(&["words".into()]), Ok(Some(_))));
    assert_eq!(scan.statistics("words").distinct, None);
}
