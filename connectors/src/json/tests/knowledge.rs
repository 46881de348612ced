//! What a scan tells of a table before it is read.

use std::fmt::Write;

use quokka_engine::source::ColumnStatistics;

use super::*;
use crate::testing::{assert_near, compress};

const ROWS: i64 = 40_000;

/// A number that looks random.
fn random(row: i64) -> i64 {
    (row.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 24).rem_euclid(1 << 20)
}

fn types() -> SchemaRef {
    let list = DataType::List(Box::new(DataType::Int64));
    let amount = DataType::Decimal(10, 2);
    schema([("key", DataType::Int64), ("few", DataType::Int64), ("amount", amount), ("list", list)])
}

fn rows() -> String {
    let mut file = String::new();
    for row in 0..ROWS {
        let few = if row % 4 == 0 { String::new() } else { format!(r#""few":{},"#, random(row) % 100) };
        writeln!(file, r#"{{"key":{row},{few}"amount":{row}.25,"list":[{row},1]}}"#).unwrap();
    }
    file
}

fn open(json: &File) -> JsonScan {
    JsonScan::open([&json.path], options().with_schema(types())).unwrap()
}

#[test]
fn a_sample_has_whole_rows_from_all_over_the_table() {
    let json = json(rows());
    let scan = open(&json);
    let sample = scan.sample(&["key", "few", "amount", "list"].map(PlSmallStr::from_static)).unwrap().unwrap();
    assert_eq!(sample.height(), 2048);
    let keys: Vec<i64> = sample.column("key").unwrap().i64().unwrap().iter().flatten().collect();
    assert!(keys[0] < ROWS / 16 && keys[2047] > ROWS / 16 * 15, "{keys:?}");
    let all = read_scan(&scan, &ScanRequest::default(), 65_536).unwrap();
    let rows = IdxCa::from_vec(PlSmallStr::EMPTY, keys.iter().map(|key| *key as IdxSize).collect());
    assert_same(&sample, &all.take(&rows).unwrap());

    assert_near(scan.estimated_rows(), ROWS as u64);
    assert_eq!(scan.rows(), None);
    assert_near(scan.statistics("key").distinct, ROWS as u64);
    assert_near(scan.statistics("few").distinct, 100);
    assert_near(scan.statistics("few").nulls, ROWS as u64 / 4);
    let list = ColumnStatistics { nulls: Some(0), ..ColumnStatistics::default() };
    assert_eq!(scan.statistics("list"), list);
    assert_eq!(scan.statistics("none"), ColumnStatistics::default());
    assert!(scan.sample(&["none".into()]).is_err());
}

#[test]
fn a_small_table_is_its_own_sample() {
    let text = "{\"key\":7}\n\n{\"few\":2,\"key\":9}";
    let json = json(text);
    let scan = open(&json);
    let all = read(text, options().with_schema(types()));
    assert_eq!(scan.sample(&all.get_column_names_owned()).unwrap().unwrap(), all);
    assert_eq!((scan.estimated_rows(), scan.rows()), (Some(2), None));
    let (min, max) = (Some(Scalar::from(7i64)), Some(Scalar::from(9i64)));
    assert_eq!(scan.statistics("key"), ColumnStatistics { min, max, nulls: Some(0), distinct: Some(2) });
}

#[test]
fn what_does_not_fit_is_left_out_or_null() {
    let json = json("{\"key\":7,\"few\":\"x\"}\n{\"key\n{\"key\":9,\"few\":2}\n");
    for bad_rows in [BadRows::Fail, BadRows::Null, BadRows::Skip] {
        let scan = JsonScan::open([&json.path], options().with_schema(types()).with_bad_rows(bad_rows)).unwrap();
        let sample = scan.sample(&["key".into(), "few".into()]).unwrap().unwrap();
        assert_eq!(sample, df!("key" => [7i64, 9], "few" => [None, Some(2i64)]).unwrap());
    }
}

#[test]
fn nothing_is_sampled_of_compressed_files_and_none() {
    let json = json("");
    for (compression, rows) in [(1, rows()), (2, rows()), (0, String::new())] {
        write(&json.path, compress(rows.as_bytes(), compression));
        let scan = open(&json);
        assert_eq!(scan.sample(&["key".into()]).unwrap(), None);
        assert_eq!(scan.statistics("key"), ColumnStatistics::default());
        assert_eq!(scan.estimated_rows().is_some_and(|rows| rows > 0), compression > 0);
    }
}

#[test]
fn equal_tables_have_equal_identities() {
    let one = json("{\"a\":1}\n");
    let open = |options: JsonOptions| JsonScan::open([&one.path], options).unwrap();
    let scan = open(options());
    assert!(scan.identity().is_some());
    assert_eq!(scan.identity(), open(options()).identity());
    assert_ne!(scan.identity(), open(options().with_try_parse_dates(true)).identity());
    assert_ne!(scan.identity(), JsonScan::open([&json("{\"a\":1}\n").path], options()).unwrap().identity());
    write(&one.path, "{\"a\":1}\n{\"a\":2}\n");
    assert_ne!(scan.identity(), open(options()).identity());
}
