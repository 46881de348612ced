use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use quokka_engine::operator::testing::single_worker;

use super::*;

const CASES: u32 = 300;

fn columns(count: usize) -> SchemaRef {
    let names: Vec<String> = (0..count).map(|index| format!("c{index}")).collect();
    strings(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn field(value: &Option<String>, separator: char, always: bool) -> String {
    match value {
        None => String::new(),
        Some(text) if always || text.is_empty() || text.contains([separator, '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        },
        Some(text) => text.clone(),
    }
}

fn values() -> impl Strategy<Value = Vec<Vec<(Option<String>, bool)>>> {
    let text = select(vec![
        "",
        "a",
        ",",
        "\"",
        "\n",
        "\r\n",
        "x\"y",
        "é",
        "日本語",
        "a,b",
        ";",
        "twelve bytes",
        "thirteen byte",
        "more than twelve bytes, in quotes \"or\" not",
        "more than sixty-four bytes without anything that would need to be quoted",
    ]);
    let value = proptest::option::weighted(0.9, vec(text, 1..4).prop_map(|texts| texts.concat()));
    (1usize..5).prop_flat_map(move |columns| vec(vec((value.clone(), any::<bool>()), columns), 0..30))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn what_was_written_is_read(
        rows in values(),
        separator in select(vec![',', ';', '\t']),
        crlf in any::<bool>(),
        ends in any::<bool>(),
        header in any::<bool>(),
        range in 1u64..200,
        batch_rows in 1usize..40,
    ) {
        let count = rows.first().map_or(1, Vec::len);
        let newline = if crlf { "\r\n" } else { "\n" };
        let mut lines: Vec<String> = Vec::new();
        if header {
            lines.push(columns(count).iter_names().map(|name| name.as_str()).collect::<Vec<_>>().join(&separator.to_string()));
        }
        for row in &rows {
            let fields: Vec<String> = row.iter().map(|(value, always)| field(value, separator, *always)).collect();
            lines.push(fields.join(&separator.to_string()));
        }
        // The last row needs its newline if nothing else shows that it is there.
        let text = lines.join(newline) + if ends || lines.last().is_none_or(String::is_empty) { newline } else { "" };
        let text = if lines.is_empty() { String::new() } else { text };
        let file = csv(&text);
        let options = CsvOptions::default().with_separator(separator as u8).with_has_header(header).with_schema(columns(count));
        let scan = CsvScan::open_in_ranges([&file.path], options, Some(range)).unwrap();
        let found = read_scan(&scan, &ScanRequest::default(), batch_rows).unwrap();
        let expected: Vec<Column> = (0..count).map(|index| {
            let values = rows.iter().map(|row| row[index].0.clone());
            StringChunked::from_iter_options(format!("c{index}").into(), values).into_column()
        }).collect();
        assert_same(&found, &DataFrame::new_infer_height(expected).unwrap());
    }

    #[test]
    fn any_text_is_read_as_one_byte_after_the_other(
        text in vec(select(b"aab,,\"\"\n\n\r\xc3\xa9".to_vec()), 0..400),
        count in 1usize..4,
        quote in select(vec![Some(b'"'), None]),
        range in select(vec![1u64, 2, 3, 7, 16, 63, 64, 65, 100, 1000]),
        bad_rows in select(vec![BadRows::Fail, BadRows::Null, BadRows::Skip]),
        batch_rows in 1usize..40,
    ) {
        let file = csv(&text);
        let options = CsvOptions::default().with_has_header(false).with_schema(columns(count)).with_quote_char(quote).with_bad_rows(bad_rows);
        let scan = CsvScan::open_in_ranges([&file.path], options, Some(range)).unwrap();
        let found = read_scan(&scan, &ScanRequest::default(), batch_rows);
        match naive::frame(&text, b',', quote, count, bad_rows) {
            Some(expected) => assert_same(&found.unwrap(), &expected),
            None => assert!(found.is_err()),
        }
    }

    /// Long stretches without quotes, so that quotes lie ranges away from where they count.
    #[test]
    fn quotes_count_over_many_ranges(
        stretches in vec((0usize..200, select(vec!["\"", "\"\"", "\n\"", ",\"", "\",", "\"\n", "x\"y"])), 0..12),
        range in 1u64..150,
    ) {
        let mut text = String::new();
        for (length, quotes) in &stretches {
            text.push_str(&"ab,cd\n".repeat(*length / 6));
            text.push_str(quotes);
        }
        let file = csv(&text);
        let options = CsvOptions::default().with_has_header(false).with_schema(columns(2)).with_bad_rows(BadRows::Null);
        let scan = CsvScan::open_in_ranges([&file.path], options, Some(range)).unwrap();
        let source = scan.source(&ScanRequest::default()).unwrap();
        // The last range first: it has to find out about all others by itself.
        let mut parts = Vec::new();
        for index in (0..source.splits().unwrap().len()).rev() {
            let mut reader = source.open(index, &single_worker(1000)).unwrap();
            let mut rows = Vec::new();
            while let Some(batch) = reader.next().unwrap() {
                rows.push(batch);
            }
            parts.push(rows);
        }
        let mut all = DataFrame::empty_with_schema(&scan.schema());
        for batch in parts.into_iter().rev().flatten() {
            all = all.vstack(&batch).unwrap();
        }
        assert_same(&all, &naive::frame(text.as_bytes(), b',', Some(b'"'), 2, BadRows::Null).unwrap());
    }

    /// Damage makes an error or other rows.
    #[test]
    fn damaged_files_neither_panic_nor_hang(
        at in vec((0usize..2000, any::<u8>()), 1..20),
        cut in 0usize..2000,
        range in 1u64..300,
        compression in 0usize..3,
        bad_rows in select(vec![BadRows::Fail, BadRows::Null, BadRows::Skip]),
    ) {
        let text: String = (0..60).map(|i| format!("{i},{}.5,\"text {i}\n\",2024-01-{:02},true\n", i * 7, i % 31 + 1)).collect();
        let mut bytes = crate::testing::compress(text.as_bytes(), compression);
        for (place, byte) in at {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(bytes.len().min(cut));
        let file = csv(&bytes);
        let types = [DataType::Int16, DataType::Float64, DataType::String, DataType::Date, DataType::Boolean];
        let options = CsvOptions::default().with_has_header(false).with_bad_rows(bad_rows);
        let given = options.clone().with_schema(schema(["a", "b", "c", "d", "e"].into_iter().zip(types)));
        for options in [options, given] {
            if let Ok(scan) = CsvScan::open_in_ranges([&file.path], options, Some(range)) {
                let _ = read_scan(&scan, &ScanRequest::default(), 7);
            }
        }
    }
}
