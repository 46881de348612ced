use super::*;

fn types(text: &str, options: JsonOptions) -> Vec<(String, DataType)> {
    let scan = JsonScan::open([&json(text).path], options).unwrap();
    scan.schema().iter().map(|(name, dtype)| (name.to_string(), dtype.clone())).collect()
}

#[test]
fn types_follow_the_values() {
    use DataType::*;
    let one = |values: &[&str]| {
        let text: std::string::String = values.iter().map(|value| format!("{{\"a\":{value},\"z\":0}}\n")).collect();
        types(&text, options().with_try_parse_dates(true)).remove(0).1
    };
    let us = TimeUnit::Microseconds;
    let list = |inner| List(Box::new(inner));
    let object = |fields: &[(&str, DataType)]| {
        Struct(fields.iter().map(|(name, dtype)| Field::new((*name).into(), dtype.clone())).collect())
    };
    for (values, dtype) in [
        (&["1", "null", "-2"][..], Int64),
        (&["1", "2.5"], Float64),
        (&["1e5"], Float64),
        (&["null"], Null),
        (&["9223372036854775807"], Int64),
        (&["9223372036854775808"], String),
        (&["1", "9223372036854775808"], String),
        (&["9223372036854775808", "1.5"], Float64),
        (&["1.5", "9223372036854775808", "1"], Float64),
        (&["true", "null", "false"], Boolean),
        (&["true", "1"], String),
        (&["\"x\"", "1"], String),
        (&["\"2024-01-31\""], Date),
        (&["\"2024-01-31 12:00\"", "\"2024-01-31T12:00:00.5\""], Datetime(us, None)),
        (&["\"2024-01-31T12:00:00Z\""], Datetime(us, Some(TimeZone::UTC))),
        (&["\"12:34:56\""], Time),
        (&["\"2024-01-31\"", "\"x\""], String),
        (&["[]"], list(Null)),
        (&["[]", "[1]", "[null,2.5]"], list(Float64)),
        (&["[1]", "[\"x\"]"], list(String)),
        (&["[[1],[]]", "[[true]]"], list(list(String))),
        (&["[1]", "1"], String),
        (&["{}"], String),
        (&["{\"x\":1}", "{}", "{\"y\":\"z\",\"x\":2.5}"], object(&[("x", Float64), ("y", String)])),
        (&["{\"x\":1}", "[]"], String),
        (&["[{\"x\":1},{\"y\":[{\"x\":null}]}]"], list(object(&[("x", Int64), ("y", list(object(&[("x", Null)])))]))),
        (&["{\"x\":1,\"x\":\"y\"}"], object(&[("x", String)])),
    ] {
        assert_eq!(one(values), dtype, "{values:?}");
    }
    assert_eq!(types("{\"a\":\"2024-01-31\"}\n", options()), [("a".to_owned(), String)]);
}

#[test]
fn columns_are_all_keys_in_their_order() {
    let text = "{\"b\":1}\n{\"a\":\"x\",\"b\":2}\n\n{\"c\\u0041\":true}\n";
    let names: Vec<String> = types(text, options()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "a", "cA"]);
    let expected =
        df!("b" => [Some(1i64), Some(2), None], "a" => [None, Some("x"), None], "cA" => [None, None, Some(true)]);
    assert_same(&read(text, options()), &expected.unwrap());
}

#[test]
fn so_many_rows_are_looked_at() {
    use DataType::*;
    let text = "{\"a\":1}\n".repeat(100) + "{\"a\":\"x\",\"b\":true}\n";
    let named =
        |types: Vec<(std::string::String, DataType)>| types.into_iter().map(|(_, dtype)| dtype).collect::<Vec<_>>();
    assert_eq!(named(types(&text, options())), [Int64]);
    assert_eq!(named(types(&text, options().with_infer_schema_length(None))), [String, Boolean]);
    assert_eq!(named(types(&text, options().with_infer_schema_length(Some(101)))), [String, Boolean]);
    let error = try_read(&text, options()).unwrap_err();
    assert!(matches!(cause(&error), JsonError::Value { place, .. } if place.line == Some(101)), "{error}");
    // More than is read at first.
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(300_000)).repeat(3) + "{\"b\":1}\n";
    assert_eq!(named(types(&long, options().with_infer_schema_length(Some(4)))), [String, Int64]);
}

#[test]
fn overrides_give_types_and_columns() {
    let text = "{\"a\":1,\"b\":2}\n{\"a\":3,\"c\":\"x\"}\n";
    let given = schema([("b", DataType::Float32), ("d", DataType::Boolean)]);
    let found = read(text, options().with_schema_overrides(given));
    let nothing: [Option<bool>; 2] = [None, None];
    let expected = df!("a" => [1i64, 3], "b" => [Some(2f32), None], "c" => [None, Some("x")], "d" => nothing).unwrap();
    assert_same(&found, &expected);
}

/// What is of no type is kept as it stands.
#[test]
fn mixed_values_are_text() {
    let lines = ["1", "\"x\\ny\"", "{ \"b\": [1, 2] }", "null", "1.50", "true"];
    let text: String = lines.iter().map(|value| format!("{{\"a\":{value}}}\n")).collect();
    let expected = [Some("1"), Some("x\ny"), Some("{ \"b\": [1, 2] }"), None, Some("1.50"), Some("true")];
    assert_same(&read(text, options()), &df!("a" => expected).unwrap());
}
