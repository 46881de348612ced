//! Which row groups are read. That no row is lost is the business of the random tests.

use polars_core::df;
use polars_core::prelude::*;
use polars_plan::plans::LiteralValue;
use quokka_engine::expr::prelude::{ClosedInterval, Scalar, col, lit, not};

use super::*;
use crate::parquet::source::ParquetSource;
use crate::testing::Folder;

/// 10 row groups of 10 rows; every column grows from one to the next.
fn table() -> DataFrame {
    let rows = 0..100;
    let text: Vec<String> = rows.clone().map(|i| format!("{}{i:02}", "a prefix ".repeat(4))).collect();
    let float: Vec<f64> = rows.clone().map(|i| if i == 55 { f64::NAN } else { f64::from(i) }).collect();
    let flag: Vec<bool> = rows.clone().map(|i| i / 10 >= 8 || (i / 10 == 7 && i % 2 == 0)).collect();
    // Row group 0 has only nulls, row group 1 some.
    let gaps: Vec<Option<i32>> = rows.clone().map(|i| (i >= 15).then_some(i)).collect();
    let decimal = |precision| {
        let values = Int128Chunked::from_vec("".into(), rows.clone().map(|i| i128::from(i) * 100 - 2500).collect());
        values.into_decimal_unchecked(precision, 2).into_series()
    };
    df!(
        "i" => rows.clone().collect::<Vec<_>>(),
        "big" => rows.clone().map(|i| u32::MAX - 99 + i as u32).collect::<Vec<_>>(),
        "f" => float,
        "t" => text,
        "b" => flag,
        "n" => gaps,
        "d" => Series::new("".into(), rows.clone().collect::<Vec<_>>()).cast(&DataType::Date).unwrap(),
        "ts" => Series::new("".into(), rows.clone().map(i64::from).collect::<Vec<_>>())
            .cast(&DataType::Datetime(TimeUnit::Microseconds, None))
            .unwrap(),
        "dec" => decimal(9),
        "dec18" => decimal(18),
        "dec38" => decimal(38),
        "l" => rows.clone().map(|i| Series::new("".into(), [i])).collect::<ListChunked>().into_series(),
    )
    .unwrap()
}

/// The row groups that are read, with `*` where the predicate need not be evaluated any more.
fn kept(scan: &ParquetScan, predicate: Expr) -> Vec<String> {
    let source = ParquetSource::new(scan.table.clone(), &request(None, Some(predicate))).unwrap();
    let name = |row_group: &crate::parquet::source::RowGroup| {
        format!("{}{}", row_group.index, if row_group.conjuncts.is_empty() { "*" } else { "" })
    };
    source.parts.iter().map(name).collect()
}

fn date(days: i32) -> Expr {
    Expr::Literal(LiteralValue::Scalar(Scalar::new(DataType::Date, AnyValue::Date(days))))
}

fn decimal(unscaled: i128) -> Expr {
    Expr::Literal(LiteralValue::Scalar(Scalar::new(DataType::Decimal(9, 2), AnyValue::Decimal(unscaled, 9, 2))))
}

#[track_caller]
fn check(scan: &ParquetScan, df: &DataFrame, predicate: Expr, row_groups: &[&str]) {
    assert_eq!(kept(scan, predicate.clone()), row_groups, "{predicate}");
    let request = request(None, Some(predicate));
    assert_same(&read(scan, &request, 64).unwrap(), &expected(df, &request));
}

/// Writes row groups of 10 rows, as a tool would whose statistics are all sound.
fn write_foreign(folder: &Folder, df: &DataFrame) -> PathBuf {
    let mut bytes = encode(df, &Layout { row_group: 10, ..Layout::default() });
    let created_by = bytes.windows(6).rposition(|window| window == b"Polars").unwrap();
    bytes[created_by..created_by + 6].copy_from_slice(b"Others");
    let path = folder.path().join("f.parquet");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn row_groups_are_left_out_by_their_statistics() {
    let folder = Folder::new();
    let df = table();
    let scan = open(write_foreign(&folder, &df));
    let prefix = "a prefix ".repeat(4);
    let cases: Vec<(Expr, &[&str])> = vec![
        (col("i").lt(lit(15)), &["0*", "1"]),
        (lit(15).gt(col("i")), &["0*", "1"]),
        (col("i").lt_eq(lit(9)), &["0*"]),
        (col("i").gt(lit(88)), &["8", "9*"]),
        (col("i").gt_eq(lit(90)), &["9*"]),
        (col("i").eq(lit(42)), &["4"]),
        (col("i").eq(lit(42.5)), &["4"]),
        (col("i").eq(lit(200)), &[]),
        (col("i").eq(lit(20) + lit(2)), &["2"]),
        (col("i").neq(lit(200)), &["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]),
        (col("i").is_between(lit(18), lit(30), ClosedInterval::Left), &["1", "2*"]),
        (not(col("i").is_between(lit(10), lit(89), ClosedInterval::Both)), &["0*", "9*"]),
        (col("i").lt(lit(5)).or(col("i").gt_eq(lit(95))), &["0", "9"]),
        (not(col("i").gt_eq(lit(5)).and(col("i").lt(lit(95)))), &["0", "9"]),
        (col("i").gt(lit(15)).and(col("t").lt(lit(format!("{prefix}25")))), &["1", "2"]),
        (col("i").is_in(lit(Series::new("".into(), [3, 97])).implode(true), false), &["0", "9"]),
        (
            col("i").is_in(lit(Series::new("".into(), (50..95).collect::<Vec<i32>>())).implode(true), false),
            &["5", "6", "7", "8", "9"],
        ),
        (col("i").alias("x").lt(lit(5)), &["0"]),
        (col("big").gt(lit(u32::MAX - 5)), &["9"]),
        // The bounds of row group 5, which holds a NaN, are unknown.
        (col("f").lt(lit(15.0)), &["0", "1", "5"]),
        (col("f").eq(lit(33.0)), &["3", "5"]),
        // NaN is larger than every number and is not in the statistics.
        (col("f").gt(lit(95.0)), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        (col("f").gt_eq(lit(0.0)), &["0*", "1*", "2*", "3*", "4*", "5", "6*", "7*", "8*", "9*"]),
        (col("f").eq(lit(f64::NAN)), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        (col("t").eq(lit(format!("{prefix}42"))), &["4"]),
        (col("t").lt(lit("a")), &[]),
        (col("b"), &["7", "8*", "9*"]),
        (not(col("b")), &["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7"]),
        (col("n").is_null(), &["0*", "1"]),
        (col("n").is_not_null(), &["1", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]),
        (col("n").lt(lit(25)), &["1", "2"]),
        (col("n").gt_eq(lit(15)), &["1", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]),
        (col("d").lt(date(15)), &["0*", "1"]),
        (col("ts").gt_eq(lit(95i64).cast(DataType::Datetime(TimeUnit::Microseconds, None))), &["9"]),
        (col("dec").lt(decimal(-2000)), &["0"]),
        (col("dec18").lt(decimal(-2000)), &["0"]),
        (col("dec38").lt(decimal(-2000)), &["0"]),
        (col("dec").gt(col("i")), &[]),
        (col("i").gt(col("n")), &["1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        (col("i").lt(col("big")), &["0*", "1*", "2*", "3*", "4*", "5*", "6*", "7*", "8*", "9*"]),
    ];
    for (predicate, row_groups) in cases {
        check(&scan, &df, predicate, row_groups);
    }
}

#[test]
fn what_statistics_cannot_decide_is_read() {
    let folder = Folder::new();
    let df = table();
    let path = write(&folder.path().join("f.parquet"), &df, &Layout { row_group: 10, ..Layout::default() });
    let scan = open(&path);
    let all = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let undecided = [
        (col("i") * lit(2)).lt(lit(10)),
        col("t").str().ends_with(lit("01")),
        col("l").is_null(),
        col("l").is_not_null(),
        col("i").lt(lit(5)).or(col("t").str().ends_with(lit("01"))),
        col("i").eq_missing(lit(5)),
        not(col("i").is_in(lit(Series::new("".into(), [3, 97])).implode(true), false)),
    ];
    for predicate in undecided {
        check(&scan, &df, predicate, &all);
    }
}

#[test]
fn without_statistics_everything_is_read() {
    let folder = Folder::new();
    let df = table();
    let layout = Layout { row_group: 10, statistics: StatisticsOptions::empty(), ..Layout::default() };
    let scan = open(write(&folder.path().join("f.parquet"), &df, &layout));
    let all = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for predicate in [col("i").lt(lit(15)), col("n").is_null(), col("t").lt(lit("a")), col("b")] {
        check(&scan, &df, predicate, &all);
    }
}

#[test]
fn unsound_statistics_are_not_used() {
    let folder = Folder::new();
    let df = table();
    let path = write(&folder.path().join("f.parquet"), &df, &Layout { row_group: 10, ..Layout::default() });
    let scan = open(&path);
    let all = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for predicate in [col("f").lt(lit(15.0)), col("big").gt(lit(u32::MAX - 5)), col("dec38").lt(decimal(-2000))] {
        check(&scan, &df, predicate, &all);
    }
    check(&scan, &df, col("dec18").lt(decimal(-2000)), &["0"]);
}

#[test]
fn truncated_bounds_lose_no_row() {
    let folder = Folder::new();
    let df = df!("t" => ["aaaaaaaaaa1", "aaaaaaaaaa2", "bbbbbbbbbb1", "bbbbbbbbbb2"]).unwrap();
    let statistics = StatisticsOptions { binary_statistics_truncate_length: Some(4), ..StatisticsOptions::full() };
    let layout = Layout { row_group: 2, statistics, ..Layout::default() };
    let scan = open(write(&folder.path().join("f.parquet"), &df, &layout));
    for text in ["aaaa", "aaaaaaaaaa1", "aaaaaaaaaa2", "aaab", "b", "bbbbbbbbbb1", "c"] {
        for predicate in [col("t").eq(lit(text)), col("t").lt(lit(text)), col("t").gt_eq(lit(text))] {
            let request = request(None, Some(predicate));
            assert_same(&read(&scan, &request, 64).unwrap(), &expected(&df, &request));
        }
    }
}
