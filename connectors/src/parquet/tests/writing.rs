//! What the sink writes is what Polars and the scan read.

use polars_core::prelude::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use quokka_engine::physical::to_physical;

use super::*;
use crate::parquet::{ParquetCompression, ParquetFormat, ParquetWriteOptions};
use crate::sink::FileFormat;
use crate::testing::Folder;

/// Writes a frame in batches of so many rows.
fn write_file(path: &Path, frame: &DataFrame, batch_rows: usize, options: ParquetWriteOptions) {
    let format = ParquetFormat::new(options);
    let mut encoder = format.start(frame.schema(), Box::new(File::create(path).unwrap())).unwrap();
    for start in (0..frame.height()).step_by(batch_rows) {
        encoder.append(to_physical(frame.slice(start as i64, batch_rows)).unwrap()).unwrap();
    }
    encoder.finish().unwrap();
}

#[track_caller]
fn check(frame: &DataFrame, batch_rows: usize, options: ParquetWriteOptions) -> PathBuf {
    let folder = Folder::new();
    let path = folder.path().join("f.parquet");
    write_file(&path, frame, batch_rows, options);
    assert_same(&oracle(&path), frame);
    assert_same(&read(&open(&path), &request(None, None), 1000).unwrap(), frame);
    path
}

fn options(row_group_rows: usize) -> ParquetWriteOptions {
    ParquetWriteOptions::default().with_row_group_rows(row_group_rows)
}

/// Integers under a name, some of them null, in another type.
fn column(name: &str, values: &[Option<i64>], dtype: &DataType) -> Column {
    let values = Series::new(name.into(), values);
    match dtype {
        DataType::Date => values.cast(&DataType::Int32).unwrap().cast(dtype).unwrap().into_column(),
        _ => values.cast(dtype).unwrap().into_column(),
    }
}

/// All types, from the same integers.
fn frame_of(values: &[Option<i64>]) -> DataFrame {
    let text = |value: i64| match value % 4 {
        0 => format!("{value}"),
        1 => format!("a text that is not short {value}"),
        _ => String::new(),
    };
    let texts: Vec<Option<String>> = values.iter().map(|value| value.map(text)).collect();
    let small: Vec<Option<i64>> = values.iter().map(|value| value.map(|value| value.rem_euclid(100))).collect();
    let us = TimeUnit::Microseconds;
    let mut columns = vec![
        Series::new("text".into(), &texts).into_column(),
        Series::new("bytes".into(), &texts).cast(&DataType::Binary).unwrap().into_column(),
        Series::new("flag".into(), values.iter().map(|v| v.map(|v| v % 3 == 0)).collect::<Vec<_>>()).into_column(),
        Series::new("kind".into(), &texts)
            .cast(&DataType::from_categories(Categories::global()))
            .unwrap()
            .into_column(),
    ];
    let float = |value: i64| if value % 13 == 0 { f64::NAN } else { -(value as f64) / 3.0 };
    columns.push(Series::new("double".into(), values.iter().map(|v| v.map(float)).collect::<Vec<_>>()).into_column());
    columns.push(columns[4].cast(&DataType::Float32).unwrap().with_name("float".into()));
    for dtype in [
        DataType::Int8,
        DataType::Int16,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Time,
        DataType::Decimal(9, 2),
    ] {
        columns.push(column(&format!("{dtype}"), &small, &dtype));
    }
    for dtype in [
        DataType::Int32,
        DataType::Int64,
        DataType::Date,
        DataType::Datetime(us, None),
        DataType::Datetime(TimeUnit::Nanoseconds, Some(TimeZone::UTC)),
        DataType::Duration(TimeUnit::Milliseconds),
        DataType::Decimal(18, 3),
        DataType::Decimal(38, 4),
    ] {
        columns.push(column(&format!("{dtype}"), values, &dtype));
    }
    let numbers = columns[0].as_materialized_series().clone();
    let lists: ListChunked = values
        .iter()
        .map(|value| value.map(|value| numbers.head(Some(value.rem_euclid(4) as usize)).with_name("".into())))
        .collect();
    columns.push(lists.with_name("list".into()).into_column());
    let vectors: ListChunked =
        values.iter().map(|v| v.map(|v| Series::new("".into(), [Some(v), None, Some(v / 2)]))).collect();
    let vectors = vectors.with_name("vector".into()).into_column();
    let vector = DataType::Array(Box::new(DataType::Int64), 3);
    columns.push(vectors.cast(&vector).unwrap());
    let implode = |value: Option<i64>| {
        value.map(|value| vectors.slice(0, value.rem_euclid(3) as usize).take_materialized_series())
    };
    let lists: ListChunked = values.iter().map(|value| implode(*value)).collect();
    columns.push(lists.with_name("vectors".into()).into_column().cast(&DataType::List(Box::new(vector))).unwrap());
    let fields = [columns[0].as_materialized_series().clone(), columns[5].as_materialized_series().clone()];
    let pairs = StructChunked::from_series("pair".into(), values.len(), fields.iter()).unwrap();
    columns.push(pairs.into_column());
    DataFrame::new(values.len(), columns).unwrap()
}

#[test]
fn pages_and_row_groups_of_all_types_come_back() {
    // Few values that come back, many, and both, so that dictionaries are begun and given up; runs; nulls.
    let some = |n: i64, keep: i64| (keep == 1 || n % keep != 0).then_some(n);
    let few: Vec<_> = (0..100_000).map(|n| some(n * n % 89, 7)).collect();
    let many: Vec<_> = (0..100_000).map(|n| some(n * 7_919 % 1_000_003, 1)).collect();
    let both: Vec<_> = (0..100_000).map(|n| some(if n < 70_000 { n % 1_000 } else { n * 31 }, 3)).collect();
    let runs: Vec<_> = (0..100_000).map(|n| some(n / 1_000, 1)).collect();
    let none: Vec<_> = (0..70_000).map(|n| (n > 69_000).then_some(n % 5)).collect();
    for (values, batch_rows, row_group_rows) in
        [(&few, 65_536, 262_144), (&many, 10_007, 70_000), (&both, 40_000, 262_144), (&runs, 999, 100_000)]
    {
        check(&frame_of(values), batch_rows, options(row_group_rows));
    }
    check(&frame_of(&none), 70_000, options(1 << 20));
    check(&frame_of(&few[..1]), 1, options(1));
    check(&frame_of(&[]), 1, options(1));
    check(&frame_of(&[None, None]), 2, options(100));
}

#[test]
fn every_codec_is_read() {
    let frame = frame_of(&(0..5_000).map(|n| (n % 5 != 0).then_some(n)).collect::<Vec<_>>());
    for compression in [
        ParquetCompression::Uncompressed,
        ParquetCompression::Snappy,
        ParquetCompression::Lz4,
        ParquetCompression::Zstd(1),
        ParquetCompression::Zstd(19),
    ] {
        check(&frame, 700, options(2_000).with_compression(compression));
    }
}

#[test]
fn long_texts_are_several_pages() {
    let texts: Vec<Option<String>> =
        (0..300usize).map(|n| (n % 7 != 0).then(|| format!("{n} ").repeat(n * n % 20_000))).collect();
    let frame = DataFrame::new(300, vec![Series::new("text".into(), &texts).into_column()]).unwrap();
    check(&frame, 300, options(1_000).with_compression(ParquetCompression::Uncompressed));
    check(&frame, 7, options(100));
}

#[test]
fn values_that_come_back_take_less_place() {
    let frame = frame_of(&(0..100_000).map(|n| Some(n % 89)).collect::<Vec<_>>());
    for name in ["text", "i64", "double", "date", "decimal[18,3]", "kind"] {
        let folder = Folder::new();
        let path = folder.path().join("f.parquet");
        let frame = frame.select([name]).unwrap();
        write_file(&path, &frame, 65_536, options(262_144).with_compression(ParquetCompression::Uncompressed));
        // Six or seven bits a row, and a page of the different values.
        let length = path.metadata().unwrap().len();
        assert!((75_000..96_000).contains(&length), "{name}: {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_is_written_is_read(
        values in vec(option::of(select(vec![0i64, 1, -1, 2, 3, 64, 1_000_000, -1_000_000])), 0..600),
        batch_rows in 1usize..300,
        row_group_rows in 1usize..400,
    ) {
        check(&frame_of(&values), batch_rows, options(row_group_rows));
    }
}
