//! Values of every type come back as they were.

use polars_arrow::array::*;
use polars_arrow::datatypes::{ArrowDataType, IntegerType, TimeUnit as ArrowTimeUnit};
use polars_core::df;
use polars_core::prelude::*;

use super::*;

const ROWS: i64 = 100;

fn column(name: &str, dtype: &DataType, value: impl Fn(i64) -> AnyValue<'static>) -> Column {
    let values: Vec<_> = (0..ROWS).map(|i| if i % 7 == 3 { AnyValue::Null } else { value(i) }).collect();
    Series::from_any_values_and_dtype(name.into(), &values, dtype, true).unwrap().into_column()
}

/// A column of each type, with nulls.
pub(super) fn table() -> DataFrame {
    let words = ["", "one", "zwölf", "a word that is longer than twelve bytes", "ein Wort mit mehr als zwölf Zeichen"];
    let word = |i: i64| words[i as usize % words.len()];
    let zone = TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap();
    let text = column("text", &DataType::String, |i| AnyValue::StringOwned(word(i).into()));
    let cast = |name: &str, dtype: DataType| text.clone().with_name(name.into()).cast(&dtype).unwrap();
    let categories = cast("categories", DataType::from_categories(Categories::global()));
    let frozen = FrozenCategories::new(words).unwrap();
    let levels = cast("levels", DataType::from_frozen_categories(frozen));
    let integers = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::UInt128,
        DataType::Float32,
        DataType::Float64,
    ];
    let numbers = column("n", &DataType::Int64, AnyValue::Int64);
    let mut columns: Vec<Column> =
        integers.iter().map(|dtype| numbers.cast(dtype).unwrap().with_name(dtype.to_string().into())).collect();
    columns.extend([
        text,
        categories,
        levels,
        column("bool", &DataType::Boolean, |i| AnyValue::Boolean(i % 3 == 0)),
        column("binary", &DataType::Binary, |i| AnyValue::BinaryOwned(vec![i as u8; i as usize % 20])),
        column("date", &DataType::Date, |i| AnyValue::Date(i as i32 * 100)),
        column("time", &DataType::Time, |i| AnyValue::Time(i * 1_000_000_007)),
        column("ms", &DataType::Datetime(TimeUnit::Milliseconds, None), |i| {
            AnyValue::DatetimeOwned(i * 1_000_003, TimeUnit::Milliseconds, None)
        }),
        column("zoned", &DataType::Datetime(TimeUnit::Nanoseconds, zone.clone()), |i| {
            AnyValue::DatetimeOwned(i * 1_000_003, TimeUnit::Nanoseconds, zone.clone().map(Arc::new))
        }),
        column("duration", &DataType::Duration(TimeUnit::Microseconds), |i| {
            AnyValue::Duration(i - 50, TimeUnit::Microseconds)
        }),
        column("dec9", &DataType::Decimal(9, 2), |i| AnyValue::Decimal(i128::from(i - 50), 9, 2)),
        column("dec38", &DataType::Decimal(38, 10), |i| AnyValue::Decimal((i128::from(i) - 50) << 100, 38, 10)),
        Column::full_null("null".into(), ROWS as usize, &DataType::Null),
    ]);
    let lists = (0..ROWS).map(|i| {
        (i % 5 != 4).then(|| Series::new("".into(), (0..i % 4).map(|j| word(i + j).to_owned()).collect::<Vec<_>>()))
    });
    columns.push(lists.collect::<ListChunked>().with_name("list".into()).into_column());
    let arrays = numbers.as_materialized_series().extend_constant(AnyValue::Null, ROWS as usize).unwrap();
    let arrays = arrays.reshape_array(&[ReshapeDimension::new(ROWS), ReshapeDimension::new(2)]).unwrap();
    columns.push(arrays.with_name("array".into()).into_column());
    let mut inner = DataFrame::new(ROWS as usize, columns.clone()).unwrap();
    inner = inner.select(["text", "levels", "categories", "dec9", "zoned", "list", "array", "null"]).unwrap();
    let nested = inner.into_struct("struct".into()).into_series();
    columns.push(nested.clone().into_column());
    let list_of_structs =
        (0..ROWS).map(|i| (i % 3 != 0).then(|| nested.slice(i / 2, (i % 4) as usize))).collect::<ListChunked>();
    columns.push(list_of_structs.with_name("structs".into()).into_column());
    DataFrame::new(ROWS as usize, columns).unwrap()
}

#[test]
fn values_of_every_type_come_back_in_every_form() {
    let all = table();
    let folder = Folder::new();
    for form in forms(33).into_iter().chain(forms(1000)) {
        let scan = open(&folder, &encode(&all, form)).unwrap();
        for batch_rows in [7, 1000] {
            let found = read(&scan, &ScanRequest::default(), batch_rows).unwrap();
            assert_eq!(found.schema(), all.schema(), "{form:?}");
            for (found, expected) in found.columns().iter().zip(all.columns()) {
                // Polars does not find lists of structs equal if one is cut out of longer ones: as text they are.
                let texts =
                    |column: &Column| (0..100).map(|row| column.get(row).unwrap().to_string()).collect::<Vec<_>>();
                match found.name().as_str() {
                    "structs" => assert_eq!(texts(found), texts(expected), "{form:?}"),
                    _ => assert!(found.equals_missing(expected), "{form:?}: found {found:?}\nexpected {expected:?}"),
                }
            }
        }
    }
}

#[test]
fn no_rows_have_columns() {
    let none = table().slice(0, 0);
    for form in forms(10) {
        let folder = Folder::new();
        let scan = open(&folder, &encode(&none, form)).unwrap();
        assert_same(&read(&scan, &ScanRequest::default(), 10).unwrap(), &none);
    }
}

/// Types that Polars does not write, and what they are read as.
#[test]
fn other_types_of_arrow_are_read_as_polars_reads_them() {
    let validity = || Some([true, false, true].into_iter().collect());
    let values = [1i64, 0, -3];
    let seconds = |dtype| PrimitiveArray::from_slice(values).to(dtype).with_validity(validity()).boxed();
    let words = || Utf8Array::<i32>::from_slice(["x", "a long word of dictionaries", "z"]);
    let keys = PrimitiveArray::from_slice([2i8, 1, 0]).with_validity(validity());
    let numbers = PrimitiveArray::<f64>::from_slice([0.5, 1.5]);
    let number_keys = PrimitiveArray::from_slice([1u64, 1, 0]).with_validity(validity());
    let decimal32 = PrimitiveArray::from_slice([150i32, 0, -1]).to(ArrowDataType::Decimal32(5, 2));
    let decimal64 = PrimitiveArray::from_slice([150i64, 0, -1]).to(ArrowDataType::Decimal64(5, 2));
    let fixed = FixedSizeBinaryArray::new(ArrowDataType::FixedSizeBinary(2), b"abcdef".to_vec().into(), validity());
    let map_fields = vec![
        ArrowField::new("key".into(), ArrowDataType::Utf8, false),
        ArrowField::new("value".into(), ArrowDataType::Int64, true),
    ];
    let entries = StructArray::new(
        ArrowDataType::Struct(map_fields),
        3,
        vec![words().boxed(), PrimitiveArray::from_slice(values).boxed()],
        None,
    );
    let map_type =
        ArrowDataType::Map(Box::new(ArrowField::new("entries".into(), entries.dtype().clone(), false)), false);
    let map = MapArray::new(map_type, vec![0, 1, 1, 3].try_into().unwrap(), entries.boxed(), None);
    let second = ArrowTimeUnit::Second;
    let arrays: Vec<(&str, Box<dyn Array>)> = vec![
        ("seconds", seconds(ArrowDataType::Timestamp(second, None))),
        ("zoned", seconds(ArrowDataType::Timestamp(second, Some("UTC".into())))),
        ("date64", seconds(ArrowDataType::Date64)),
        ("duration", seconds(ArrowDataType::Duration(second))),
        ("time", PrimitiveArray::from_slice([1i32, 0, 3]).to(ArrowDataType::Time32(second)).boxed()),
        ("text", words().boxed()),
        ("binary", BinaryArray::<i32>::from_slice([b"x", b"y", b"z"]).with_validity(validity()).boxed()),
        ("fixed", fixed.boxed()),
        ("category", DictionaryArray::try_from_keys(keys, words().boxed(), false).unwrap().boxed()),
        ("number", DictionaryArray::try_from_keys(number_keys, numbers.boxed(), true).unwrap().boxed()),
        ("decimal32", decimal32.with_validity(validity()).boxed()),
        ("decimal64", decimal64.with_validity(validity()).boxed()),
        ("map", map.boxed()),
    ];
    let [first, _, third] = values;
    let three = |a: i64, b: i64| Series::new("".into(), [Some(a), None, Some(b)]);
    let stamps = three(1000 * first, 1000 * third);
    let decimals = |values: [Option<i128>; 3], precision, scale| {
        Int128Chunked::new("".into(), values).into_decimal_unchecked(precision, scale).into_series()
    };
    let ms = |zone: Option<&str>| DataType::Datetime(TimeUnit::Milliseconds, TimeZone::opt_try_new(zone).unwrap());
    let category = Series::new("".into(), [Some("z"), None, Some("x")]);
    let entry = |keys: &[&str], values: &[i64]| {
        df!("key" => keys, "value" => values).unwrap().into_struct("".into()).into_series()
    };
    let all = df!(
        "seconds" => stamps.cast(&ms(None)).unwrap(),
        "zoned" => stamps.cast(&ms(Some("UTC"))).unwrap(),
        "date64" => three(first, third).cast(&ms(None)).unwrap(),
        "duration" => stamps.cast(&DataType::Duration(TimeUnit::Milliseconds)).unwrap(),
        "time" => Series::new("".into(), [1_000_000_000i64, 0, 3_000_000_000]).cast(&DataType::Time).unwrap(),
        "text" => ["x", "a long word of dictionaries", "z"],
        "binary" => [Some(&b"x"[..]), None, Some(b"z")],
        "fixed" => [Some(&b"ab"[..]), None, Some(b"ef")],
        "category" => category.cast(&DataType::from_categories(Categories::global())).unwrap(),
        "number" => [Some(1.5), None, Some(0.5)],
        "decimal32" => decimals([Some(150), None, Some(-1)], 5, 2),
        "decimal64" => decimals([Some(150), None, Some(-1)], 5, 2),
        "map" => [entry(&["x"], &[1]), entry(&[], &[]), entry(&["a long word of dictionaries", "z"], &[0, -3])],
    )
    .unwrap();
    for form in forms(10) {
        let folder = Folder::new();
        let scan = open(&folder, &encode_arrays(&arrays, form)).unwrap();
        for rows in [1, 10] {
            let found = read(&scan, &ScanRequest::default(), rows).unwrap();
            for (found, expected) in found.columns().iter().zip(all.columns()) {
                assert_eq!(found.dtype(), expected.dtype(), "{}", found.name());
                assert!(found.equals_missing(expected), "{form:?}: found {found:?}\nexpected {expected:?}");
            }
        }
    }
}

#[test]
fn types_that_polars_does_not_have_are_named() {
    let months = PrimitiveArray::<i32>::from_slice([1])
        .to(ArrowDataType::Interval(polars_arrow::datatypes::IntervalUnit::YearMonth));
    let lists = ListArray::<i32>::new(
        ListArray::<i32>::default_datatype(ArrowDataType::Int32),
        vec![0, 1].try_into().unwrap(),
        PrimitiveArray::<i32>::from_slice([1]).boxed(),
        None,
    );
    let nested = DictionaryArray::try_from_keys(PrimitiveArray::from_slice([0u8]), lists.boxed(), false).unwrap();
    assert_eq!(
        nested.dtype().to_physical_type(),
        polars_arrow::datatypes::PhysicalType::Dictionary(IntegerType::UInt8)
    );
    let arrays: [(&str, Box<dyn Array>); 2] =
        [("Interval", months.boxed()), ("dictionary of nested values", nested.boxed())];
    for (name, array) in arrays {
        let folder = Folder::new();
        let found = open(&folder, &encode_arrays(&[("c", array)], forms(1)[0])).err().unwrap();
        let IpcError::UnsupportedType { column, dtype, .. } = found else { unreachable!("{found}") };
        assert_eq!((column.as_str(), dtype.as_str()), ("c", name));
    }
}
