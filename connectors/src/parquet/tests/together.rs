//! Pages of several columns are decompressed side by side, and those of columns that will be read ahead of their turn.

use polars_core::df;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::parquet::source::ParquetSource;
use crate::testing::{Folder, read_source};

/// The guesses of a scan of 10 row groups, each of which has one page a column and is read in slices.
fn guessed(predicate: Expr) -> Vec<(String, u64, u64)> {
    let rows = 0..4000i64;
    let column = |by: i64| rows.clone().map(|i| i * by % 101).collect::<Vec<_>>();
    let table = df!("a" => column(7), "b" => column(11), "c" => column(13)).unwrap();
    let layout = Layout { row_group: 400, encoding: Some(Encoding::Plain), ..Layout::default() };
    let folder = Folder::new();
    let scan = open(write(&folder.path().join("f.parquet"), &table, &layout));
    let request = request(None, Some(predicate));
    let source = ParquetSource::new(scan.table.clone(), &request).unwrap();
    assert_same(&read_source(&source, 150).unwrap(), &expected(&table, &request));
    source.guesses.counts()
}

#[test]
fn columns_that_are_always_read() {
    let counts = guessed((col("a") % lit(2)).eq(lit(0)));
    // Each page of `a` finds a partner.
    assert_eq!(counts.iter().map(|(_, right, _)| right).sum::<u64>(), 10, "{counts:?}");
    assert!(counts.iter().all(|(_, _, wrong)| *wrong == 0), "{counts:?}");
}

#[test]
fn columns_that_are_never_read() {
    let counts = guessed((col("a") * col("a")).eq(lit(-1)));
    // It was tried a few times.
    assert!(counts.iter().all(|(_, right, wrong)| *right == 0 && *wrong <= 2), "{counts:?}");
    assert!(counts.iter().any(|(_, _, wrong)| *wrong > 0), "{counts:?}");
}
