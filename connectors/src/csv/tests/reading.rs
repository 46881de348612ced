use polars_core::df;

use super::*;
use crate::testing::text::{check_skipping, check_what_is_parsed, three_integers};

fn options() -> CsvOptions {
    CsvOptions::default()
}

#[test]
fn headers_quotes_nulls_and_ends_of_lines() {
    let expected = df!("a" => [Some(1i64), None, Some(3)], "b c" => [Some("x"), Some(""), None]).unwrap();
    for text in [
        "a,b c\n1,x\n,\"\"\n3,\n",
        "a,b c\n1,x\n,\"\"\n3,",
        "a,\"b c\"\r\n1,x\r\n,\"\"\r\n3,\r\n",
        "\u{feff}a,b c\n1,x\n,\"\"\n3,\n",
        "\n\r\na,b c\n\n1,x\n\n,\"\"\n3,\n\n",
        "a,b c\n 1 ,x\n\"\",\"\"\n\"3\",\n",
    ] {
        let found = read(text, options().with_schema_overrides(schema([("a", DataType::Int64)])));
        assert_same(&found, &expected);
    }
}

#[test]
fn columns_without_names() {
    let found =
        read("1;x\n2;'y;\n'''\n", options().with_has_header(false).with_separator(b';').with_quote_char(Some(b'\'')));
    assert_same(&found, &df!("column_1" => [1i64, 2], "column_2" => ["x", "y;\n'"]).unwrap());
    let found = read("a\"b,\"c\n", options().with_has_header(false).with_quote_char(None));
    assert_same(&found, &df!("column_1" => ["a\"b"], "column_2" => ["\"c"]).unwrap());
}

#[test]
fn names_that_occur_twice() {
    assert_eq!(
        read("a,b,a,a\n1,2,3,4\n", options()).get_column_names(),
        ["a", "b", "a_duplicated_0", "a_duplicated_1"]
    );
    let error = CsvScan::open([&csv("a,a_duplicated_0,a\n1,2,3\n").path], options()).err().unwrap();
    assert!(matches!(error, CsvError::DuplicateColumn { .. }), "{error}");
}

#[test]
fn rows_before_the_header_and_comments() {
    let text = "made by,\"hand\n\"\n#a \"comment\n\na,b\n#1,2\n1,x\n#\n\"#2\",y\n#3";
    let found = read(text, options().with_skip_rows(1).with_comment_prefix("#"));
    assert_same(&found, &df!("a" => ["1", "#2"], "b" => ["x", "y"]).unwrap());
    let found = read("a\n//x\n\n1\n//\n2", options().with_comment_prefix("//"));
    assert_same(&found, &df!("a" => [None, Some(1i64), Some(2)]).unwrap());
}

#[test]
fn values_that_are_null() {
    let text = "i,s\nNA,NA\n1,\"NA\"\n-,-\n,\n";
    let found = read(text, options().with_null_values(["NA", "-"]));
    let expected = df!("i" => [None, Some(1i64), None, None], "s" => [None, Some("NA"), None, None]).unwrap();
    assert_same(&found, &expected);
    let found = read(text, options().with_null_values(["NA", "-"]).with_missing_utf8_is_empty_string(true));
    assert_same(
        &found,
        &df!("i" => [None, Some(1i64), None, None], "s" => [None, Some("NA"), None, Some("")]).unwrap(),
    );
}

#[test]
fn files_without_rows() {
    let given = options().with_schema(schema([("a", DataType::Int32)]));
    let none = DataFrame::empty_with_schema(&schema([("a", DataType::Int32)]));
    for text in ["", "a", "a\n", "\n", "\u{feff}", "\u{feff}a\n"] {
        assert_same(&read(text, given.clone()), &none);
    }
    assert_same(&read("", given.with_has_header(false)), &none);
    assert_same(&read("a,b\n", options()), &DataFrame::empty_with_schema(&strings(&["a", "b"])));
    for text in ["", "\n\n", "\u{feff}"] {
        let error = CsvScan::open([&csv(text).path], options()).err().unwrap();
        assert!(matches!(error, CsvError::Empty { .. }), "{error}");
    }
}

/// What Polars makes of strings.
fn cast(texts: &[Option<&str>], dtype: &DataType) -> Column {
    let series = Series::new("a".into(), texts);
    series.strict_cast(dtype).unwrap().into_column()
}

#[test]
fn every_type() {
    use DataType::*;
    let (us, ms, ns) = (TimeUnit::Microseconds, TimeUnit::Milliseconds, TimeUnit::Nanoseconds);
    let cases: &[(DataType, &[Option<&str>])] = &[
        (Int8, &[Some("-128"), Some("127"), Some("0"), None]),
        (Int16, &[Some("-32768"), Some("32767"), Some("00001")]),
        (Int32, &[Some("-2147483648"), Some("2147483647"), Some("12345678"), Some("123456789")]),
        (
            Int64,
            &[
                Some("-9223372036854775808"),
                Some("9223372036854775807"),
                Some("1234567890123456"),
                Some("12345678901234567"),
            ],
        ),
        (UInt8, &[Some("0"), Some("255")]),
        (UInt16, &[Some("65535")]),
        (UInt32, &[Some("4294967295")]),
        (UInt64, &[Some("18446744073709551615"), Some("1")]),
        (UInt128, &[Some("340282366920938463463374607431768211455"), Some("0"), None]),
        (Float32, &[Some("1.5"), Some("0.1"), Some("16777217"), Some("-1e10"), Some("inf"), Some("3.4028235e38")]),
        (
            Float64,
            &[
                Some("1.5"),
                Some("0.1"),
                Some("-0"),
                Some(".5"),
                Some("5."),
                Some("123456.789"),
                Some("9007199254740993"),
                Some("0.000000000000000000001"),
                Some("1e-308"),
                Some("1234567890.12345678"),
            ],
        ),
        (Decimal(10, 2), &[Some("1"), Some("-1.5"), Some("12345678.99"), Some("0.01"), None]),
        (Decimal(18, 6), &[Some("123456789012.123456"), Some("-1")]),
        (Decimal(38, 10), &[Some("1234567890123456789012345678.0123456789"), Some("-0.5"), None]),
        (String, &[Some("x"), None, Some("a text of more than twelve bytes")]),
        (Date, &[Some("1970-01-01"), Some("2024-02-29"), Some("0000-03-01"), Some("9999-12-31"), None]),
    ];
    for (dtype, texts) in cases {
        let text: std::string::String = texts.iter().map(|text| format!("{}\n", text.unwrap_or_default())).collect();
        let given = options().with_has_header(false).with_schema(schema([("a", dtype.clone())]));
        let expected = DataFrame::new(texts.len(), vec![cast(texts, dtype)]).unwrap();
        assert_same(&read(&text, given.clone()), &expected);
        let quoted: std::string::String =
            texts.iter().map(|text| text.map_or("\n".into(), |text| format!("\"{text}\"\r\n"))).collect();
        assert_same(&read(&quoted, given), &expected);
    }
    let one = |text: &str, dtype: DataType| {
        let given = options().with_has_header(false).with_schema(schema([("a", dtype)]));
        read(text, given).column("a").unwrap().get(0).unwrap().into_static()
    };
    assert_eq!(one("True", Boolean), AnyValue::Boolean(true));
    assert_eq!(one("FALSE", Boolean), AnyValue::Boolean(false));
    assert_eq!(one("NaN", Float64).extract::<f64>().unwrap().to_bits() & !(1 << 63), f64::NAN.to_bits());
    let day = 86_400i64;
    for (text, seconds, nanos) in [
        ("1970-01-02", day, 0),
        ("1970-01-02 00:00", day, 0),
        ("1970-01-01T00:00:01", 1, 0),
        ("1969-12-31 23:59:59.5", -1, 500_000_000),
        ("2024-02-29T12:34:56.123456789", 1_709_210_096, 123_456_789),
    ] {
        for (unit, per_second) in [(ms, 1000), (us, 1_000_000), (ns, 1_000_000_000)] {
            let units = seconds * per_second + nanos / (1_000_000_000 / per_second);
            assert_eq!(one(text, Datetime(unit, None)), AnyValue::Datetime(units, unit, None).into_static(), "{text}");
        }
    }
    let utc = Datetime(us, Some(TimeZone::UTC));
    for text in ["1970-01-01T01:00:00Z", "1970-01-01 03:30:00+02:30", "1970-01-01T00:00-0100", "1970-01-01 01:00"] {
        assert_eq!(one(text, utc.clone()).extract::<i64>(), Some(3_600_000_000), "{text}");
    }
    assert_eq!(one("12:34:56.000000001", Time), AnyValue::Time(45_296_000_000_001));
    let category = DataType::from_categories(Categories::global());
    assert_eq!(one("x", category).to_string().trim_matches('"'), "x");
}

#[test]
fn decimals_are_rounded_half_away_from_zero() {
    let read = |text: &str, precision, scale| {
        let given = options().with_has_header(false).with_schema(schema([("a", DataType::Decimal(precision, scale))]));
        let frame = read(text, given);
        let texts = frame.column("a").unwrap().cast(&DataType::String).unwrap();
        texts.str().unwrap().iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
    };
    let text = "1.005\n-1.005\n1.0049\n2e2\n25e-3\n-4.9e-3\n12345e-4\n1.5E1\n";
    for precision in [10, 30] {
        assert_eq!(read(text, precision, 2), ["1.01", "-1.01", "1.00", "200.00", "0.03", "0.00", "1.23", "15.00"]);
        assert_eq!(read("449e-2\n45e-1\n5e-1\n4e-1\n-5e-1\n", precision, 0), ["4", "5", "1", "0", "-1"]);
        assert_eq!(read("50e-3\n6e-1\n500e-3\n49e-2\n", precision, 0), ["0", "1", "1", "0"]);
    }
}

#[test]
fn only_what_is_asked_for_is_parsed() {
    let file = csv("a,b,c\n1,2,3\n4,x,oops\n");
    check_what_is_parsed(&CsvScan::open([&file.path], options().with_schema(three_integers())).unwrap());
}

/// A row does not come and go with the columns that a query needs.
#[test]
fn rows_are_skipped_whatever_is_asked_for() {
    let file = csv("a,b\n1,x\noops,y\n3\n4,z,w\n5,\"v\"w\n6,u\n");
    let given = options().with_schema(schema([("a", DataType::Int64), ("b", DataType::String)]));
    let scan = |bad_rows| CsvScan::open([&file.path], given.clone().with_bad_rows(bad_rows)).unwrap();
    check_skipping(&scan(BadRows::Skip), 16);
    let found = read_scan(&scan(BadRows::Null), &ScanRequest::default(), 2).unwrap();
    let a = [Some(1i64), None, Some(3), Some(4), Some(5), Some(6)];
    assert_same(&found, &df!("a" => a, "b" => [Some("x"), Some("y"), None, Some("z"), None, Some("u")]).unwrap());
}

#[test]
fn rows_longer_than_many_ranges() {
    let long = "x,\"\n".repeat(5000);
    let text = format!("a,b\n1,\"{}\"\n2,y\n", long.replace('"', "\"\""));
    assert_same(&read(&text[..], options()), &df!("a" => [1i64, 2], "b" => [&long[..], "y"]).unwrap());
}
