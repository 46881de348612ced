use quokka_engine::error::ErrorKind;

use super::*;
use crate::files::FilesError;

fn report(text: &str, types: &[DataType]) -> String {
    let names = ["a", "b", "c"];
    let given = CsvOptions::default().with_schema(schema(names.into_iter().zip(types.iter().cloned())));
    let error = try_read(text, given).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let place = match cause(&error) {
        CsvError::Fields { place, .. }
        | CsvError::OpenQuote { place }
        | CsvError::Value { place, .. }
        | CsvError::Quotes { place, .. }
        | CsvError::Encoding { place, .. } => place.clone(),
        other => unreachable!("{other}"),
    };
    error.to_string().replace(&place.path.display().to_string(), "F")
}

#[test]
fn errors_name_the_place() {
    use DataType::*;
    let found = report("a,b\n1,\"x\ny\"\n2,x\nthree,y\n", &[Int64, String]);
    assert!(found.starts_with("`F`, line 5, byte 16, column `a`: `three` is not of type `i64`: "), "{found}");
    let found = report("a,b\n1,x\n2\n", &[Int64, String]);
    assert!(found.starts_with("`F`, line 3, byte 8: the row has 1 fields where 2 were expected: "), "{found}");
    let found = report("a,b\n1,x\n2,y,z\n", &[Int64, String]);
    assert!(found.starts_with("`F`, line 3, byte 8: the row has 3 fields where 2 were expected: "), "{found}");
    let found = report("a,b\n1,x\n2,\"y\n3,z\n", &[Int64, String]);
    assert!(found.starts_with("`F`, line 3, byte 8: a quote of this row is not closed"), "{found}");
    let found = report("a,b\n1,x\n2,\"y\"z\n", &[Int64, String]);
    assert!(
        found.starts_with("`F`, line 3, byte 8, column `b`: the quotes of `\"y\"z` do not enclose it: "),
        "{found}"
    );
}

#[test]
fn text_that_is_not_utf8() {
    let file = csv(b"a,b\n1,x\n2,y\xff\n");
    let scan = CsvScan::open([&file.path], CsvOptions::default()).unwrap();
    let error = read_scan(&scan, &ScanRequest::default(), 10).unwrap_err();
    let CsvError::Encoding { place, column, text } = cause(&error) else { unreachable!("{error}") };
    assert_eq!((place.line, place.offset, column.as_str(), text.as_str()), (Some(3), 8, "b", "y\u{fffd}"));
    // Numbers next to it are read.
    let only = ScanRequest { projection: Some(["a".into()].into()), ..ScanRequest::default() };
    assert_eq!(read_scan(&scan, &only, 10).unwrap().height(), 2);
}

#[test]
fn values_out_of_their_range() {
    use DataType::*;
    let cases = [
        (Int8, "128"),
        (Int8, "-129"),
        (UInt8, "-1"),
        (UInt64, "18446744073709551616"),
        (Int64, "9223372036854775808"),
        (Int64, "1.0"),
        (Int64, "--1"),
        (Int64, "-"),
        (Int64, "12a45678"),
        (Int64, "170141183460469231731687303715884105728"),
        (Float64, "1.2.3"),
        (Float64, "."),
        (Float64, "1,5"),
        (Decimal(4, 2), "100"),
        (Decimal(4, 2), "99.995"),
        (Decimal(38, 0), "100000000000000000000000000000000000000"),
        (Decimal(4, 2), "1e"),
        (Decimal(4, 2), "e5"),
        (Decimal(4, 2), "1e99999999999999999999999999999999999999999999"),
        (Boolean, "yes"),
        (Date, "2023-02-29"),
        (Date, "2024-13-01"),
        (Date, "2024-00-01"),
        (Date, "2024-01-00"),
        (Date, "2024-1-1"),
        (Date, "2024/01/01"),
        (Time, "24:00:00"),
        (Time, "12:60"),
        (Time, "12:00:00."),
        (Time, "12:00:00.0000000001"),
        (Datetime(TimeUnit::Microseconds, None), "2024-01-01T00:00:00Z"),
        (Datetime(TimeUnit::Microseconds, None), "2024-01-01x"),
        (Datetime(TimeUnit::Nanoseconds, None), "2300-01-01"),
        (Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)), "2024-01-01T00:00+1"),
    ];
    for (dtype, text) in cases {
        let text = text.replace(',', ";");
        let given = CsvOptions::default().with_has_header(false).with_schema(schema([("a", dtype.clone())]));
        let found = try_read(&text, given.clone());
        assert!(matches!(found.as_ref().map_err(cause), Err(CsvError::Value { .. })), "{text} as {dtype}: {found:?}");
        let nulls = read(&text, given.with_bad_rows(BadRows::Null));
        assert_eq!(nulls.column("a").unwrap().null_count(), 1);
    }
}

#[test]
fn options_that_cannot_be() {
    let file = csv("a,b\n1,2\n");
    let open = |options| CsvScan::open([&file.path], options).err().unwrap();
    let options = CsvOptions::default;
    for wrong in [
        options().with_separator(b'\n'),
        options().with_separator(200),
        options().with_quote_char(Some(b',')),
        options().with_quote_char(Some(b'\r')),
        options().with_quote_char(Some(0)),
        options().with_comment_prefix(""),
        options().with_schema(Schema::default().into()),
        options().with_schema(strings(&["a", "b"])).with_schema_overrides(strings(&["a"])),
        options().with_schema_overrides(strings(&["c"])),
    ] {
        assert!(matches!(open(wrong.clone()), CsvError::Options { .. }), "{wrong:?}");
    }
    let clash = open(options().with_include_file_paths("a"));
    assert!(matches!(clash, CsvError::Files(FilesError::PathColumn { .. })), "{clash}");
    for dtype in [
        DataType::List(Box::new(DataType::Int64)),
        DataType::Binary,
        DataType::Datetime(TimeUnit::Microseconds, TimeZone::opt_try_new(Some("Europe/Berlin")).unwrap()),
    ] {
        let wrong = options().with_schema(schema([("a", dtype)]));
        assert!(matches!(open(wrong), CsvError::UnsupportedType { .. }));
    }
}
