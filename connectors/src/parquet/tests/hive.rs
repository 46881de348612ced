use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::files::FilesError;
use crate::parquet::ParquetError;
use crate::testing::Folder;

fn part(rows: std::ops::Range<i64>) -> DataFrame {
    df!("v" => rows.collect::<Vec<_>>()).unwrap()
}

/// 4 files of 10 rows.
fn sales() -> (Folder, DataFrame) {
    let folder = Folder::new();
    let mut all: Option<DataFrame> = None;
    let folders =
        [("2023", "eu", 0), ("2023", "us%20west", 10), ("2024", "eu", 20), ("__HIVE_DEFAULT_PARTITION__", "eu", 30)];
    for (year, region, first) in folders {
        let path = folder.path().join(format!("year={year}/region={region}/f.parquet"));
        write(&path, &part(first..first + 10), &Layout { row_group: 4, ..Layout::default() });
        let rows = df!(
            "v" => (first..first + 10).collect::<Vec<_>>(),
            "year" => vec![year.parse::<i64>().ok(); 10],
            "region" => vec![region.replace("%20", " "); 10],
        );
        all = Some(match all {
            Some(all) => all.vstack(&rows.unwrap()).unwrap(),
            None => rows.unwrap(),
        });
    }
    (folder, all.unwrap())
}

#[test]
fn folders_are_columns() {
    let (folder, all) = sales();
    let scan = open(folder.path());
    assert_same(&read(&scan, &ScanRequest::default(), 3).unwrap(), &all);
    for columns in [&["region"][..], &["year", "v"], &[]] {
        let request = request(Some(columns), Some(col("v").gt(lit(12))));
        assert_same(&read(&scan, &request, 3).unwrap(), &expected(&all, &request));
    }
}

#[test]
fn predicates_on_folders_leave_files_out() {
    let (folder, all) = sales();
    let scan = open(folder.path());
    let files = [
        (col("year").eq(lit(2023)), 6),
        (col("year").gt(lit(2023)), 3),
        (col("year").is_null(), 3),
        (col("region").str().starts_with(lit("us")), 3),
        (col("year").eq(lit(2023)).and(col("region").eq(lit("eu"))), 3),
        (col("year").eq(lit(2023)).or(col("v").gt_eq(lit(38))), 7),
        (col("year").eq(lit(2023)).and(col("v").lt(lit(4))), 1),
        (col("year").eq(lit(1999)), 0),
    ];
    for (predicate, row_groups) in files {
        let request = request(None, Some(predicate.clone()));
        assert_eq!(scan.source(&request).unwrap().splits().unwrap().len(), row_groups, "{predicate}");
        assert_same(&read(&scan, &request, 64).unwrap(), &expected(&all, &request));
    }
}

#[test]
fn the_folder_wins_over_the_file() {
    let folder = Folder::new();
    let df = df!("k" => [1i32, 2], "v" => ["a", "b"]).unwrap();
    write(&folder.path().join("k=7/f.parquet"), &df, &Layout::default());
    let all = df!("k" => [7i32, 7], "v" => ["a", "b"]).unwrap();
    let scan = open(folder.path());
    assert_same(&read(&scan, &ScanRequest::default(), 64).unwrap(), &all);
    assert_eq!(read(&scan, &request(None, Some(col("k").eq(lit(1)))), 64).unwrap().height(), 0);
    assert_eq!(read(&scan, &request(None, Some(col("k").eq(lit(7)))), 64).unwrap().height(), 2);

    write(&folder.path().join("k=seven/f.parquet"), &df, &Layout::default());
    let error = ParquetScan::open([folder.path()], ParquetOptions::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
}

#[test]
fn what_lies_above_the_directory_is_not_a_column() {
    let (folder, _) = sales();
    let scan = open(folder.path().join("year=2023"));
    assert_eq!(scan.schema().iter_names().collect::<Vec<_>>(), ["v", "region"]);
    let scan = open(folder.path().join("year=2023/region=eu/f.parquet"));
    assert_eq!(scan.schema().iter_names().collect::<Vec<_>>(), ["v", "year", "region"]);
    let off = ParquetScan::open([folder.path()], ParquetOptions::default().with_hive_partitioning(false)).unwrap();
    assert_same(&read(&off, &ScanRequest::default(), 64).unwrap(), &part(0..40));
}

#[test]
fn paths_are_columns_that_decide_which_files_are_read() {
    let folder = Folder::new();
    let file = |name: &str, value: i64| {
        let df = df!("a" => [value, value + 1]).unwrap();
        write(&folder.path().join(name), &df, &Layout::default()).display().to_string()
    };
    let paths = [file("k=1/f.parquet", 1), file("k=2/f.parquet", 3)];
    let options = ParquetOptions::default().with_include_file_paths("file");
    let scan = ParquetScan::open([folder.path()], options.clone()).unwrap();
    let all =
        df!("a" => [1i64, 2, 3, 4], "k" => [1i64, 1, 2, 2], "file" => [0, 0, 1, 1].map(|i: usize| paths[i].clone()));
    let all = all.unwrap();
    let is_second = || col("file").eq(lit(paths[1].clone()));
    for (predicate, splits) in [
        (None, 2),
        (Some(is_second()), 1),
        (Some(is_second().and(col("a").gt(lit(3)))), 1),
        (Some(is_second().and(col("k").eq(lit(1)))), 0),
        (Some(col("file").is_null()), 0),
        (Some(col("file").lt(lit(paths[1].clone())).or(col("a").eq(lit(4)))), 2),
    ] {
        for columns in [None, Some(&["file"][..]), Some(&["a"]), Some(&["k", "file", "a"])] {
            let request = request(columns, predicate.clone());
            assert_eq!(scan.source(&request).unwrap().splits().unwrap().len(), splits);
            assert_same(&read(&scan, &request, 64).unwrap(), &expected(&all, &request));
        }
    }
    for taken in ["a", "k"] {
        let error = ParquetScan::open([folder.path()], options.clone().with_include_file_paths(taken)).err().unwrap();
        assert!(matches!(error, ParquetError::Files(FilesError::PathColumn { .. })), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    }
}
