//! What the tests of CSV and JSON share.

use std::path::PathBuf;

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, SchemaRef};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::prelude::{col, lit};
use quokka_engine::source::{Scan, ScanRequest};

use super::{Folder, assert_same, compress, expected, read_scan, request, schema, write};

/// A file in a folder of its own.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    _folder: Folder,
}

impl File {
    pub(crate) fn new(name: &str, text: impl AsRef<[u8]>) -> Self {
        let folder = Folder::new();
        Self { path: write(&folder.path().join(name), text), _folder: folder }
    }
}

/// All rows of a table that `open` opens in ranges of so many bytes, read in ranges and batches of several sizes, which makes
/// no difference.
#[track_caller]
pub(crate) fn read_in_ranges<S: Scan, E>(open: impl Fn(Option<u64>) -> Result<S, E>) -> Result<DataFrame, OperatorError>
where
    OperatorError: From<E>,
{
    let whole = open(None)?;
    let expected = read_scan(&whole, &ScanRequest::default(), 65_536)?;
    for (range, batch_rows) in [(1, 7), (5, 1), (16, 1000), (64, 2)] {
        let scan = open(Some(range))?;
        // Types are inferred from the start of a file, whatever the ranges are.
        assert_eq!(scan.schema(), whole.schema());
        assert_same(&read_scan(&scan, &ScanRequest::default(), batch_rows)?, &expected);
    }
    Ok(expected)
}

/// Checks which rows of a table pass predicates over its columns `i`, `k`, `t`, `d` and `x`. `other` is one more column.
pub(crate) fn check_filters<S: Scan>(other: &str, open: impl Fn(Option<u64>) -> S) {
    let all = read_scan(&open(None), &ScanRequest::default(), 65_536).unwrap();
    let predicates = [
        col("i").gt(lit(2990)),
        col("i").lt(lit(0)),
        col("k").eq(lit(5)).and(col("x").eq(lit(4))),
        col("k").eq(lit(6)),
        col("t").eq(lit("text 3")).and(col("i").lt(lit(1000))).and(col("x").gt(lit(10))),
        col("t").neq(lit("text 3")).or(col("d").gt(lit(50))),
        col("x").is_null(),
        lit(false),
        lit(true),
    ];
    for predicate in predicates {
        for columns in [None, Some(&["i"][..]), Some(&[other, "k"]), Some(&[])] {
            let request = request(columns, Some(predicate.clone()));
            let expected = expected(&all, &request);
            for (range, batch_rows) in [(None, 65_536), (Some(1000), 100), (Some(77), 7)] {
                let found = read_scan(&open(range), &request, batch_rows).unwrap();
                assert_same(&found, &expected);
                assert_eq!(found.height(), expected.height());
            }
        }
    }
}

/// A stored file of 20,000 rows with the columns `a`, `b` and `c` gives what the local one does.
pub(crate) fn check_same_as_local(stored: &dyn Scan, local: &dyn Scan) {
    assert_eq!(stored.schema(), local.schema());
    // Of a local file rows from all over it tell how long one is, of others the first ones.
    let (found, local_rows) = (stored.estimated_rows().unwrap(), local.estimated_rows().unwrap());
    assert!(found.abs_diff(local_rows) < local_rows / 10, "{found} and {local_rows}");
    for request in [ScanRequest::default(), request(Some(&["c"]), None)] {
        let found = read_scan(stored, &request, 777).unwrap();
        assert_same(&found, &read_scan(local, &request, 777).unwrap());
        assert_eq!(found.height(), 20_000);
    }
}

/// Types of the columns that [`check_what_is_parsed`] wants.
pub(crate) fn three_integers() -> SchemaRef {
    schema(["a", "b", "c"].map(|name| (name, DataType::Int64)))
}

/// Checks what is parsed of a table of [`three_integers`], the rows 1, 2, 3 and 4, 5, and text in `b` and `c` of the second.
pub(crate) fn check_what_is_parsed(scan: &dyn Scan) {
    let read = |names: &[&str], predicate| read_scan(scan, &request(Some(names), predicate), 10);
    assert_same(&read(&["a"], None).unwrap(), &df!("a" => [1i64, 4]).unwrap());
    assert_eq!(read(&[], None).unwrap().height(), 2);
    assert!(read(&["c", "a"], None).is_err());
    // A row that does not pass is not parsed any further.
    let first = read(&["c", "b"], Some(col("a").lt(lit(3)))).unwrap();
    assert_same(&first, &df!("c" => [3i64], "b" => [2i64]).unwrap());
}

/// Checks that it makes no difference which columns of a table with `a` and `b` are asked for if bad rows are left out: two
/// rows are good, and `skipped` are counted in the end.
pub(crate) fn check_skipping(scan: &dyn Scan, skipped: usize) {
    for columns in [&["a", "b"][..], &["b"], &["a"], &[]] {
        assert_eq!(read_scan(scan, &request(Some(columns), None), 2).unwrap().height(), 2);
    }
    assert!(scan.describe().to_string().ends_with(&format!("skipped-rows=[{skipped}]")), "{}", scan.describe());
}

/// Checks that compressed files with the rows of `expected` come as a whole, whatever the ranges are; `gzip` and `zstd` are
/// their names in a folder.
pub(crate) fn check_compressed<S: Scan>(
    text: &str,
    expected: &DataFrame,
    (gzip, zstd): (&str, &str),
    open: impl Fn(PathBuf, Option<u64>) -> S,
) {
    let folder = Folder::new();
    let splits = |scan: &S| scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len();
    // Some members of a gzip file one behind the other are one file.
    let (first, second) = text.as_bytes().split_at(70_001);
    let members = [compress(first, 1), compress(second, 1)].concat();
    let files = [(gzip, members), (zstd, compress(text.as_bytes(), 2)), ("z", compress(text.as_bytes(), 1))];
    for (name, bytes) in files {
        let path = write(&folder.path().join(name), bytes);
        for range in [Some(1), Some(1000), None] {
            let scan = open(path.clone(), range);
            assert_eq!(splits(&scan), 1);
            assert_same(&read_scan(&scan, &ScanRequest::default(), 999).unwrap(), expected);
        }
    }
    // Not the one without a name of the format.
    assert_eq!(splits(&open(folder.path().to_owned(), None)), 2);
}

/// Checks that a compressed file of so many rows that is cut off is an error that names it.
pub(crate) fn check_cut_off<S: Scan>(name: &str, text: &str, open: impl Fn(PathBuf) -> S) {
    for compression in [1, 2] {
        let mut bytes = compress(text.as_bytes(), compression);
        bytes.truncate(bytes.len() / 2);
        let file = File::new(name, &bytes);
        let error = read_scan(&open(file.path.clone()), &ScanRequest::default(), 100).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Checks that 200 files are not opened to plan, but are when they are read; `text` makes one of a number.
pub(crate) fn check_many_files<S: Scan>(suffix: &str, text: impl Fn(usize) -> String, open: impl Fn(PathBuf) -> S) {
    let folder = Folder::new();
    let path = |index: usize| folder.path().join(format!("{index:03}.{suffix}"));
    (0..200).for_each(|index| drop(write(&path(index), text(index))));
    let scan = open(folder.path().to_owned());
    assert_eq!(scan.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 200);
    // They can be gone: nothing was read, but then it has to be.
    std::fs::remove_file(path(150)).unwrap();
    let error = read_scan(&scan, &ScanRequest::default(), 10).unwrap_err();
    assert!(error.to_string().contains(&format!("150.{suffix}")), "{error}");
}
