use quokka_engine::error::ErrorKind;

use super::*;
use crate::files::FilesError;
use crate::testing::text::check_skipping;

/// Reads a text that has something wrong.
#[track_caller]
fn report(text: impl AsRef<[u8]>) -> String {
    let types = schema([("a", DataType::Int64), ("b", DataType::String)]);
    let error = try_read(text, options().with_schema(types)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let place = match cause(&error) {
        JsonError::Syntax { place, .. } | JsonError::Value { place, .. } => place.clone(),
        other => unreachable!("{other}"),
    };
    error.to_string().replace(&place.path.display().to_string(), "F")
}

#[test]
fn errors_name_the_place() {
    let found = report("{\"a\":1}\n\n{\"b\":\"x\",\"a\":\"y\"}\n");
    assert!(found.starts_with("`F`, line 3, byte 9, column `a`: `\"y\"` is not of type `i64`: "), "{found}");
    let found = report("{\"a\":1}\n {\"a\":01}\n");
    assert!(found.starts_with("`F`, line 2, byte 8, column 7 of the line: this is not a number of JSON: "), "{found}");
}

#[test]
fn lines_that_are_no_objects() {
    for (line, fault, column) in [
        ("[1]", JsonFault::NotObject, 1),
        ("1", JsonFault::NotObject, 1),
        ("{\"a\":1", JsonFault::ObjectEnd, 7),
        ("{\"a\":1]", JsonFault::ObjectEnd, 7),
        ("{\"a\":1}}", JsonFault::Trailing, 8),
        ("{\"a\":1} {\"a\":2}", JsonFault::Trailing, 9),
        ("{\"a\":1,}", JsonFault::Key, 8),
        ("{:1}", JsonFault::Key, 2),
        ("{a:1}", JsonFault::Key, 2),
        ("{\"a\" 1}", JsonFault::Colon, 6),
        ("{\"a\":}", JsonFault::Value, 6),
        ("{\"a\":NaN}", JsonFault::Value, 6),
        ("{\"a\":nul}", JsonFault::Value, 6),
        ("{\"a\":+1}", JsonFault::Value, 6),
        ("{\"a\":01}", JsonFault::Number, 6),
        ("{\"a\":1.}", JsonFault::Number, 8),
        ("{\"a\":1e}", JsonFault::Number, 8),
        ("{\"a\":-}", JsonFault::Number, 7),
        ("{\"x\":\"y", JsonFault::OpenString, 8),
        ("{\"x\":\"\t\"}", JsonFault::Control, 7),
        ("{\"x\":\"\\q\"}", JsonFault::Escape, 7),
        ("{\"x\":\"\\ud800\"}", JsonFault::Escape, 7),
        ("{\"x\":\"\\udc00\\ud800\"}", JsonFault::Escape, 7),
        ("{\"x\":[1,]}", JsonFault::Value, 9),
        ("{\"x\":[1 2]}", JsonFault::ListEnd, 9),
        ("{\"x\":{\"y\":{\"z\"}}}", JsonFault::Colon, 15),
        ("{\"\\q\":1}", JsonFault::Escape, 3),
    ] {
        let text = format!("{{\"a\":1}}\n{line}\n{{\"a\":2}}");
        let given = options().with_schema(schema([("a", DataType::Int64)]));
        let error = try_read(&text, given.clone()).unwrap_err();
        let JsonError::Syntax { place, column: found_column, fault: found } = cause(&error) else {
            unreachable!("{error}")
        };
        assert_eq!((place.line, place.offset), (Some(2), 8));
        assert_eq!((*found, *found_column), (fault, column), "{line}");
        let skipped = read(&text, given.clone().with_bad_rows(BadRows::Skip));
        assert_same(&skipped, &df!("a" => [1i64, 2]).unwrap());
        let nulls = read(&text, given.with_bad_rows(BadRows::Null));
        assert_same(&nulls, &df!("a" => [Some(1i64), None, Some(2)]).unwrap());
    }
}

#[test]
fn text_that_is_not_utf8() {
    let text = b"{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\xff\"}\n{\"a\":3}\n";
    let found = report(text);
    assert!(found.starts_with("`F`, line 2, byte 16, column 14 of the line: the row is not UTF-8: "), "{found}");
    let skipped = read(text, options().with_bad_rows(BadRows::Skip));
    assert_same(&skipped, &df!("a" => [1i64, 3], "b" => [Some("x"), None]).unwrap());
}

#[test]
fn depth_is_limited() {
    for (depth, is_right) in [(128, true), (129, false), (1_000_000, false)] {
        let text = format!("{{\"a\":1}}\n{{\"x\":{}{}}}\n", "[".repeat(depth), "]".repeat(depth));
        let file = json(&text);
        let scan = JsonScan::open([&file.path], options().with_schema(schema([("a", DataType::Int64)]))).unwrap();
        let found = read_scan(&scan, &ScanRequest::default(), 10);
        match found {
            Ok(found) => assert!(is_right && found.height() == 2),
            Err(error) => {
                let is_deep = matches!(cause(&error), JsonError::Syntax { fault: JsonFault::TooDeep, .. });
                assert!(!is_right && is_deep, "{error}");
            },
        }
    }
}

#[test]
fn values_of_other_types() {
    use DataType::*;
    let us = TimeUnit::Microseconds;
    let list = |inner| List(Box::new(inner));
    let object = |dtype| Struct(vec![Field::new("x".into(), dtype)]);
    for (dtype, text) in [
        (Int8, "128"),
        (UInt8, "-1"),
        (Int64, "1.0"),
        (Int64, "1e2"),
        (Int64, "9223372036854775808"),
        (Int64, "\"1\""),
        (Int64, "true"),
        (Float64, "\"1.5\""),
        (Float64, "1e999"),
        (Float32, "1e99"),
        (Float64, "[1]"),
        (Boolean, "1"),
        (Boolean, "\"true\""),
        (Date, "\"2023-02-29\""),
        (Date, "20230228"),
        (Time, "\"24:00\""),
        (Datetime(us, None), "\"2024-01-01T00:00:00Z\""),
        (Datetime(us, None), "0"),
        (Decimal(4, 2), "100"),
        (Decimal(4, 2), "\"x\""),
        (Decimal(38, 2), "true"),
        (Null, "0"),
        (list(Int64), "1"),
        (list(Int64), "[1,\"x\"]"),
        (list(Int64), "{}"),
        (list(list(Int64)), "[[1],2]"),
        (Array(Box::new(Int64), 2), "[1]"),
        (Array(Box::new(Int64), 2), "[1,2,3]"),
        (object(Int64), "[]"),
        (object(Int64), "{\"x\":\"y\"}"),
        (object(list(Boolean)), "{\"x\":[true,0]}"),
    ] {
        let given = options().with_schema(schema([("a", dtype.clone()), ("b", Int64)]));
        let line = format!("{{\"b\":1}}\n{{\"a\":{text},\"b\":2}}\n{{\"a\":null,\"b\":3}}\n");
        let error = try_read(&line, given.clone()).unwrap_err();
        let JsonError::Value { place, column, text: found, .. } = cause(&error) else { unreachable!("{error}") };
        assert_eq!((place.line, column.as_str(), found.as_str()), (Some(2), "a", text), "{dtype}");
        let nulls = read(&line, given.clone().with_bad_rows(BadRows::Null));
        assert_eq!(nulls.column("a").unwrap().null_count(), 3, "{text}");
        let skipped = read(&line, given.with_bad_rows(BadRows::Skip));
        assert_same(&skipped.select(["b"]).unwrap(), &df!("b" => [1i64, 3]).unwrap());
    }
}

/// Rows do not come and go with the columns that a query needs.
#[test]
fn rows_are_skipped_whatever_is_asked_for() {
    let file = json("{\"a\":1,\"b\":\"x\"}\n{\"a\":\"oops\"}\nnonsense\n{\"a\":4}\n");
    let given = options().with_schema(schema([("a", DataType::Int64), ("b", DataType::String)]));
    let scan = JsonScan::open([&file.path], given.with_bad_rows(BadRows::Skip)).unwrap();
    check_skipping(&scan, 8);
}

#[test]
fn options_that_cannot_be() {
    let file = json("{\"a\":1}\n");
    let open = |options| JsonScan::open([&file.path], options).err().unwrap();
    let given = schema([("a", DataType::Int64)]);
    for wrong in [
        options().with_schema(Schema::default().into()),
        options().with_schema(given.clone()).with_schema_overrides(given),
        options().with_infer_schema_length(Some(0)),
    ] {
        assert!(matches!(open(wrong.clone()), JsonError::Options { .. }), "{wrong:?}");
    }
    let clash = open(options().with_include_file_paths("a"));
    assert!(matches!(clash, JsonError::Files(FilesError::PathColumn { .. })), "{clash}");
    let berlin = DataType::Datetime(TimeUnit::Microseconds, TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap());
    for dtype in [DataType::Binary, DataType::List(Box::new(DataType::Binary)), berlin] {
        let wrong = options().with_schema(schema([("a", dtype)]));
        assert!(matches!(open(wrong), JsonError::UnsupportedType { .. }));
    }
    for text in ["", "\n \n", "{}\n"] {
        let file = json(text);
        assert!(matches!(JsonScan::open([&file.path], options()), Err(JsonError::Empty { .. })), "{text:?}");
    }
    let wrong = json("[{\"a\":1},\n{\"a\":2}]\n");
    let error = JsonScan::open([&wrong.path], options()).err().unwrap();
    assert!(matches!(error, JsonError::Syntax { fault: JsonFault::NotObject, .. }), "{error}");
}
