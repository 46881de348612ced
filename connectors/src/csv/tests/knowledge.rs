//! What a scan tells of a table before it is read.

use std::fmt::Write;

use polars_core::df;
use quokka_engine::source::ColumnStatistics;

use super::*;
use crate::testing::{assert_near, compress};

const ROWS: i64 = 40_000;

/// A number that looks random.
fn random(row: i64) -> i64 {
    (row.wrapping_mul(0x5851_f42d_4c95_7f2d) >> 24).rem_euclid(1 << 20)
}

fn types() -> SchemaRef {
    let amount = DataType::Decimal(10, 2);
    schema([("key", DataType::Int64), ("few", DataType::Int64), ("amount", amount), ("text", DataType::String)])
}

/// Rows whose text is what `text` says, with a quote around it.
fn rows(text: impl Fn(i64) -> String) -> String {
    let mut file = "key,few,amount,text\n".to_owned();
    for row in 0..ROWS {
        let few = if row % 4 == 0 { String::new() } else { (random(row) % 100).to_string() };
        writeln!(file, "{row},{few},{row}.25,\"{}\"", text(row)).unwrap();
    }
    file
}

fn open(csv: &File) -> CsvScan {
    CsvScan::open([&csv.path], CsvOptions::default().with_schema(types())).unwrap()
}

/// The sample consists of rows of the table from all over it.
#[track_caller]
fn assert_is_sample(scan: &CsvScan) {
    let names = ["key", "few", "amount", "text"].map(PlSmallStr::from_static);
    let sample = scan.sample(&names).unwrap().unwrap();
    assert!(sample.height() > 500, "{}", sample.height());
    let keys: Vec<i64> = sample.column("key").unwrap().i64().unwrap().iter().flatten().collect();
    assert_eq!(keys.len(), sample.height());
    assert!(keys[0] < ROWS / 16 && keys[keys.len() - 1] > ROWS / 16 * 15, "{keys:?}");
    let all = read_scan(scan, &ScanRequest::default(), 65_536).unwrap();
    let rows = IdxCa::from_vec(PlSmallStr::EMPTY, keys.iter().map(|key| *key as IdxSize).collect());
    assert_same(&sample, &all.take(&rows).unwrap());
}

#[test]
fn a_sample_has_whole_rows_from_all_over_the_table() {
    let csv = csv(rows(|row| format!("word, number {}\nof many", random(row) % 300)));
    let scan = open(&csv);
    assert_is_sample(&scan);
    assert_near(scan.estimated_rows(), ROWS as u64);
    assert_eq!(scan.rows(), None);
    assert_near(scan.statistics("key").distinct, ROWS as u64);
    assert_near(scan.statistics("few").distinct, 100);
    assert_near(scan.statistics("few").nulls, ROWS as u64 / 4);
    assert_near(scan.statistics("text").distinct, 300);
    assert_eq!(scan.statistics("key").min, None);
    assert_eq!(scan.statistics("none"), ColumnStatistics::default());
    assert!(scan.sample(&["none".into()]).is_err());
}

#[test]
fn places_may_start_in_quotes() {
    // Far more bytes are in quotes than out of them, and look like rows there.
    let csv = csv(rows(|row| format!("{row}\n\n1,2,3.5,x\n").repeat(1 + random(row) as usize % 20)));
    let scan = open(&csv);
    assert_is_sample(&scan);
    assert_near(scan.estimated_rows(), ROWS as u64);
}

#[test]
fn a_small_table_is_its_own_sample() {
    let text = "key,few,amount,text\n7,,1.5,a\n8,2,,\"b\n\"\n9,2,2.5,a";
    let csv = csv(text);
    let scan = open(&csv);
    let all = read(text, CsvOptions::default().with_schema(types()));
    assert_eq!(scan.sample(&all.get_column_names_owned()).unwrap().unwrap(), all);
    assert_eq!((scan.estimated_rows(), scan.rows()), (Some(3), None));
    let (min, max) = (Some(Scalar::from(7i64)), Some(Scalar::from(9i64)));
    assert_eq!(scan.statistics("key"), ColumnStatistics { min, max, nulls: Some(0), distinct: Some(3) });
    let few = scan.statistics("few");
    assert_eq!((few.nulls, few.distinct), (Some(1), Some(1)));
}

#[test]
fn what_does_not_fit_is_left_out_or_null() {
    let text = "key,few,amount,text\n7,x,1.5,a\n8,2\n9,2,free,a\n";
    let csv = csv(text);
    for bad_rows in [BadRows::Fail, BadRows::Null, BadRows::Skip] {
        let options = CsvOptions::default().with_schema(types()).with_bad_rows(bad_rows);
        let scan = CsvScan::open([&csv.path], options).unwrap();
        let sample = scan.sample(&["key".into(), "few".into()]).unwrap().unwrap();
        assert_eq!(sample, df!("key" => [7i64, 9], "few" => [None, Some(2i64)]).unwrap());
    }
}

#[test]
fn nothing_is_sampled_of_compressed_files_and_none() {
    let csv = csv("");
    for (compression, rows) in [(1, rows(|_| "text".to_owned())), (2, rows(|_| "text".to_owned())), (0, String::new())]
    {
        write(&csv.path, compress(rows.as_bytes(), compression));
        let scan = open(&csv);
        assert_eq!(scan.sample(&["key".into()]).unwrap(), None);
        assert_eq!(scan.statistics("key"), ColumnStatistics::default());
        assert_eq!(scan.estimated_rows().is_some_and(|rows| rows > 0), compression > 0);
    }
}

#[test]
fn folders_are_known_exactly() {
    let folder = Folder::new();
    for (key, text) in [("1", "a\n1\n2\n"), ("2", "a\n3\n4\n"), ("__HIVE_DEFAULT_PARTITION__", "a\n5\n6\n")] {
        write(&folder.path().join(format!("k={key}/f.csv")), text);
    }
    let scan = CsvScan::open([folder.path()], CsvOptions::default()).unwrap();
    let scalar = |value: i64| Some(Scalar::from(value));
    let expected = ColumnStatistics { min: scalar(1), max: scalar(2), nulls: Some(2), distinct: Some(2) };
    assert_eq!(scan.statistics("k"), expected);
    let sample = scan.sample(&["k".into(), "a".into()]).unwrap().unwrap();
    let keys = [Some(1i64), Some(1), Some(2), Some(2), None, None];
    assert_eq!(sample, df!("k" => keys, "a" => [1i64, 2, 3, 4, 5, 6]).unwrap());
}

#[test]
fn equal_tables_have_equal_identities() {
    let one = csv("a,b\n1,2\n");
    let open = |options: CsvOptions| CsvScan::open([&one.path], options).unwrap();
    let (scan, options) = (open(CsvOptions::default()), CsvOptions::default());
    assert!(scan.identity().is_some());
    assert_eq!(scan.identity(), open(options.clone()).identity());
    assert_ne!(scan.identity(), open(options.clone().with_null_values(["1"])).identity());
    assert_ne!(scan.identity(), CsvScan::open([&csv("a,b\n1,2\n").path], options.clone()).unwrap().identity());
    write(&one.path, "a,b\n1,2\n3,4\n");
    assert_ne!(scan.identity(), open(options).identity());
}
