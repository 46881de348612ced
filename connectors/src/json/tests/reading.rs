use super::*;
use crate::testing::text::{check_what_is_parsed, three_integers};

#[test]
fn lines_of_all_kinds() {
    let expected = df!("a" => [1i64, 2, 3], "b" => [Some("x"), None, Some("y")]).unwrap();
    for text in [
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n{\"a\":3,\"b\":\"y\"}\n",
        "{\"a\":1,\"b\":\"x\"}\r\n\r\n{\"a\":2,\"b\":null}\n   \n{\"b\":\"y\",\"a\":3}",
        "\u{feff} { \"a\" : 1 , \"b\"\t:\t\"x\" } \n{\"a\":2}\n{ \"b\" : \"y\",\"a\":3}\n\n",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":9,\"a\":2}\n{\"b\":\"z\",\"a\":3,\"b\":\"y\"}\n",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\",\"b\":null}\n{\"\\u0061\":3,\"b\":\"\\u0079\"}\n",
    ] {
        assert_same(&read(text, options()), &expected);
        let with_more = text.replace("\"a\"", "\"more\":[{\"a\":[]}],\"a\"");
        let given = options().with_schema(expected.schema().clone());
        assert_same(&read(with_more, given.clone()), &expected);
        assert_same(&read(text, given), &expected);
    }
    let given = options().with_schema(schema([("a", DataType::Int64)]));
    for text in ["", "\n", "\u{feff}", " \r\n\n"] {
        assert_eq!(read(text, given.clone()).height(), 0);
    }
    assert_same(&read("{}\n{}", given), &df!("a" => [None::<i64>, None]).unwrap());
}

#[test]
fn every_type() {
    use DataType::*;
    let cast = |values: &[Option<&str>], dtype: &DataType| Series::new("a".into(), values).strict_cast(dtype).unwrap();
    for (dtype, values) in [
        (Int8, &[Some("-128"), Some("127"), None][..]),
        (Int16, &[Some("-32768")]),
        (Int32, &[Some("2147483647"), Some("12345678"), Some("123456789")]),
        (Int64, &[Some("-9223372036854775808"), Some("12345678901234567"), Some("-0")]),
        (UInt8, &[Some("255")]),
        (UInt16, &[Some("65535")]),
        (UInt32, &[Some("4294967295")]),
        (UInt64, &[Some("18446744073709551615")]),
        (UInt128, &[Some("340282366920938463463374607431768211455")]),
        (Float32, &[Some("1.5"), Some("0.1"), Some("16777217"), Some("-1e10")]),
        (
            Float64,
            &[Some("1"), Some("0.1"), Some("-0.0"), Some("123456.789"), Some("1E-308"), Some("9007199254740993")],
        ),
        (Decimal(10, 2), &[Some("1"), Some("-1.5"), Some("12345678.99"), None]),
        (Decimal(38, 10), &[Some("1234567890123456789012345678.0123456789"), Some("-0.5"), None]),
        (Boolean, &[Some("true"), Some("false"), None]),
    ] {
        let lines: Vec<&str> = values.iter().map(|value| value.unwrap_or("null")).collect();
        assert_eq!(read_as(&lines, dtype.clone()).dtype(), &dtype);
        let expected = match &dtype {
            Boolean => Series::new("a".into(), [Some(true), Some(false), None]),
            _ => cast(values, &dtype),
        };
        assert!(read_as(&lines, dtype.clone()).equals_missing(&expected), "{dtype}");
        if let Decimal(..) = dtype {
            let quoted: Vec<std::string::String> =
                values.iter().map(|value| value.map_or("null".into(), |value| format!("\"{value}\""))).collect();
            let quoted: Vec<&str> = quoted.iter().map(std::string::String::as_str).collect();
            assert!(read_as(&quoted, dtype).equals_missing(&expected));
        }
    }
    let one = |text: &str, dtype: DataType| read_as(&[text], dtype).get(0).unwrap().into_static();
    let (us, day) = (TimeUnit::Microseconds, 86_400_000_000i64);
    assert_eq!(one("\"1970-01-02\"", Date), AnyValue::Date(1));
    assert_eq!(one("\"1970\\u002d01-02\"", Date), AnyValue::Date(1));
    assert_eq!(one("\"12:34:56.000000001\"", Time), AnyValue::Time(45_296_000_000_001));
    assert_eq!(one("\"1970-01-02T00:00:01\"", Datetime(us, None)).extract::<i64>(), Some(day + 1_000_000));
    let utc = Datetime(us, Some(TimeZone::UTC));
    assert_eq!(one("\"1970-01-02T01:00:00+01:00\"", utc).extract::<i64>(), Some(day));
    assert_eq!(one("null", Null), AnyValue::Null);
    let category = DataType::from_categories(Categories::global());
    assert_eq!(one("\"x\"", category.clone()).to_string().trim_matches('"'), "x");
    let list = read_as(&["[\"x\",null,\"y\",\"x\"]"], List(Box::new(category.clone())));
    assert_eq!(list.dtype(), &List(Box::new(category)));
    assert_eq!(
        list.cast(&List(Box::new(String)))
            .unwrap()
            .explode(ExplodeOptions { empty_as_null: true, keep_nulls: true })
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn strings_of_all_lengths() {
    for length in (0..200).chain([4095, 70_000]) {
        let text = "é\"x\\".chars().cycle().take(length).collect::<String>();
        let plain = "x".repeat(length);
        let line = serde_json::json!({"a": text, "b": plain, "c": 1}).to_string();
        let file = json(&line);
        let scan = JsonScan::open([&file.path], options()).unwrap();
        let found = read_scan(&scan, &ScanRequest::default(), 10).unwrap();
        assert_same(&found, &df!("a" => [text], "b" => [plain], "c" => [1i64]).unwrap());
    }
}

#[test]
fn only_what_is_asked_for_is_parsed() {
    let file = json("{\"a\":1,\"b\":2,\"c\":3}\n{\"a\":4,\"b\":\"x\",\"c\":\"oops\"}\n");
    check_what_is_parsed(&JsonScan::open([&file.path], options().with_schema(three_integers())).unwrap());
}

#[test]
fn rows_longer_than_many_ranges() {
    let long = "x,\"\n".repeat(5000);
    let text = format!("{}\n{{\"a\":2,\"b\":\"y\"}}\n", serde_json::json!({"a": 1, "b": long}));
    assert_same(&read(&text, options()), &df!("a" => [1i64, 2], "b" => [&long[..], "y"]).unwrap());
}

/// More keys than are remembered, and objects with other keys each.
#[test]
fn keys_without_end() {
    let mut text = String::new();
    (0..6000).for_each(|i| text.push_str(&format!("{{\"k{i}\":{i},\"same\":{i}}}\n")));
    let given = options().with_schema(schema([("k5999", DataType::Int64), ("same", DataType::Int64)]));
    let file = json(&text);
    let scan = JsonScan::open([&file.path], given).unwrap();
    let found = read_scan(&scan, &ScanRequest::default(), 10_000).unwrap();
    let last: Vec<Option<i64>> = (0..6000).map(|i| (i == 5999).then_some(i)).collect();
    assert_same(&found, &df!("k5999" => last, "same" => (0..6000i64).collect::<Vec<_>>()).unwrap());
}

#[test]
fn keys_that_look_alike() {
    let long = "a key of more than thirty-two bytes, which is ";
    let names = ["a", "aa", "a\"", "", ":", &format!("{long}one"), &format!("{long}two")].map(String::from);
    let object = |order: &[usize]| {
        let fields = order.iter().map(|index| format!("{}:{index}", serde_json::json!(names[*index])));
        format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
    };
    let text = object(&[0, 1, 2, 3, 4, 5, 6]) + &object(&[6, 5, 4, 3, 2, 1, 0]) + &object(&[5, 6, 0, 2, 1, 4, 3]);
    let columns = names.iter().enumerate().map(|(index, name)| Column::new(name.as_str().into(), [index as i64; 3]));
    assert_same(&read(&text, options()), &DataFrame::new(3, columns.collect()).unwrap());
}
