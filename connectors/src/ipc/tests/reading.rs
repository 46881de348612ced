//! Files, folders, paths, splits.

use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;
use quokka_engine::expr::prelude::{col, lit};
use quokka_engine::operator::testing::single_worker;

use super::*;
use crate::files::FilesError;

fn plain(rows: usize) -> Form {
    Form { is_stream: false, compression: None, views: true, rows }
}

#[test]
fn files_with_and_without_footer_are_read_together_in_any_order_of_columns() {
    let folder = Folder::new();
    let stream = Form { is_stream: true, ..plain(10) };
    write(&folder.path().join("1.arrow"), &encode(&df!("a" => [1i64], "b" => ["x"]).unwrap(), plain(10)));
    write(&folder.path().join("2.arrows"), &encode(&df!("b" => ["y"], "a" => [2i64]).unwrap(), stream));
    write(&folder.path().join("3.feather"), &encode(&df!("b" => ["z"], "a" => [3i64]).unwrap(), plain(10)));
    write(&folder.path().join("4.ipc"), &encode(&df!("a" => [0i64; 0], "b" => [""; 0]).unwrap(), plain(10)));
    write(&folder.path().join("_5.ipc"), b"");
    let scan = IpcScan::open([folder.path()], IpcOptions::default()).unwrap();
    let all = df!("a" => [1i64, 2, 3], "b" => ["x", "y", "z"]).unwrap();
    assert_same(&read(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    assert!(scan.describe().to_string().starts_with("ipc-scan files=["));

    let other = write(&folder.path().join("other"), &encode(&df!("a" => [1i32], "b" => ["x"]).unwrap(), plain(1)));
    let paths = [folder.path().join("1.arrow"), other];
    let error = IpcScan::open(&paths, IpcOptions::default()).err().unwrap();
    assert!(matches!(error, IpcError::Files(FilesError::ColumnType { .. })), "{error}");
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    write(&paths[1], &encode(&df!("a" => [1i64]).unwrap(), plain(1)));
    let error = IpcScan::open(&paths, IpcOptions::default()).err().unwrap();
    assert!(matches!(error, IpcError::Files(FilesError::ColumnSet { .. })), "{error}");
}

#[test]
fn folders_and_paths_are_columns_that_decide_which_files_are_read() {
    let folder = Folder::new();
    let file = |name: &str, value: i64| {
        write(&folder.path().join(name), &encode(&df!("a" => [value, value + 1]).unwrap(), plain(10)))
    };
    let paths = [file("year=2023/f.arrow", 1), file("year=2024/f.arrow", 3)].map(|path| path.display().to_string());
    let options = IpcOptions::default().with_include_file_paths("path");
    let scan = IpcScan::open([folder.path()], options.clone()).unwrap();
    let all = df!(
        "a" => [1i64, 2, 3, 4],
        "year" => [2023i64, 2023, 2024, 2024],
        "path" => [0, 0, 1, 1].map(|index: usize| paths[index].clone()),
    )
    .unwrap();
    assert_same(&read(&scan, &ScanRequest::default(), 10).unwrap(), &all);
    for (predicate, splits) in [
        (col("year").eq(lit(2024)), 1),
        (col("path").eq(lit(paths[0].clone())).and(col("a").gt(lit(1))), 1),
        (col("path").eq(lit("nowhere")), 0),
        (col("a").gt(col("year")), 2),
    ] {
        for columns in [None, Some(&["path"][..]), Some(&["a"]), Some(&[])] {
            let request = request(columns, Some(predicate.clone()));
            let source = scan.source(&request).unwrap();
            assert_eq!(source.splits().unwrap().len(), splits);
            assert_eq!(source.describe().to_string().contains("read-files"), splits < 2);
            assert_same(&read(&scan, &request, 10).unwrap(), &expected(&all, &request));
        }
    }
    let without = IpcScan::open([folder.path()], options.with_hive_partitioning(false)).unwrap();
    assert_eq!(without.schema().len(), 2);
    for taken in ["a", "year"] {
        let error = IpcScan::open([folder.path()], IpcOptions::default().with_include_file_paths(taken)).err().unwrap();
        assert!(matches!(error, IpcError::Files(FilesError::PathColumn { .. })), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    }
}

#[test]
fn small_batches_are_read_together_and_large_ones_in_parts() {
    let folder = Folder::new();
    let rows = 5_000_000i64;
    let frame = df!("i" => (0..rows).collect::<Vec<_>>()).unwrap();
    let small = open(&folder, &encode(&frame.slice(0, 500_000), plain(1000))).unwrap();
    let splits = small.source(&ScanRequest::default()).unwrap().splits().unwrap();
    assert_eq!(splits.len(), 4);
    assert!(splits[0].name.ends_with("f.arrow, record batches 0 to 127"), "{}", splits[0].name);
    assert_same(&read(&small, &ScanRequest::default(), 100_000).unwrap(), &frame.slice(0, 500_000));

    let large = open(&folder, &encode(&frame, plain(rows as usize))).unwrap();
    let splits = large.source(&ScanRequest::default()).unwrap().splits().unwrap();
    assert_eq!(splits.iter().map(|split| split.rows).sum::<Option<u64>>(), Some(rows as u64));
    assert!(splits.len() > 30 && splits[1].name.contains("record batch 0 from row "), "{}", splits[1].name);
    assert_same(&read(&large, &ScanRequest::default(), 60_000).unwrap(), &frame);

    let compression = forms(1)[2].compression;
    let whole = open(&folder, &encode(&frame, Form { compression, ..plain(rows as usize) })).unwrap();
    assert_eq!(whole.source(&ScanRequest::default()).unwrap().splits().unwrap().len(), 1);
    assert_same(&read(&whole, &ScanRequest::default(), 600_000).unwrap(), &frame);
}

/// Rows of nested types that are read in parts are those of the whole.
#[test]
fn parts_of_nested_values() {
    let folder = Folder::new();
    let table = super::types::table();
    let scan = open(&folder, &encode(&table, plain(1000))).unwrap();
    let file = &scan.table().files[0];
    let header = file.header(0).unwrap();
    let parts = crate::ipc::body::lay_out(file.columns.dtypes(), &header).unwrap();
    let block = &file.batches()[0].body;
    let bytes = file.mapped.clone().unwrap().sliced(block.start as usize..block.end as usize);
    let body = crate::ipc::body::Body::whole(bytes, header.codec);
    let mut batch = crate::ipc::batch::Batch::new(0, header, parts, body, file.dictionaries().unwrap());
    for name in table.schema().iter_names() {
        for rows in [0..0, 0..1, 3..50, 47..48, 99..100, 100..100] {
            let found = batch.column(file, name, rows.clone()).unwrap();
            let expected = table.column(name).unwrap().slice(rows.start as i64, rows.len());
            assert!(found.equals_missing(&expected), "{name} {rows:?}: {found:?} {expected:?}");
        }
        assert!(batch.column(file, name, 0..101).is_err());
    }
}

#[test]
fn values_stay_where_they_lie_in_the_file() {
    let folder = Folder::new();
    let scan = open(&folder, &encode(&df!("i" => [1i64, 2, 3]).unwrap(), plain(10))).unwrap();
    let source = scan.source(&ScanRequest::default()).unwrap();
    let mut reader = source.open(0, &single_worker(10)).unwrap();
    let frame = reader.next().unwrap().unwrap();
    let values = frame.column("i").unwrap().i64().unwrap().cont_slice().unwrap().as_ptr_range();
    let file = scan.table().files[0].mapped.as_ref().unwrap().as_ptr_range();
    assert!(file.start <= values.start.cast() && values.end.cast() <= file.end);
    assert!(reader.next().unwrap().is_none());
    // They come back when they were given back to the system.
    assert_eq!(frame, df!("i" => [1i64, 2, 3]).unwrap());
}

#[test]
fn dictionaries_of_streams_are_replaced_and_extended() {
    let folder = Folder::new();
    let batch = |words: &[&str], keys: &[u32]| -> Vec<Box<dyn Array>> {
        let words = polars_arrow::array::Utf8ViewArray::from_slice_values(words);
        let keys = polars_arrow::array::PrimitiveArray::from_slice(keys);
        vec![polars_arrow::array::DictionaryArray::try_from_keys(keys, words.boxed(), false).unwrap().boxed()]
    };
    let batches = [batch(&["a", "b"], &[1, 0]), batch(&["c"], &[0, 0]), batch(&["c", "d"], &[1])];
    let dtype = batches[0][0].dtype().clone();
    let schema: ArrowSchema = [ArrowField::new("c".into(), dtype, true)].into_iter().collect();
    let stream = encode_batches(schema, &batches, Form { is_stream: true, ..plain(10) });
    let scan = open(&folder, &stream).unwrap();
    let all = df!("c" => ["b", "a", "c", "c", "d"]).unwrap();
    let all = all.column("c").unwrap().cast(&DataType::from_categories(Categories::global())).unwrap();
    let found = read(&scan, &ScanRequest::default(), 10).unwrap();
    assert_same(&found, &DataFrame::new(5, vec![all]).unwrap());
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = Folder::new();
    let bytes = encode(&df!("a" => [1i64]).unwrap(), plain(1));
    let stream = encode(&df!("a" => [1i64]).unwrap(), Form { is_stream: true, ..plain(1) });
    for (bytes, reason) in [
        (&b""[..], "empty"),
        (b"FEA1 and so on", "Feather"),
        (b"PAR1 and so on", "neither"),
        (b"name,age\nx,1\n", "neither"),
        (b"\xff\xff\xff\xff", "neither"),
        (&bytes[..bytes.len() - 1], "cut off"),
        (&bytes[..20], "cut off"),
        (&stream[..40], "neither"),
    ] {
        let error = open(&folder, bytes).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let IpcError::Footer { path, source } = &error else { unreachable!("{error}") };
        assert!(path.ends_with("f.arrow") && source.to_string().contains(reason), "{source}");
    }
    // A stream may end anywhere between two messages, but not in one.
    let cut = open(&folder, &stream[..stream.len() - 16]).unwrap();
    let error = read(&cut, &ScanRequest::default(), 10).unwrap_err();
    assert!(error.to_string().contains("record batch 0 of"), "{error}");
    assert!(matches!(cause(&error), IpcError::Batch { batch: 0, column: None, .. }));
    let unfinished = open(&folder, &stream[..stream.len() - 8]).unwrap();
    assert_eq!(read(&unfinished, &ScanRequest::default(), 10).unwrap().height(), 1);
}
