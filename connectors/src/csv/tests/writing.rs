use polars_core::df;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::csv::{CsvSerializer, CsvWriteOptions, QuoteStyle};

fn write_all(frame: &DataFrame, options: &CsvWriteOptions) -> String {
    let serializer = CsvSerializer::new(frame.schema().clone(), options.clone()).unwrap();
    let mut bytes = Vec::new();
    serializer.write_header(&mut bytes);
    for rows in (0..frame.height()).step_by(3) {
        serializer.write_rows(&frame.slice(rows as i64, 3), &mut bytes).unwrap();
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_quoted() {
    let frame = df!("a b" => ["x", "y,\"z\"", "", "NA"], "n" => [Some(1i64), None, Some(-3), Some(4)]).unwrap();
    let write = |style| write_all(&frame, &CsvWriteOptions::default().with_null_value("NA").with_quote_style(style));
    assert_eq!(write(QuoteStyle::Necessary), "a b,n\nx,1\n\"y,\"\"z\"\"\",NA\n\"\",-3\n\"NA\",4\n");
    assert_eq!(
        write(QuoteStyle::Always),
        "\"a b\",\"n\"\n\"x\",\"1\"\n\"y,\"\"z\"\"\",NA\n\"\",\"-3\"\n\"NA\",\"4\"\n"
    );
    assert_eq!(write(QuoteStyle::NonNumeric), "\"a b\",\"n\"\n\"x\",1\n\"y,\"\"z\"\"\",NA\n\"\",-3\n\"NA\",4\n");
    assert_eq!(write(QuoteStyle::Never), "a b,n\nx,1\ny,\"z\",NA\n,-3\nNA,4\n");
}

#[test]
fn forms_of_values() {
    let us = TimeUnit::Microseconds;
    let frame = df!(
        "f" => [0.1f64, 1e300, f64::NAN, -0.0],
        "g" => [0.1f32, 1e10, f32::INFINITY, 2.0],
        "d" => [0i32, -719_528, 2_932_896, 19_782],
        "t" => [0i64, 1, 86_399_999_999_999, 45_296_000_000_000],
    );
    let mut frame = frame.unwrap();
    let times = Int64Chunked::new("u".into(), [-1i64, 0, 1_709_210_096_123_456, 1]);
    frame.with_column(times.clone().into_datetime(us, None).into_column()).unwrap();
    frame.with_column(times.with_name("z".into()).into_datetime(us, Some(TimeZone::UTC)).into_column()).unwrap();
    let d = frame.column("d").unwrap().cast(&DataType::Date).unwrap();
    let t = frame.column("t").unwrap().cast(&DataType::Time).unwrap();
    frame.with_column(d).unwrap();
    frame.with_column(t).unwrap();
    let text = write_all(&frame, &CsvWriteOptions::default().with_include_header(false).with_line_terminator("\r\n"));
    let lines = [
        "0.1,0.1,1970-01-01,00:00:00.000000000,1969-12-31T23:59:59.999999,1969-12-31T23:59:59.999999+00:00",
        "1e+300,10000000000.0,0000-01-01,00:00:00.000000001,1970-01-01T00:00:00.000000,1970-01-01T00:00:00.000000+00:00",
        "NaN,inf,9999-12-31,23:59:59.999999999,2024-02-29T12:34:56.123456,2024-02-29T12:34:56.123456+00:00",
        "-0.0,2.0,2024-02-29,12:34:56.000000000,1970-01-01T00:00:00.000001,1970-01-01T00:00:00.000001+00:00",
        "",
    ];
    let found: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(found, lines);
    let options = CsvWriteOptions::default()
        .with_date_format("%d.%m.%Y")
        .with_time_format("%H.%M")
        .with_datetime_format("%Y, %H")
        .with_float_precision(2);
    let text = write_all(&frame.slice(3, 1), &options);
    assert_eq!(text, "f,g,d,t,u,z\n-0.00,2.00,29.02.2024,12.34,\"1970, 00\",\"1970, 00\"\n");
}

#[test]
fn what_cannot_be_written() {
    let new = |frame: DataFrame, options| CsvSerializer::new(frame.schema().clone(), options);
    let list = Series::new("l".into(), [Series::new("".into(), [1i64])]);
    let frame = DataFrame::new(1, vec![list.into_column()]).unwrap();
    assert!(matches!(new(frame, CsvWriteOptions::default()), Err(CsvError::UnsupportedText { .. })));
    let frame = df!("a" => [1i64]).unwrap();
    for options in [
        CsvWriteOptions::default().with_separator(b'"'),
        CsvWriteOptions::default().with_separator(b'\n'),
        CsvWriteOptions::default().with_quote_char(0x80),
        CsvWriteOptions::default().with_line_terminator(";"),
    ] {
        assert!(matches!(new(frame.clone(), options), Err(CsvError::Options { .. })));
    }
    let serializer = new(frame.clone(), CsvWriteOptions::default()).unwrap();
    assert!(serializer.write_rows(&df!("a" => [1i64], "b" => [1i64]).unwrap(), &mut Vec::new()).is_err());
    assert!(serializer.write_rows(&df!("a" => ["x"]).unwrap(), &mut Vec::new()).is_err());
}

type Row = (Option<i64>, Option<f64>, Option<String>, Option<bool>, Option<i32>, Option<i64>, Option<i64>, Option<i64>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let text = vec(select(vec!["a", ",", ";", "\"", "'", "\n", "\r", "é", " ", "NULL", "1"]), 0..4);
    let row = (
        option::of(any::<i64>()),
        option::of(any::<f64>()),
        option::of(text.prop_map(|texts| texts.concat())),
        option::of(any::<bool>()),
        option::of(-719_528i32..=2_932_896),
        option::of(-62_167_219_200_000_000i64..=253_402_300_799_999_999),
        option::of(0i64..86_400_000_000_000),
        option::of(-999_999_999_999_999i64..=999_999_999_999_999),
    );
    vec(row, 0..20)
}

fn frame_of(rows: &[Row]) -> DataFrame {
    let column = |name: &str, values: Vec<Option<i64>>, dtype: DataType| {
        Series::new(name.into(), values).cast(&dtype).unwrap().into_column()
    };
    let us = DataType::Datetime(TimeUnit::Microseconds, None);
    let dates: Vec<Option<i32>> = rows.iter().map(|row| row.4).collect();
    let decimals: Int128Chunked = rows.iter().map(|row| row.7.map(i128::from)).collect();
    let mut columns = vec![
        Series::new("i".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()).into_column(),
        Series::new("f".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()).into_column(),
        Series::new("s".into(), rows.iter().map(|row| row.2.clone()).collect::<Vec<_>>()).into_column(),
        Series::new("b".into(), rows.iter().map(|row| row.3).collect::<Vec<_>>()).into_column(),
        Series::new("d".into(), dates).cast(&DataType::Date).unwrap().into_column(),
        column("u", rows.iter().map(|row| row.5).collect(), us.clone()),
        column("z", rows.iter().map(|row| row.5).collect(), us)
            .cast(&DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))
            .unwrap(),
        column("t", rows.iter().map(|row| row.6).collect(), DataType::Time),
    ];
    columns.push(decimals.with_name("n".into()).into_decimal_unchecked(15, 2).into_column());
    DataFrame::new(rows.len(), columns).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_read_again(
        rows in rows(),
        style in select(vec![QuoteStyle::Necessary, QuoteStyle::Always, QuoteStyle::NonNumeric]),
        separator in select(vec![b',', b';', b'\t']),
        quote in select(vec![b'"', b'\'']),
        null in select(vec!["", "NULL"]),
        terminator in select(vec!["\n", "\r\n"]),
        header in any::<bool>(),
    ) {
        let frame = frame_of(&rows);
        let write = CsvWriteOptions::default().with_quote_style(style).with_separator(separator).with_quote_char(quote)
            .with_null_value(null).with_line_terminator(terminator).with_include_header(header);
        let text = write_all(&frame, &write);
        let file = csv(&text);
        let options = CsvOptions::default().with_separator(separator).with_quote_char(Some(quote)).with_null_values([null])
            .with_has_header(header).with_schema(frame.schema().clone());
        let scan = CsvScan::open_in_ranges([&file.path], options, Some(50)).unwrap();
        let found = read_scan(&scan, &ScanRequest::default(), 7).unwrap();
        assert_same(&found, &frame);
        // Short decimals that lie as in batches come to the same bytes.
        let serializer = CsvSerializer::new(frame.schema().clone(), write).unwrap();
        let mut bytes = Vec::new();
        serializer.write_header(&mut bytes);
        serializer.write_rows(&quokka_engine::physical::to_physical(frame).unwrap(), &mut bytes).unwrap();
        assert_eq!(bytes, text.as_bytes());
    }
}
