use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use super::*;

/// Types of values in each other, a few levels deep.
fn types() -> impl Strategy<Value = DataType> {
    let leaf = select(vec![
        DataType::Int64,
        DataType::UInt8,
        DataType::Float64,
        DataType::Boolean,
        DataType::String,
        DataType::Date,
        DataType::Decimal(12, 2),
        DataType::Null,
    ]);
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| DataType::List(Box::new(inner))),
            (inner.clone(), 1usize..3).prop_map(|(inner, width)| DataType::Array(Box::new(inner), width)),
            vec(inner, 1..4).prop_map(|inner| {
                let fields =
                    inner.into_iter().enumerate().map(|(index, dtype)| Field::new(format!("f{index}").into(), dtype));
                DataType::Struct(fields.collect())
            }),
        ]
    })
}

/// Values of a type, of which some are null, and of structs some without all fields or with other keys.
fn values(dtype: &DataType) -> BoxedStrategy<Value> {
    let value = match dtype {
        DataType::Int64 => any::<i64>().prop_map(Value::from).boxed(),
        DataType::UInt8 => any::<u8>().prop_map(Value::from).boxed(),
        DataType::Float64 => any::<f64>().prop_map(Value::from).boxed(),
        DataType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        DataType::String => {
            vec(select(vec!["a", "\"", "\\", "\n", "é", "😀", "twelve bytes", "{\"x\":[1]}", "/", "\u{1}"]), 0..6)
                .prop_map(|texts| Value::from(texts.concat()))
                .boxed()
        },
        DataType::Date => {
            (1900..2100, 1..13, 1..29).prop_map(|(y, m, d)| Value::from(format!("{y}-{m:02}-{d:02}"))).boxed()
        },
        DataType::Decimal(..) => (-9_999_999..9_999_999i64).prop_map(|cents| Value::from(cents as f64 / 100.0)).boxed(),
        DataType::List(inner) => vec(values(inner), 0..4).prop_map(Value::from).boxed(),
        DataType::Array(inner, width) => vec(values(inner), *width).prop_map(Value::from).boxed(),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| (Just(field.name.to_string()), proptest::option::weighted(0.8, values(&field.dtype))))
                .collect();
            let more = proptest::option::weighted(0.1, Just(("more".to_owned(), Some(serde_json::json!([{"f0": 1}])))));
            (fields, more)
                .prop_map(|(fields, more)| {
                    fields.into_iter().chain(more).filter_map(|(name, value)| Some((name, value?))).collect()
                })
                .boxed()
        },
        _ => Just(Value::Null).boxed(),
    };
    prop_oneof![9 => value, 1 => Just(Value::Null)].boxed()
}

pub(super) fn tables() -> impl Strategy<Value = (Vec<DataType>, Vec<Vec<Value>>)> {
    vec(types(), 1..4).prop_flat_map(|types| {
        let row: Vec<_> = types.iter().map(values).collect();
        (Just(types), vec(row, 0..20))
    })
}

pub(super) fn columns_of(types: &[DataType]) -> SchemaRef {
    let names: Vec<String> = (0..types.len()).map(|index| format!("c{index}")).collect();
    schema(names.iter().map(String::as_str).zip(types.iter().cloned()))
}

fn text_of(rows: &[Vec<Value>]) -> String {
    let line = |row: &Vec<Value>| {
        let fields = row.iter().enumerate().map(|(index, value)| format!("\"c{index}\":{value}"));
        format!("{{{}}}\n", fields.collect::<Vec<_>>().join(","))
    };
    rows.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nested_values_are_those_of_serde_json((types, rows) in tables(), range in 1u64..300, batch_rows in 1usize..30) {
        let file = json(text_of(&rows));
        let scan = JsonScan::open_in_ranges([&file.path], options().with_schema(columns_of(&types)), Some(range)).unwrap();
        let found = read_scan(&scan, &ScanRequest::default(), batch_rows).unwrap();
        let expected = types.iter().enumerate().map(|(index, dtype)| {
            let values: Vec<Value> = rows.iter().map(|row| row[index].clone()).collect();
            naive::series(&format!("c{index}"), &values, dtype).unwrap().into_column()
        });
        assert_same(&found, &DataFrame::new(rows.len(), expected.collect()).unwrap());
    }

    /// Bytes are changed at random: rows are those that `serde_json` reads, and nothing else happens.
    #[test]
    fn damaged_files((types, rows) in tables(), changes in vec((any::<usize>(), select(b"\"\\{}[]:,0e.-tn\n \x00\xff\xc3a".to_vec())), 1..6), range in 1u64..300) {
        let mut text = text_of(&rows).into_bytes();
        for (place, byte) in changes {
            if !text.is_empty() {
                let place = place % text.len();
                text[place] = byte;
            }
        }
        let lines: Vec<_> = text.split(|byte| *byte == b'\n').filter_map(naive::object).collect();
        // Of such a line `serde_json` does not say whether the rest is right.
        let is_unknown = |line: &serde_json::Result<_>| {
            line.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range"))
        };
        prop_assume!(!lines.iter().any(is_unknown));
        let file = json(&text);
        let open = |policy| {
            let given = options().with_schema(columns_of(&types)).with_bad_rows(policy);
            let scan = JsonScan::open_in_ranges([&file.path], given, Some(range)).unwrap();
            read_scan(&scan, &ScanRequest::default(), 7)
        };
        prop_assert_eq!(open(BadRows::Null).unwrap().height(), lines.len());
        let is_right = |object: &serde_json::Map<String, Value>| {
            types.iter().enumerate().all(|(index, dtype)| {
                object.get(&format!("c{index}")).is_none_or(|value| naive::any_value(value, dtype).is_some())
            })
        };
        let right = lines.iter().filter(|line| line.as_ref().is_ok_and(is_right)).count();
        prop_assert_eq!(open(BadRows::Skip).unwrap().height(), right);
        prop_assert_eq!(open(BadRows::Fail).is_ok(), right == lines.len());
    }

    /// What types are inferred, and then read, does not fail.
    #[test]
    fn inferred_types_fit_all_rows((_, rows) in tables()) {
        let text = text_of(&rows);
        let file = json(&text);
        if let Ok(scan) = JsonScan::open([&file.path], options().with_infer_schema_length(None).with_try_parse_dates(true)) {
            let found = read_scan(&scan, &ScanRequest::default(), 100).unwrap();
            prop_assert_eq!(found.height(), rows.len());
        } else {
            prop_assert!(rows.is_empty());
        }
    }
}
