//! Random files, random predicates, random slices: what is left out or decoded late never changes the result.

use polars_core::prelude::*;
use polars_parquet::write::{GzipLevel, ZstdLevel};
use polars_plan::plans::LiteralValue;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use quokka_engine::expr::prelude::{ClosedInterval, Scalar, col, lit, not};
use quokka_engine::operator::testing::single_worker;
use quokka_engine::physical::{to_logical, to_physical};
use quokka_engine::source::SplitReader;

use super::*;
use crate::parquet::reader::RowGroupReader;
use crate::parquet::source::ParquetSource;
use crate::testing::Folder;

/// Every column draws from this many values, so that predicates hit.
const VALUES: u8 = 12;

const COLUMNS: &[&str] = &[
    "i8", "i32", "i64", "u32", "u64", "f32", "f64", "bool", "text", "binary", "date", "ms", "us", "dec9", "dec18",
    "dec38",
];

fn dtype(column: &str) -> DataType {
    match column {
        "i8" => DataType::Int8,
        "i32" => DataType::Int32,
        "i64" => DataType::Int64,
        "u32" => DataType::UInt32,
        "u64" => DataType::UInt64,
        "f32" => DataType::Float32,
        "f64" => DataType::Float64,
        "bool" => DataType::Boolean,
        "text" => DataType::String,
        "binary" => DataType::Binary,
        "date" => DataType::Date,
        "ms" => DataType::Datetime(TimeUnit::Milliseconds, None),
        "us" => DataType::Datetime(TimeUnit::Microseconds, TimeZone::opt_try_new(Some("UTC")).unwrap()),
        "dec9" => DataType::Decimal(9, 2),
        "dec18" => DataType::Decimal(18, 0),
        _ => DataType::Decimal(38, 10),
    }
}

/// The value of a column with a number below [`VALUES`].
fn value(column: &str, number: u8) -> AnyValue<'static> {
    let n = i64::from(number) - 5;
    let floats = [f64::NEG_INFINITY, -1e9, -1.5, -0.0, 0.0, 1e-9, 0.5, 1.0, 3.25, 1e9, f64::INFINITY, f64::NAN];
    let float = floats[usize::from(number) % floats.len()];
    let long = "ä".repeat(40);
    let texts = ["", "A", "a", "aa", "ab", "b", "zz", "ä", "ää", &long, &format!("{long}1"), "\u{10ffff}\u{10ffff}"];
    let text = texts[usize::from(number) % texts.len()].to_owned();
    match dtype(column) {
        DataType::Int8 => AnyValue::Int8(n as i8 * 25),
        DataType::Int32 => AnyValue::Int32((n * 400_000_000) as i32),
        DataType::Int64 => AnyValue::Int64(if n == 6 { i64::MAX } else { n * 7 }),
        DataType::UInt32 => AnyValue::UInt32((u32::MAX / 11).wrapping_mul(u32::from(number))),
        DataType::UInt64 => AnyValue::UInt64((u64::MAX / 11).wrapping_mul(u64::from(number))),
        DataType::Float32 => AnyValue::Float32(float as f32),
        DataType::Float64 => AnyValue::Float64(float),
        DataType::Boolean => AnyValue::Boolean(number.is_multiple_of(2)),
        DataType::String => AnyValue::StringOwned(text.into()),
        DataType::Binary => AnyValue::BinaryOwned(vec![number.wrapping_mul(50); usize::from(number) % 3]),
        DataType::Date => AnyValue::Date(n as i32 * 1000),
        DataType::Datetime(unit, zone) => AnyValue::DatetimeOwned(n * 1_000_000_007, unit, zone.map(Arc::new)),
        DataType::Decimal(precision, scale) => AnyValue::Decimal(i128::from(n) * 12345, precision, scale),
        other => unreachable!("{other}"),
    }
}

fn literal(column: &str, number: u8) -> Expr {
    Expr::Literal(LiteralValue::Scalar(Scalar::new(dtype(column), value(column, number))))
}

fn series(column: &str, numbers: &[Option<u8>]) -> Series {
    let values: Vec<_> = numbers.iter().map(|n| n.map_or(AnyValue::Null, |n| value(column, n))).collect();
    Series::from_any_values_and_dtype(column.into(), &values, &dtype(column), true).unwrap()
}

/// One column: random or sorted, with many, few or no nulls.
fn numbers(rows: usize) -> impl Strategy<Value = Vec<Option<u8>>> {
    let nulls = select(vec![0u32, 1, 5]);
    (nulls, any::<bool>()).prop_flat_map(move |(nulls, sorted)| {
        let value = (0..VALUES, 0..10u32).prop_map(move |(number, dice)| (dice >= nulls).then_some(number));
        proptest::collection::vec(value, rows).prop_map(move |mut values| {
            if sorted {
                values.sort();
            }
            values
        })
    })
}

fn table() -> impl Strategy<Value = DataFrame> {
    let columns = proptest::sample::subsequence(COLUMNS, 2..6);
    (columns, prop_oneof![0..20usize, 20..200usize]).prop_flat_map(|(columns, rows)| {
        proptest::collection::vec(numbers(rows), columns.len()).prop_map(move |data| {
            let mut all: Vec<Column> = columns.iter().zip(&data).map(|(c, n)| series(c, n).into()).collect();
            // Nested columns ride along: they are read, never compared.
            let lists =
                data[0].iter().map(|n| n.map(|n| Series::new("".into(), vec![i32::from(n); usize::from(n % 3)])));
            let mut lists: ListChunked = lists.collect();
            lists.rename("list".into());
            if rows > 0 {
                all.push(lists.into_column());
            }
            DataFrame::new(rows, all).unwrap()
        })
    })
}

fn layout() -> impl Strategy<Value = Layout> {
    let compression = select(vec![
        CompressionOptions::Uncompressed,
        CompressionOptions::Snappy,
        CompressionOptions::Lz4Raw,
        CompressionOptions::Gzip(Some(GzipLevel::try_new(1).unwrap())),
        CompressionOptions::Zstd(Some(ZstdLevel::try_new(1).unwrap())),
    ]);
    let truncated = |bytes| StatisticsOptions { binary_statistics_truncate_length: bytes, ..StatisticsOptions::full() };
    let statistics = [Some(0), Some(1), Some(3), None].map(truncated).into_iter().chain([StatisticsOptions::empty()]);
    let statistics = select(statistics.collect::<Vec<_>>());
    let encoding = select(vec![None, Some(Encoding::Plain)]);
    (1..120usize, select(vec![None, Some(1), Some(64), Some(500)]), compression, any::<bool>(), statistics, encoding)
        .prop_map(|(row_group, page_bytes, compression, v2, statistics, encoding)| Layout {
            row_group,
            page_bytes,
            compression,
            version: if v2 { Version::V2 } else { Version::V1 },
            statistics,
            encoding,
        })
}

fn compare(left: Expr, op: u8, right: Expr) -> Expr {
    match op {
        0 => left.lt(right),
        1 => left.lt_eq(right),
        2 => left.gt(right),
        3 => left.gt_eq(right),
        4 => left.eq(right),
        _ => left.neq(right),
    }
}

fn predicate(columns: Vec<String>) -> impl Strategy<Value = Expr> {
    let column = select(columns);
    let comparison = (column.clone(), 0..6u8, 0..VALUES, any::<bool>()).prop_map(|(column, op, number, swap)| {
        let (left, right) = (col(column.as_str()), literal(&column, number));
        if swap { compare(right, op, left) } else { compare(left, op, right) }
    });
    let other = (column, 0..7u8, proptest::collection::vec(0..VALUES, 1..4)).prop_map(|(column, kind, numbers)| {
        let this = col(column.as_str());
        let (low, high) = (literal(&column, numbers[0]), literal(&column, numbers[numbers.len() - 1]));
        match kind {
            0 => this.is_null(),
            1 => this.is_not_null(),
            2 => this.is_between(low, high, ClosedInterval::Both),
            3 => this.is_between(low, high, ClosedInterval::None),
            4 if column == "bool" => this,
            4 | 5 if matches!(column.as_str(), "i32" | "i64" | "u32" | "f64" | "text" | "date") => {
                let numbers: Vec<_> = numbers.iter().map(|n| (*n > 0).then_some(*n)).collect();
                this.is_in(lit(series(&column, &numbers)).implode(true), kind == 5)
            },
            // Statistics say nothing of it.
            _ => this.clone().eq_missing(this),
        }
    });
    prop_oneof![4 => comparison, 2 => other].prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            2 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.or(right)),
            1 => inner.prop_map(not),
        ]
    })
}

#[derive(Debug)]
struct Case {
    df: DataFrame,
    layout: Layout,
    predicate: Option<Expr>,
    projection: Vec<Index>,
    batch_rows: usize,
    slice_rows: usize,
}

fn case() -> impl Strategy<Value = Case> {
    (table(), layout(), proptest::collection::vec(any::<Index>(), 0..4), select(vec![1, 7, 65536]), 1..100usize)
        .prop_flat_map(|(df, layout, projection, batch_rows, slice_rows)| {
            let names =
                df.get_column_names().iter().map(|name| name.to_string()).filter(|name| name != "list").collect();
            proptest::option::weighted(0.9, predicate(names)).prop_map(move |predicate| Case {
                df: df.clone(),
                layout: layout.clone(),
                predicate,
                projection: projection.clone(),
                batch_rows,
                slice_rows,
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_result_is_that_of_a_filter_over_all_rows(case in case()) {
        let folder = Folder::new();
        let path = write(&folder.path().join("f.parquet"), &case.df, &case.layout);
        let all = oracle(&path);
        prop_assert!(all.equals_missing(&case.df));
        let names = case.df.get_column_names_owned();
        let mut projection: Vec<&str> = case.projection.iter().map(|index| index.get(&names).as_str()).collect();
        projection.sort();
        projection.dedup();
        let request = request((!projection.is_empty()).then_some(&projection), case.predicate);
        let expected = expected(&all, &request);
        let scan = open(&path);
        assert_same(&read(&scan, &request, case.batch_rows).unwrap(), &expected);

        // The same in slices, as row groups of more than a million rows are read.
        let source = ParquetSource::new(scan.table.clone(), &request).unwrap();
        let mut sliced = expected.clear();
        for row_group in &source.parts {
            let context = single_worker(case.batch_rows);
            let (table, request, guesses) = (source.table.clone(), source.request.clone(), source.guesses.clone());
            let chunks = source.table.files[row_group.file].mapped().unwrap().unwrap();
            let mut reader = RowGroupReader::new(table, request, guesses, chunks, row_group.clone(), &context);
            reader.slice_rows = case.slice_rows;
            while let Some(batch) = reader.next().unwrap() {
                sliced.vstack_mut(&to_logical(to_physical(batch).unwrap(), expected.schema()).unwrap()).unwrap();
            }
        }
        assert_same(&sliced, &expected);
    }
}
