//! More files than stay mapped.

use std::thread;

use polars_core::df;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};
use quokka_engine::operator::WorkerContext;
use quokka_engine::operator::testing::single_worker;
use quokka_engine::physical::{to_logical, to_physical};

use super::*;
use crate::files::FilesError;
use crate::parquet::ParquetError;
use crate::parquet::source::ParquetSource;
use crate::store::StoreErrorKind;
use crate::testing::Folder;

const FILES: i64 = 60;

/// Rows of a file, in row groups of 10.
fn rows_of(file: i64) -> DataFrame {
    let rows = file * 30..(file + 1) * 30;
    df!(
        "i" => rows.clone().collect::<Vec<_>>(),
        "t" => rows.clone().map(|row| format!("text {}", row % 7)).collect::<Vec<_>>(),
        "p" => rows.map(|row| row % 2 == 0).collect::<Vec<_>>(),
    )
    .unwrap()
}

fn path(folder: &Folder, file: i64) -> PathBuf {
    folder.path().join(format!("{file:03}.parquet"))
}

fn write_all(folder: &Folder) -> DataFrame {
    let mut all = rows_of(0).clear();
    for file in 0..FILES {
        // Two orders of the columns.
        let rows = rows_of(file);
        let columns = if file % 3 == 1 { ["t", "p", "i"] } else { ["i", "t", "p"] };
        write(&path(folder, file), &rows.select(columns).unwrap(), &Layout { row_group: 10, ..Layout::default() });
        all.vstack_mut(&rows).unwrap();
    }
    all
}

fn open_keeping(folder: &Folder, files: usize) -> ParquetScan {
    ParquetScan::open_keeping([folder.path()], ParquetOptions::default(), files).unwrap()
}

/// All rows that a scan delivers to so many workers, in the order of the splits.
fn read_by_workers(scan: &ParquetScan, request: &ScanRequest, workers: usize) -> DataFrame {
    let source = scan.source(request).unwrap();
    let (schema, splits) = (source.schema(), source.splits().unwrap().len());
    let read_split = &|split: usize, worker: usize| {
        let context = WorkerContext { worker, workers, ..single_worker(7) };
        let mut reader = source.open(split, &context).unwrap();
        let mut rows = DataFrame::empty_with_schema(&schema);
        while let Some(batch) = reader.next().unwrap() {
            rows.vstack_mut(&to_logical(to_physical(batch).unwrap(), &schema).unwrap()).unwrap();
        }
        (split, rows)
    };
    let read = &|worker: usize| (worker..splits).step_by(workers).map(move |split| read_split(split, worker));
    let mut read: Vec<(usize, DataFrame)> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || read(worker).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    read.sort_by_key(|(split, _)| *split);
    let mut all = DataFrame::empty_with_schema(&schema);
    for (_, rows) in &read {
        all.vstack_mut(rows).unwrap();
    }
    all
}

#[test]
fn files_that_are_mapped_again_give_the_same() {
    let folder = Folder::new();
    let df = write_all(&folder);
    // Others may be mapped by tests that run at the same time: what is read is the same, however many stay.
    let (kept, some, none) = (open_keeping(&folder, usize::MAX), open_keeping(&folder, 40), open_keeping(&folder, 0));
    let requests = [
        ScanRequest::default(),
        request(Some(&[]), None),
        request(Some(&["t"]), Some(col("i").gt_eq(lit(95)).and(col("i").lt(lit(700))))),
        request(Some(&["i"]), Some(col("t").eq(lit("text 3")).and(col("p")))),
        request(None, Some(col("i").lt(lit(0)))),
    ];
    for request in &requests {
        let expected = expected(&df, request);
        let row_groups = |scan: &ParquetScan| ParquetSource::new(scan.table.clone(), request).unwrap().parts.len();
        for scan in [&kept, &some, &none] {
            assert_same(&read(scan, request, 7).unwrap(), &expected);
            assert_eq!(row_groups(scan), row_groups(&kept));
            for workers in [1, 2, 4] {
                if !expected.schema().is_empty() {
                    assert_same(&read_by_workers(scan, request, workers), &expected);
                }
            }
        }
    }
    for column in ["i", "t", "p"] {
        assert_eq!(none.statistics(column), kept.statistics(column));
        assert_eq!(none.sample(&[column.into()]).unwrap(), kept.sample(&[column.into()]).unwrap());
    }
    assert_eq!(none.identity(), kept.identity());
    assert_eq!(none.describe().to_string(), kept.describe().to_string());
}

#[test]
fn a_file_that_is_another_one_when_it_is_mapped_again_is_an_error() {
    let folder = Folder::new();
    let first = path(&folder, 0);
    let failure = |change: &dyn Fn()| {
        write(&first, &rows_of(0), &Layout::default());
        write(&path(&folder, 1), &rows_of(1), &Layout::default());
        let scan = open_keeping(&folder, 0);
        let last = request(Some(&["i"]), Some(col("i").gt_eq(lit(30))));
        change();
        // Files that are not needed may change.
        assert_eq!(read(&scan, &last, 64).unwrap().height(), 30);
        let error = read(&scan, &ScanRequest::default(), 64).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("000.parquet"), "{error}");
        match error.get_ref().downcast_ref::<ParquetError>() {
            Some(ParquetError::Files(FilesError::Store(error))) => Some(error.kind()),
            Some(ParquetError::Files(FilesError::Io { .. })) => None,
            _ => unreachable!("{error}"),
        }
    };
    let replace = || {
        let other = write(&folder.path().join("other"), &rows_of(0), &Layout::default());
        fs::rename(other, &first).unwrap();
    };
    assert_eq!(failure(&replace), Some(StoreErrorKind::Changed));
    assert_eq!(failure(&|| fs::write(&first, "PAR1").unwrap()), Some(StoreErrorKind::Changed));
    assert_eq!(failure(&|| fs::remove_file(&first).unwrap()), None);
}

#[test]
fn a_file_that_stays_mapped_is_read_as_it_was_opened() {
    let folder = Folder::new();
    let first = write(&path(&folder, 0), &rows_of(0), &Layout::default());
    let scan = open_keeping(&folder, usize::MAX);
    let other = write(&folder.path().join("other"), &rows_of(5), &Layout::default());
    fs::rename(other, &first).unwrap();
    assert_same(&read(&scan, &ScanRequest::default(), 64).unwrap(), &rows_of(0));
    fs::remove_file(&first).unwrap();
    assert_same(&read(&scan, &ScanRequest::default(), 64).unwrap(), &rows_of(0));
}
