use proptest::collection::vec;
use proptest::prelude::*;

use super::random::{columns_of, tables};
use super::*;
use crate::json::JsonSerializer;

fn write_all(frame: &DataFrame) -> String {
    let serializer = JsonSerializer::new(frame.schema().clone()).unwrap();
    let mut bytes = Vec::new();
    for rows in (0..frame.height()).step_by(3) {
        serializer.write_rows(&frame.slice(rows as i64, 3), &mut bytes).unwrap();
    }
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn written(column: impl IntoColumn) -> Vec<String> {
    let column = column.into_column().with_name("x".into());
    let text = write_all(&DataFrame::new(column.len(), vec![column]).unwrap());
    let value = |line: &str| line.strip_prefix("{\"x\":").unwrap().strip_suffix('}').unwrap().to_owned();
    text.lines().map(value).collect()
}

/// What Polars' `write_ndjson` writes.
#[test]
fn forms_of_values() {
    use DataType::*;
    let (us, ns) = (TimeUnit::Microseconds, TimeUnit::Nanoseconds);
    let series = |values: &[Option<i64>], dtype: &DataType| Series::new("".into(), values).cast(dtype).unwrap();
    assert_eq!(written(Series::new("".into(), [Some(1i64), None])), ["1", "null"]);
    let floats = [1.5, f64::NAN, f64::INFINITY, 1e300, -0.0, 1.0, 1e20, 1e16, 123_456_789.125, 1e-7];
    let expected = ["1.5", "null", "null", "1e+300", "-0.0", "1.0", "1e+20", "1e+16", "123456789.125", "1e-7"];
    assert_eq!(written(Series::new("".into(), floats)), expected);
    assert_eq!(written(Series::new("".into(), [0.1f32, 16_777_216.0, 1e20])), ["0.1", "16777216.0", "1e+20"]);
    assert_eq!(written(Series::new("".into(), [true, false])), ["true", "false"]);
    let text = "x\"\n\\\t\u{1}\u{1f}/é\u{7f}\u{8}\u{c}\r";
    assert_eq!(
        written(Series::new("".into(), [text, ""])),
        ["\"x\\\"\\n\\\\\\t\\u0001\\u001f/é\u{7f}\\b\\f\\r\"", "\"\""]
    );
    assert_eq!(written(series(&[Some(19_753), Some(-719_162)], &Date)), ["\"2024-01-31\"", "\"0001-01-01\""]);
    let time = 45_296_000_000_000;
    let times = series(&[Some(time), Some(time + 789_000_000), Some(time + 1000), Some(time + 1)], &Time);
    assert_eq!(written(times), ["\"12:34:56\"", "\"12:34:56.789\"", "\"12:34:56.000001\"", "\"12:34:56.000000001\""]);
    let instants = [Some(1_706_704_496_000_000), Some(1_706_704_496_789_000), Some(-1), None];
    let plain = ["\"2024-01-31 12:34:56\"", "\"2024-01-31 12:34:56.789\"", "\"1969-12-31 23:59:59.999999\"", "null"];
    assert_eq!(written(series(&instants, &Datetime(us, None))), plain);
    let zoned = [
        "\"2024-01-31T12:34:56+00:00\"",
        "\"2024-01-31T12:34:56.789+00:00\"",
        "\"1969-12-31T23:59:59.999999+00:00\"",
        "null",
    ];
    assert_eq!(written(series(&instants, &Datetime(us, Some(TimeZone::UTC)))), zoned);
    let berlin = Datetime(us, TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap());
    assert_eq!(written(series(&[Some(1_722_422_096_000_000)], &berlin)), ["\"2024-07-31T12:34:56+02:00\""]);
    let lengths = [Some(1_500_000_000), Some(259_205_000_000_000), Some(0), Some(-1_000_005_000)];
    assert_eq!(
        written(series(&lengths, &Duration(ns))),
        ["\"PT1.5S\"", "\"PT259205S\"", "\"P0D\"", "\"-PT1.000005S\""]
    );
    for precision in [5, 30] {
        let decimals = Series::new("".into(), ["1.5", "-0.05", "100"]).cast(&Decimal(precision, 2)).unwrap();
        assert_eq!(written(decimals), ["\"1.50\"", "\"-0.05\"", "\"100.00\""]);
    }
    let wide = Series::new("".into(), ["1267650600228229401496703205376"]).cast(&UInt128).unwrap();
    assert_eq!(written(wide), ["1267650600228229401496703205376"]);
    let category = DataType::from_categories(Categories::global());
    let categories = Series::new("".into(), [Some("a"), None]).cast(&category).unwrap();
    assert_eq!(written(categories), ["\"a\"", "null"]);
    assert_eq!(written(Series::new_null("".into(), 2)), ["null", "null"]);
    let list = |values: &[i64]| Some(Series::new("".into(), values));
    let lists = Series::new("".into(), [list(&[1, 2]), list(&[]), None, list(&[3])]);
    assert_eq!(written(lists.clone()), ["[1,2]", "[]", "null", "[3]"]);
    assert_eq!(written(lists.slice(1, 3)), ["[]", "null", "[3]"]);
    let arrays = Series::new("".into(), [list(&[1, 2]), None, list(&[3, 4])]).cast(&Array(Box::new(Int64), 2)).unwrap();
    assert_eq!(written(arrays.slice(1, 2)), ["null", "[3,4]"]);
    let fields = df!("a" => [Some(1i64), None], "b\"" => [None, Some("x")]).unwrap();
    assert_eq!(
        written(fields.into_struct("".into()).into_series()),
        ["{\"a\":1,\"b\\\"\":null}", "{\"a\":null,\"b\\\"\":\"x\"}"]
    );
}

#[test]
fn what_cannot_be_written() {
    let binary = Series::new("b".into(), [&b"x"[..]]);
    for series in [binary.clone(), Series::new("b".into(), [binary])] {
        let frame = DataFrame::new(1, vec![series.into_column()]).unwrap();
        assert!(matches!(JsonSerializer::new(frame.schema().clone()), Err(JsonError::UnsupportedValues { .. })));
    }
    let frame = df!("a" => [1i64]).unwrap();
    let serializer = JsonSerializer::new(frame.schema().clone()).unwrap();
    assert!(serializer.write_rows(&df!("a" => [1i64], "b" => [1i64]).unwrap(), &mut Vec::new()).is_err());
    assert!(serializer.write_rows(&df!("a" => ["x"]).unwrap(), &mut Vec::new()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nested values of any type are written as JSON by `serde_json`'s word, and read as what they were.
    #[test]
    fn what_was_written_is_read((types, rows) in tables(), cuts in vec(0usize..20, 2)) {
        let columns = types.iter().enumerate().map(|(index, dtype)| {
            let values: Vec<_> = rows.iter().map(|row| row[index].clone()).collect();
            naive::series(&format!("c{index}"), &values, dtype).unwrap().into_column()
        });
        let frame = DataFrame::new(rows.len(), columns.collect()).unwrap();
        // Slices whose values do not start where their memory does.
        let frame = frame.slice(cuts[0] as i64, cuts[1]);
        let batch = quokka_engine::physical::to_physical(frame.clone()).unwrap();
        let serializer = JsonSerializer::new(frame.schema().clone()).unwrap();
        let mut bytes = Vec::new();
        serializer.write_rows(&batch, &mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(&text, &write_all(&frame));
        prop_assert!(text.lines().all(|line| matches!(naive::object(line.as_bytes()), Some(Ok(_)))));
        assert_same(&read(&text, options().with_schema(columns_of(&types))), &frame);
    }

    #[test]
    fn floats_and_texts_come_back(rows in vec((any::<f64>(), any::<f32>(), any::<String>()), 0..20)) {
        let frame = df!(
            "f" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            "g" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            "s" => rows.iter().map(|row| row.2.as_str()).collect::<Vec<_>>(),
        ).unwrap();
        assert_same(&read(write_all(&frame), options().with_schema(frame.schema().clone())), &frame);
    }
}
