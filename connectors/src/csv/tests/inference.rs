use polars_core::df;

use super::*;

fn types(text: &str, options: CsvOptions) -> Vec<DataType> {
    CsvScan::open([&csv(text).path], options).unwrap().schema().iter_values().cloned().collect()
}

#[test]
fn types_follow_the_values() {
    use DataType::*;
    let one = |values: &[&str]| {
        let text =
            format!("a,z\n{}\n", values.iter().map(|value| format!("{value},\n")).collect::<std::string::String>());
        types(&text, CsvOptions::default().with_try_parse_dates(true)).remove(0)
    };
    let us = TimeUnit::Microseconds;
    for (values, dtype) in [
        (&["1", "", "-2"][..], Int64),
        (&["1", "2.5"], Float64),
        (&["1.", ".5", "1e5", "-1.5E-3", "inf", "NaN"], Float64),
        (&["9223372036854775808"], String),
        (&["true", "FALSE"], Boolean),
        (&["true", "1"], String),
        (&["2024-01-31"], Date),
        (&["2024-01-31 12:00", "2024-01-31T12:00:00.5"], Datetime(us, None)),
        (&["2024-01-31T12:00:00Z"], Datetime(us, Some(TimeZone::UTC))),
        (&["12:34:56"], Time),
        (&["2024-01-31", "2024-01-31 12:00"], String),
        (&["2024-02-30"], String),
        (&["", ""], String),
        (&["\"1\"", "\"\""], Int64),
        (&["e5"], String),
        (&["."], String),
        (&["-"], String),
        (&["1e"], String),
        (&["+1.5"], Float64),
        (&["x"], String),
    ] {
        assert_eq!(one(values), dtype, "{values:?}");
    }
    assert_eq!(types("a\n2024-01-31\n", CsvOptions::default()), [String]);
}

#[test]
fn so_many_rows_are_looked_at() {
    use DataType::*;
    let mut text = "a,b\n".to_owned() + &"1,1\n".repeat(100);
    text.push_str("x,1\n");
    let options = CsvOptions::default;
    assert_eq!(types(&text, options()), [Int64, Int64]);
    assert_eq!(types(&text, options().with_infer_schema_length(None)), [String, Int64]);
    assert_eq!(types(&text, options().with_infer_schema_length(Some(101))), [String, Int64]);
    assert_eq!(types(&text, options().with_infer_schema_length(Some(0))), [String, String]);
    let error = try_read(&text, options()).unwrap_err();
    assert!(matches!(cause(&error), CsvError::Value { place, .. } if place.line == Some(102)), "{error}");
    // More than is read at first.
    let long = "a,b\n".to_owned() + &format!("{},1\n", "x".repeat(300_000)).repeat(3);
    assert_eq!(types(&long, options().with_infer_schema_length(Some(3))), [String, Int64]);
}

#[test]
fn nulls_and_overrides() {
    let text = "a,b\nNA,1\n2,NA\n";
    let options = CsvOptions::default().with_null_values(["NA"]);
    let found = read(text, options.with_schema_overrides(schema([("b", DataType::Float32)])));
    assert_same(&found, &df!("a" => [None, Some(2i64)], "b" => [Some(1f32), None]).unwrap());
}
