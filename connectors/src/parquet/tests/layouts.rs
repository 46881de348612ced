//! Every type in every compression, encoding and version of data page.

use polars_core::prelude::*;
use polars_parquet::write::{BrotliLevel, GzipLevel, ZstdLevel};
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::testing::Folder;

const ROWS: usize = 500;

fn column<T>(name: &str, value: impl Fn(usize) -> T) -> Column
where
    Series: NamedFrom<Vec<Option<T>>, [Option<T>]>,
{
    let values: Vec<Option<T>> = (0..ROWS).map(|i| (i % 5 != 3).then(|| value(i))).collect();
    Series::new(name.into(), values).into()
}

fn cast(column: Column, dtype: DataType) -> Column {
    column.strict_cast(&dtype).unwrap()
}

/// One column of every type, with nulls.
pub(in crate::parquet) fn every_type() -> DataFrame {
    let micros = |name: &str| column(name, |i| i as i64 * 1_000_000_007 - 250_000_000_000);
    let utc = TimeZone::opt_try_new(Some("UTC")).unwrap();
    let berlin = TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap();
    let decimal = |name: &str, precision, scale| {
        let values = (0..ROWS).map(|i| (i % 5 != 2).then_some(i as i128 * 37 - 5000));
        let values = Int128Chunked::from_iter_options(name.into(), values);
        values.into_decimal_unchecked(precision, scale).into_column()
    };
    let lists = (0..ROWS).map(|i| (i % 7 != 1).then(|| Series::new("".into(), (0..i as i64 % 4).collect::<Vec<_>>())));
    let mut lists: ListChunked = lists.collect();
    lists.rename("list".into());
    let pairs =
        (0..ROWS as i64).map(|i| (i % 7 != 1).then(|| Series::new("".into(), [Some(i), (i % 3 != 0).then_some(-i)])));
    let mut pairs: ListChunked = pairs.collect();
    pairs.rename("array".into());
    let pairs = cast(pairs.into_column(), DataType::Array(Box::new(DataType::Int64), 2));
    let structs = [
        column("a", |i| i as i32).take_materialized_series(),
        column("b", |i| format!("{i}")).take_materialized_series(),
    ];
    let structs = StructChunked::from_series("struct".into(), ROWS, structs.iter()).unwrap();
    let columns = vec![
        column("i8", |i| i as i8),
        column("i16", |i| i as i16 - 300),
        column("i32", |i| i as i32 - 300),
        column("i64", |i| i as i64 * 1_000_003),
        column("u8", |i| i as u8),
        column("u16", |i| i as u16),
        column("u32", |i| u32::MAX - i as u32),
        column("u64", |i| u64::MAX - i as u64),
        column("f32", |i| i as f32 / 3.0),
        column("f64", |i| if i % 11 == 0 { f64::NAN } else { i as f64 / 3.0 }),
        column("bool", |i| i % 3 == 0),
        column("text", |i| format!("{} ä", i * 7919)),
        column("words", |i| ["one", "two", "three", "a word that is longer than twelve bytes"][i % 4].to_owned()),
        cast(column("binary", |i| format!("{i}")), DataType::Binary),
        cast(column("date", |i| i as i32 * 10), DataType::Date),
        cast(micros("ms"), DataType::Datetime(TimeUnit::Milliseconds, None)),
        cast(micros("us"), DataType::Datetime(TimeUnit::Microseconds, utc)),
        cast(micros("ns"), DataType::Datetime(TimeUnit::Nanoseconds, berlin)),
        cast(column("time", |i| i as i64 * 1_000_000), DataType::Time),
        cast(column("duration", |i| i as i64), DataType::Duration(TimeUnit::Microseconds)),
        cast(column("category", |i| format!("{}", i % 4)), DataType::from_categories(Categories::global())),
        decimal("int32 decimal", 9, 2),
        decimal("int64 decimal", 15, 2),
        decimal("long decimal", 38, 4),
        lists.into_column(),
        pairs,
        structs.into_column(),
        Column::full_null("null".into(), ROWS, &DataType::Null),
    ];
    DataFrame::new(ROWS, columns).unwrap()
}

fn check(layout: Layout) {
    let folder = Folder::new();
    let df = every_type();
    let path = write(&folder.path().join("f.parquet"), &df, &layout);
    let scan = open(&path);
    let oracle = oracle(&path);
    assert_eq!(oracle.height(), ROWS);
    assert_same(&read(&scan, &ScanRequest::default(), 64).unwrap(), &oracle);
    // Few survivors, many, and none.
    for predicate in [col("i32").eq(lit(-123)), col("i32").gt(lit(-123)), col("words").eq(lit("four"))] {
        let request = request(None, Some(predicate));
        assert_same(&read(&scan, &request, 64).unwrap(), &expected(&oracle, &request));
    }
}

#[test]
fn every_compression() {
    let compressions = [
        CompressionOptions::Uncompressed,
        CompressionOptions::Snappy,
        CompressionOptions::Gzip(Some(GzipLevel::try_new(3).unwrap())),
        CompressionOptions::Brotli(Some(BrotliLevel::try_new(3).unwrap())),
        CompressionOptions::Zstd(Some(ZstdLevel::try_new(3).unwrap())),
        CompressionOptions::Lz4Raw,
    ];
    for compression in compressions {
        for version in [Version::V1, Version::V2] {
            check(Layout { compression, version, row_group: 300, ..Layout::default() });
        }
    }
}

#[test]
fn every_encoding() {
    for encoding in [None, Some(Encoding::Plain)] {
        for version in [Version::V1, Version::V2] {
            for page_bytes in [None, Some(256)] {
                check(Layout { encoding, version, page_bytes, ..Layout::default() });
            }
        }
    }
}

#[test]
fn the_types_are_those_that_were_written() {
    let folder = Folder::new();
    let df = every_type();
    let scan = open(write(&folder.path().join("f.parquet"), &df, &Layout::default()));
    assert_eq!(scan.schema(), df.schema().clone());
}

#[test]
fn delta_encodings() {
    let folder = Folder::new();
    let integers = every_type().select(["i32", "i64", "date", "us", "u64"]).unwrap();
    let texts = every_type().select(["text", "words", "binary"]).unwrap();
    for (df, encoding) in [(integers, Encoding::DeltaBinaryPacked), (texts, Encoding::DeltaLengthByteArray)] {
        let path =
            write(&folder.path().join("f.parquet"), &df, &Layout { encoding: Some(encoding), ..Layout::default() });
        assert_same(&read(&open(&path), &ScanRequest::default(), 64).unwrap(), &df);
    }
}

#[test]
fn types_that_only_the_arrow_schema_names() {
    use polars_arrow::array::{FixedSizeBinaryArray, PrimitiveArray};
    use polars_arrow::datatypes::{ArrowDataType, ExtensionType, Field as ArrowField, TimeUnit as ArrowUnit};
    use polars_arrow::record_batch::RecordBatchT;
    use polars_parquet::write::schema_to_metadata_key;

    let schema = |dtypes: [ArrowDataType; 2]| -> ArrowSchema {
        let names = ["time", "id"].into_iter().zip(dtypes);
        names.map(|(name, dtype)| (name.into(), ArrowField::new(name.into(), dtype, true))).collect()
    };
    let id = ArrowDataType::FixedSizeBinary(3);
    let extension = ExtensionType { name: "an.id".into(), inner: id.clone(), metadata: None };
    let named = [ArrowDataType::Time32(ArrowUnit::Second), ArrowDataType::Extension(Box::new(extension))];
    // As pyarrow and arrow-rs store seconds, and as Polars does.
    for (unit, numbers) in [(ArrowUnit::Millisecond, vec![5_000, 86_399_000]), (ArrowUnit::Second, vec![5, 86_399])] {
        let time = ArrowDataType::Time32(unit);
        let times = PrimitiveArray::<i32>::new(time.clone(), numbers.into(), None).boxed();
        let ids = FixedSizeBinaryArray::new(id.clone(), b"abcdef".to_vec().into(), None).boxed();
        let stored = schema([time, id.clone()]);
        let options = WriteOptions {
            statistics: StatisticsOptions::full(),
            version: Version::V1,
            compression: CompressionOptions::Uncompressed,
            data_page_size: None,
        };
        let batch = RecordBatchT::new(2, Arc::new(stored.clone()), vec![times, ids]);
        let encodings: Buffer<Vec<Encoding>> = vec![vec![Encoding::Plain]; 2].into();
        let mut writer = FileWriter::try_new(Vec::new(), stored.clone(), options).unwrap();
        for group in RowGroupIterator::try_new([Ok(batch)].into_iter(), &stored, options, encodings).unwrap() {
            writer.write(2, group.unwrap()).unwrap();
        }
        writer.end(Some(vec![schema_to_metadata_key(&schema(named.clone()))])).unwrap();
        let folder = Folder::new();
        let path = folder.path().join("f.parquet");
        fs::write(&path, writer.into_inner()).unwrap();
        let seconds = Series::new("time".into(), [5i64, 86_399]) * 1_000_000_000i64;
        let time = seconds.cast(&DataType::Time).unwrap();
        let ids = Series::new("id".into(), [&b"abc"[..], b"def"]);
        let expected = DataFrame::new(2, vec![time.into(), ids.into()]).unwrap();
        let scan = open(&path);
        assert_same(&read(&scan, &request(None, None), 64).unwrap(), &expected);
        let late = request(None, Some(col("time").gt(lit(3_600_000_000_000i64).cast(DataType::Time))));
        assert_same(&read(&scan, &late, 64).unwrap(), &expected.slice(1, 1));
    }
}
