//! Damaged files: an error or a result, never a panic, an endless loop or a giant allocation.

use polars_core::df;
use polars_core::prelude::*;
use polars_parquet::write::ZstdLevel;
use proptest::prelude::*;
use proptest::sample::select;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};

use super::*;
use crate::parquet::ParquetError;
use crate::testing::Folder;
use crate::testing::damage::{apply, change};

fn table() -> DataFrame {
    let rows = 0..120i32;
    let words = ["one", "two", "three", "a word that is longer than twelve bytes"];
    let decimal = Int128Chunked::from_vec("".into(), rows.clone().map(|i| i128::from(i) << 64).collect());
    let arrays = rows.clone().map(|i| (i % 5 != 0).then(|| Series::new("".into(), [i, i + 1, i + 2])));
    let arrays = arrays.collect::<ListChunked>().into_series();
    df!(
        "i" => rows.clone().map(|i| (i % 5 != 0).then_some(i64::from(i))).collect::<Vec<_>>(),
        "f" => rows.clone().map(f64::from).collect::<Vec<_>>(),
        "b" => rows.clone().map(|i| i % 3 == 0).collect::<Vec<_>>(),
        "w" => rows.clone().map(|i| words[i as usize % 4]).collect::<Vec<_>>(),
        "t" => rows.clone().map(|i| format!("text {i}")).collect::<Vec<_>>(),
        "d" => decimal.into_decimal_unchecked(38, 2).into_series(),
        "l" => rows.clone().map(|i| Series::new("".into(), (0..i % 4).collect::<Vec<_>>())).collect::<ListChunked>().into_series(),
        "a" => arrays.cast(&DataType::Array(Box::new(DataType::Int32), 3)).unwrap(),
    )
    .unwrap()
}

fn is_readable(df: &DataFrame) {
    // Text that is not UTF-8 must not get through.
    for name in ["w", "t"] {
        if let Ok(column) = df.column(name).and_then(|column| column.str().cloned()) {
            for text in column.iter().flatten() {
                assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            }
        }
    }
    let _ = format!("{df:?}");
}

fn layout() -> impl Strategy<Value = Layout> {
    let compression = select(vec![
        CompressionOptions::Uncompressed,
        CompressionOptions::Snappy,
        CompressionOptions::Lz4Raw,
        CompressionOptions::Zstd(Some(ZstdLevel::try_new(1).unwrap())),
    ]);
    let encodings = [Encoding::Plain, Encoding::DeltaBinaryPacked, Encoding::DeltaLengthByteArray].map(Some);
    let encoding = select([&[None][..], &encodings].concat());
    (compression, any::<bool>(), encoding, select(vec![None, Some(100)])).prop_map(
        |(compression, v2, encoding, page_bytes)| {
            let version = if v2 { Version::V2 } else { Version::V1 };
            Layout { row_group: 50, page_bytes, compression, version, encoding, ..Layout::default() }
        },
    )
}

fn check(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.path().join("f.parquet");
    fs::write(&path, bytes).unwrap();
    let scan = match ParquetScan::open([&path], ParquetOptions::default()) {
        Ok(scan) => scan,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert!(matches!(error, ParquetError::Footer { .. } | ParquetError::UnsupportedType { .. }), "{error}");
            return;
        },
    };
    let schema = scan.schema();
    let mut requests = vec![ScanRequest::default()];
    // Each column alone, so that damage in one does not hide damage in another.
    requests.extend(schema.iter_names().map(|name| request(Some(&[name.as_str()]), None)));
    if schema.get("i") == Some(&DataType::Int64) {
        requests.push(request(None, Some(col("i").eq(lit(17)))));
        requests.push(request(None, Some(col("i").gt(lit(17)))));
    }
    if schema.get("w") == Some(&DataType::String) {
        requests.push(request(None, Some(col("w").eq(lit("two")))));
    }
    for request in requests {
        match read(&scan, &request, 64) {
            Ok(df) => is_readable(&df),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_anywhere(layout in layout(), changes in proptest::collection::vec(change(), 1..4)) {
        let mut bytes = encode(&table(), &layout);
        for change in &changes {
            apply(&mut bytes, 4, change);
        }
        check(&bytes);
    }

    #[test]
    fn damage_in_the_footer(layout in layout(), changes in proptest::collection::vec(change(), 1..3)) {
        let mut bytes = encode(&table(), &layout);
        let length = bytes[bytes.len() - 8..].first_chunk().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
        let tail = bytes.split_off(bytes.len() - 8);
        let start = bytes.len() - length;
        for change in &changes {
            apply(&mut bytes, start, change);
        }
        bytes.extend(((bytes.len() - start) as u32).to_le_bytes());
        bytes.extend(&tail[4..]);
        check(&bytes);
    }
}
