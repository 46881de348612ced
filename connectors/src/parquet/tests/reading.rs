use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{NULL, col, lit};
use quokka_engine::operator::testing::single_worker;

use super::*;
use crate::files::FilesError;
use crate::parquet::ParquetError;
use crate::testing::Folder;

fn numbers(rows: i64) -> DataFrame {
    let text: Vec<Option<String>> = (0..rows).map(|i| (i % 7 != 0).then(|| format!("row {i}"))).collect();
    let float: Vec<f64> = (0..rows).map(|i| (i % 13) as f64).collect();
    df!("i" => (0..rows).collect::<Vec<_>>(), "t" => text, "f" => float).unwrap()
}

#[test]
fn batches_of_any_size_hold_all_rows_in_order() {
    let folder = Folder::new();
    let df = numbers(1000);
    let path = write(&folder.path().join("f.parquet"), &df, &Layout { row_group: 333, ..Layout::default() });
    assert_same(&oracle(&path), &df);
    let scan = open(&path);
    assert_eq!((scan.rows(), scan.schema()), (Some(1000), df.schema().clone()));
    for batch_rows in [1, 7, 100, 65536] {
        assert_same(&read(&scan, &ScanRequest::default(), batch_rows).unwrap(), &df);
    }
}

#[test]
fn batches_of_a_row_group_are_of_even_size() {
    let folder = Folder::new();
    let path = write(&folder.path().join("f.parquet"), &numbers(101), &Layout { row_group: 101, ..Layout::default() });
    let source = open(&path).source(&ScanRequest::default()).unwrap();
    let mut reader = source.open(0, &single_worker(50)).unwrap();
    let mut heights = Vec::new();
    while let Some(batch) = reader.next().unwrap() {
        heights.push(batch.height());
    }
    assert_eq!(heights, [34, 34, 33]);
}

/// Predicates over strings with a dictionary are evaluated once a value; null is one more.
#[test]
fn predicates_over_dictionaries() {
    let folder = Folder::new();
    let words = ["apple", "banana", "cherry", "a word that is longer than twelve bytes", "12"];
    let rows = 1000;
    let sparse: Vec<_> = (0..rows).map(|i| (i % 3 != 0).then(|| words[i * i % 5])).collect();
    let dense: Vec<_> = (0..rows).map(|i| words[i / 7 % 4]).collect();
    let nothing = vec![None::<&str>; rows];
    let number: Vec<_> = (0..rows as i64).collect();
    let df = df!("s" => sparse, "d" => dense, "n" => nothing, "i" => number).unwrap();
    let scan = open(write(&folder.path().join("f.parquet"), &df, &Layout { row_group: 400, ..Layout::default() }));
    let is = |name, value| col(name).eq(lit(value));
    let predicates = [
        is("s", "apple"),
        is("s", "no such word"),
        col("s").is_null(),
        col("s").is_not_null().and(col("d").lt(lit("b"))),
        col("s").eq_missing(lit(NULL)).or(is("s", "cherry")),
        is("d", "banana").and(is("s", "12")),
        is("d", "banana").or(is("s", "12")),
        col("i").lt(lit(20)).and(is("d", "apple")).and(col("s").neq(lit("apple"))),
        is("d", "apple").and(col("i").gt(lit(900))).and(col("d").neq(col("s"))),
        col("n").is_null().and(is("d", "cherry")),
        is("n", "apple"),
    ];
    for predicate in predicates {
        for columns in [None, Some(&["i"][..]), Some(&["s", "d", "n"])] {
            let request = request(columns, Some(predicate.clone()));
            for batch_rows in [7, 150, 65_536] {
                assert_same(&read(&scan, &request, batch_rows).unwrap(), &expected(&df, &request));
            }
        }
    }
    // A predicate that fails for some of the values, but not for those of the rows that are left.
    let is_number = is("s", "12");
    let checked = request(None, Some(is_number.clone().and(col("s").strict_cast(DataType::Int64).eq(lit(12)))));
    assert_same(&read(&scan, &checked, 65_536).unwrap(), &expected(&df, &request(None, Some(is_number))));
}

#[test]
fn a_large_row_group_is_read_in_parts() {
    let folder = Folder::new();
    let df = numbers(600_000).select(["i", "f"]).unwrap();
    let layout = Layout { row_group: 600_000, ..Layout::default() };
    let scan = open(write(&folder.path().join("f.parquet"), &df, &layout));
    for predicate in [None, Some(col("i").gt_eq(lit(299_990)).and(col("f").lt(lit(3.0))))] {
        let request = request(None, predicate);
        let splits = scan.source(&request).unwrap().splits().unwrap();
        let rows: Vec<_> = splits.iter().map(|split| split.rows.unwrap()).collect();
        assert_eq!((rows.len(), rows.iter().sum()), (2, 600_000));
        assert!(splits[1].name.ends_with(&format!("row group 0 from row {}", rows[0])), "{}", splits[1].name);
        assert_same(&read(&scan, &request, 65_536).unwrap(), &expected(&df, &request));
    }
}

#[test]
fn projections_give_columns_in_the_order_asked_for() {
    let folder = Folder::new();
    let df = numbers(250);
    let scan = open(write(&folder.path().join("f.parquet"), &df, &Layout::default()));
    for columns in [&["f", "i"][..], &["t"], &["t", "f", "i"], &[]] {
        for predicate in [None, Some(col("i").gt(lit(30)).and(col("f").eq(lit(5.0)))), Some(col("t").is_null())] {
            let request = request(Some(columns), predicate);
            assert_same(&read(&scan, &request, 64).unwrap(), &expected(&df, &request));
        }
    }
}

#[test]
fn without_columns_only_rows_are_counted() {
    let folder = Folder::new();
    let df = numbers(250);
    let path = folder.path().join("f.parquet");
    // Column chunks that cannot be decoded show that nothing is.
    let mut bytes = encode(&df, &Layout::default());
    bytes[4..100].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let scan = open(&path);
    assert_eq!(read(&scan, &request(Some(&[]), None), 64).unwrap().height(), 250);
    assert_eq!(read(&scan, &ScanRequest::default(), 64).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_file_without_rows_has_columns() {
    let folder = Folder::new();
    let df = numbers(0);
    let scan = open(write(&folder.path().join("f.parquet"), &df, &Layout::default()));
    assert_eq!((scan.rows(), scan.schema()), (Some(0), df.schema().clone()));
    assert_same(&read(&scan, &ScanRequest::default(), 64).unwrap(), &df);
}

#[test]
fn unknown_columns_are_errors_of_the_query() {
    let folder = Folder::new();
    let scan = open(write(&folder.path().join("f.parquet"), &numbers(10), &Layout::default()));
    let kind = |request: ScanRequest| scan.source(&request).err().map(|error| error.kind());
    assert_eq!(kind(request(Some(&["i", "no"]), None)), Some(ErrorKind::InvalidQuery));
    assert_eq!(kind(request(Some(&["i", "i"]), None)), Some(ErrorKind::InvalidQuery));
    assert_eq!(kind(request(None, Some(col("no").eq(lit(1))))), Some(ErrorKind::InvalidQuery));
    assert_eq!(kind(request(None, Some(col("i")))), Some(ErrorKind::InvalidQuery));
}

#[test]
fn constant_predicates_decide_without_reading() {
    let folder = Folder::new();
    let df = numbers(250);
    let scan = open(write(&folder.path().join("f.parquet"), &df, &Layout::default()));
    let splits = |predicate| scan.source(&request(None, Some(predicate))).unwrap().splits().unwrap().len();
    assert_eq!(splits(lit(true)), 3);
    assert_eq!(splits(lit(false)), 0);
    assert_eq!(splits(lit(NULL).cast(DataType::Boolean).and(col("i").gt(lit(0)))), 0);
}

#[test]
fn files_are_read_one_after_the_other() {
    let folder = Folder::new();
    let df = numbers(600);
    let mut paths = Vec::new();
    for part in 0..30 {
        // The columns of every other file stand in another order.
        let rows = df.slice(part * 20, 20);
        let rows = if part % 2 == 0 { rows } else { rows.select(["f", "i", "t"]).unwrap() };
        let path = folder.path().join(format!("{part:02}.parquet"));
        paths.push(write(&path, &rows, &Layout { row_group: 15, ..Layout::default() }));
    }
    let scan = open(folder.path());
    assert_eq!(scan.rows(), Some(600));
    assert_same(&read(&scan, &ScanRequest::default(), 64).unwrap(), &df);

    paths.reverse();
    let scan = ParquetScan::open(&paths, ParquetOptions::default()).unwrap();
    let first = read(&scan, &request(Some(&["i"]), None), 64).unwrap().slice(0, 20);
    assert_same(&first, &df.slice(580, 20).select(["i"]).unwrap());
}

#[test]
fn files_with_other_columns_are_refused() {
    let folder = Folder::new();
    let first = write(&folder.path().join("1.parquet"), &df!("a" => [1i64], "b" => ["x"]).unwrap(), &Layout::default());
    let error = |other: DataFrame| {
        let other = write(&folder.path().join("2.parquet"), &other, &Layout::default());
        let error = ParquetScan::open([&first, &other], ParquetOptions::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
        let message = error.to_string();
        assert!(message.contains("1.parquet") && message.contains("2.parquet"), "{message}");
        error
    };
    match error(df!("a" => [1i32], "b" => ["x"]).unwrap()) {
        ParquetError::Files(FilesError::ColumnType { column, first_dtype, dtype, .. }) => {
            assert_eq!((column.as_str(), *first_dtype, *dtype), ("a", DataType::Int64, DataType::Int32));
        },
        other => unreachable!("{other}"),
    }
    let missing = error(df!("a" => [1i64]).unwrap());
    assert!(
        matches!(&missing, ParquetError::Files(FilesError::ColumnSet { column, without, .. }) if column == "b" && without.ends_with("2.parquet"))
    );
    let extra = error(df!("a" => [1i64], "b" => ["x"], "c" => [1]).unwrap());
    assert!(
        matches!(&extra, ParquetError::Files(FilesError::ColumnSet { column, with, .. }) if column == "c" && with.ends_with("2.parquet"))
    );
}

#[test]
fn a_source_tells_what_it_reads() {
    let folder = Folder::new();
    let path = write(&folder.path().join("f.parquet"), &numbers(250), &Layout::default());
    let scan = open(&path);
    let name = path.display();
    assert_eq!(scan.describe().to_string(), format!("parquet-scan files=[{name}]"));
    let source = scan.source(&request(Some(&["f"]), Some(col("i").gt_eq(lit(150))))).unwrap();
    let expected = format!(
        r#"parquet-scan files=[{name}] columns=[f] predicate=[[(col("i")) >= (dyn int: 150)]] row-groups=[2 of 3]"#
    );
    assert_eq!(source.describe().to_string(), expected);
    let splits: Vec<_> = source.splits().unwrap().into_iter().map(|split| (split.name, split.rows)).collect();
    assert_eq!(splits, [(format!("{name}, row group 1"), Some(100)), (format!("{name}, row group 2"), Some(50))]);
}
