//! Damaged files: an error or a result, never a panic, an endless loop or a giant allocation.

use polars_core::prelude::*;
use proptest::prelude::*;
use proptest::sample::select;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};
use quokka_engine::operator::testing::single_worker;

use super::*;
use crate::testing::damage::{Change, apply, change};

/// Every text, also inside of lists and structs, is UTF-8 and within its buffer.
fn is_readable(series: &Series) {
    match series.dtype() {
        DataType::String => {
            for text in series.str().unwrap().iter().flatten() {
                assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            }
        },
        DataType::Binary => {
            assert!(series.binary().unwrap().iter().flatten().map(<[u8]>::len).sum::<usize>() < 1 << 40)
        },
        DataType::List(_) => is_readable(&series.list().unwrap().get_inner()),
        DataType::Array(..) => is_readable(&series.array().unwrap().get_inner()),
        DataType::Struct(_) => series.struct_().unwrap().fields_as_series().iter().for_each(is_readable),
        DataType::Categorical(..) | DataType::Enum(..) => is_readable(&series.cast(&DataType::String).unwrap()),
        _ => assert!(series.null_count() <= series.len()),
    }
}

fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let scan = match open(&folder, bytes) {
        Ok(scan) => scan,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(matches!(error, IpcError::Footer { .. } | IpcError::UnsupportedType { .. }), "{error}");
            return;
        },
    };
    let schema = scan.schema();
    let _ = (scan.rows(), scan.estimated_rows());
    let mut requests = vec![ScanRequest::default(), request(Some(&[]), None)];
    // Each column alone, so that damage in one does not hide damage in another.
    requests.extend(schema.iter_names().map(|name| request(Some(&[name.as_str()]), None)));
    if schema.get("i64") == Some(&DataType::Int64) {
        requests.push(request(None, Some(col("i64").gt(lit(17)))));
    }
    for request in requests {
        let source = match scan.source(&request) {
            Ok(source) => source,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
                continue;
            },
        };
        for split in 0..source.splits().unwrap().len() {
            let mut reader = source.open(split, &single_worker(64)).unwrap();
            // A batch of nulls only may have as many rows as it says.
            for _ in 0..1000 {
                match reader.next() {
                    Ok(Some(frame)) => {
                        frame.columns().iter().for_each(|column| is_readable(column.as_materialized_series()))
                    },
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
                        break;
                    },
                }
            }
        }
    }
}

/// Where the bytes of a file start that are not bodies: the footer of a file, the first message of a stream.
fn tail(bytes: &[u8], form: Form) -> usize {
    if form.is_stream {
        return 0;
    }
    let length = bytes[bytes.len() - 10..].first_chunk().map_or(0, |length| i32::from_le_bytes(*length));
    bytes.len() - 10 - length as usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere(form in select(forms(60)), changes in proptest::collection::vec(change(), 1..4)) {
        let mut bytes = encode(&super::types::table(), form);
        for change in &changes {
            apply(&mut bytes, 8, change);
        }
        check(&bytes);
    }

    #[test]
    fn damage_in_messages(form in select(forms(60)), changes in proptest::collection::vec(change(), 1..3)) {
        let table = super::types::table();
        let mut bytes = encode(&table.select(["text", "list", "struct", "categories", "dec9", "binary"]).unwrap(), form);
        let tail = tail(&bytes, form);
        for change in &changes {
            // What is removed or added moves the footer, so that it is not found.
            if matches!(change, Change::Byte(..) | Change::Fill(..)) {
                apply(&mut bytes, tail, change);
            }
        }
        check(&bytes);
    }
}

#[test]
fn nonsense_of_every_length() {
    for byte in [0u8, 0x10, 0xff] {
        for length in 0..70 {
            for start in [&b""[..], b"ARROW1", b"ARROW1\0\0", b"\xff\xff\xff\xff"] {
                check(&[start, &vec![byte; length]].concat());
                check(&[start, &vec![byte; length], b"\x20\0\0\0ARROW1"].concat());
            }
        }
    }
}
