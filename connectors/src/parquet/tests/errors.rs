use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;

use super::*;
use crate::parquet::{Damage, ParquetError};
use crate::testing::Folder;

fn open_bytes(bytes: &[u8]) -> ParquetError {
    let folder = Folder::new();
    let path = folder.path().join("broken.parquet");
    fs::write(&path, bytes).unwrap();
    let error = ParquetScan::open([&path], ParquetOptions::default()).err().unwrap();
    assert!(error.to_string().contains("broken.parquet"), "{error}");
    error
}

fn damage(bytes: &[u8]) -> Damage {
    match open_bytes(bytes) {
        ParquetError::Footer { source, .. } => source,
        other => unreachable!("{other}"),
    }
}

fn numbers() -> DataFrame {
    let text: Vec<String> = (0..1000).map(|i| format!("row {i}")).collect();
    df!("i" => (0..1000i64).collect::<Vec<_>>(), "t" => text).unwrap()
}

#[test]
fn what_is_not_there_is_an_error_of_the_system() {
    let folder = Folder::new();
    let kind =
        |path: &str| ParquetScan::open([folder.path().join(path)], ParquetOptions::default()).err().unwrap().kind();
    assert_eq!(kind("no.parquet"), ErrorKind::Io);
    assert_eq!(kind("*.parquet"), ErrorKind::Io);
    assert_eq!(kind(""), ErrorKind::Io);
    let none = ParquetScan::open(Vec::<PathBuf>::new(), ParquetOptions::default()).err().unwrap();
    assert_eq!(none.kind(), ErrorKind::InvalidQuery);
}

#[test]
fn files_of_other_formats_are_told_apart() {
    assert!(matches!(damage(b""), Damage::Empty));
    assert!(matches!(damage(b"PAR1"), Damage::NotParquet));
    assert!(matches!(damage(b"a,b\n1,2\n3,4\n5,6\n"), Damage::NotParquet));
    assert!(matches!(damage(b"PAR1\0\0\0\0\0\0\0\0\0\0PARE"), Damage::Encrypted));
    assert_eq!(open_bytes(b"").kind(), ErrorKind::InvalidData);
}

#[test]
fn cut_files_are_refused_wherever_they_are_cut() {
    let bytes = encode(&numbers(), &Layout::default());
    for end in (0..bytes.len()).step_by(17) {
        let damage = damage(&bytes[..end]);
        assert!(matches!(damage, Damage::Empty | Damage::NotParquet), "{end}: {damage}");
    }
}

#[test]
fn a_footer_of_the_wrong_length_is_refused() {
    let bytes = encode(&numbers(), &Layout::default());
    let length_at = bytes.len() - 8;
    for length in [0u32, 1, 50, bytes.len() as u32, u32::MAX] {
        let mut bytes = bytes.clone();
        bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        let damage = damage(&bytes);
        assert!(!matches!(damage, Damage::NotParquet), "{length}: {damage}");
    }
}

#[test]
fn a_broken_column_chunk_is_named() {
    let df = numbers();
    let mut bytes = encode(&df, &Layout { row_group: 500, ..Layout::default() });
    let folder = Folder::new();
    let path = folder.path().join("broken.parquet");
    fs::write(&path, &bytes).unwrap();
    // The page header of the second row group's `t`.
    let file = crate::files::InputFile::named(path.to_str().unwrap());
    let file = crate::parquet::file::ParquetFile::open(file, &Default::default(), usize::MAX).unwrap();
    let chunk = crate::parquet::chunks::chunk_range(&file.leaves(1, "t").next().unwrap(), bytes.len() as u64);
    let start = chunk.unwrap().start as usize;
    bytes[start..start + 20].fill(0xff);
    fs::write(&path, &bytes).unwrap();

    let scan = open(&path);
    let error = read(&scan, &ScanRequest::default(), 64).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let message = error.to_string();
    for part in ["`t`", "broken.parquet", "row group 1"] {
        assert!(message.contains(part), "{message}");
    }
    assert_same(&read(&scan, &request(Some(&["i"]), None), 64).unwrap(), &df.select(["i"]).unwrap());
}

#[test]
fn unsupported_types_are_named() {
    use polars_arrow::array::PrimitiveArray;
    use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField, IntervalUnit};
    use polars_arrow::record_batch::RecordBatchT;

    let dtype = ArrowDataType::Interval(IntervalUnit::YearMonth);
    let array = PrimitiveArray::<i32>::new(dtype.clone(), vec![1, 2].into(), None).boxed();
    let field = ArrowField::new("span".into(), dtype, true);
    let schema: ArrowSchema = [(field.name.clone(), field)].into_iter().collect();
    let layout = Layout::default();
    let options = WriteOptions {
        statistics: layout.statistics,
        version: layout.version,
        compression: layout.compression,
        data_page_size: None,
    };
    let batch = RecordBatchT::new(2, Arc::new(schema.clone()), vec![array]);
    let encodings = vec![vec![Encoding::Plain]].into();
    let mut writer = FileWriter::try_new(Vec::new(), schema.clone(), options).unwrap();
    for group in RowGroupIterator::try_new([Ok(batch)].into_iter(), &schema, options, encodings).unwrap() {
        writer.write(2, group.unwrap()).unwrap();
    }
    writer.end(None).unwrap();
    let error = open_bytes(&writer.into_inner());
    assert!(matches!(&error, ParquetError::UnsupportedType { column, .. } if column == "span"), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}
