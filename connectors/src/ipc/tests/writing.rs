//! What is written is read as the same values, by Polars' own reader too.

use std::cell::RefCell;
use std::io::{self, Cursor, Write};
use std::path::Path;
use std::rc::Rc;

use polars_arrow::io::ipc::read::{FileReader, StreamReader, StreamState, read_file_metadata, read_stream_metadata};
use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::physical::to_physical;

use super::*;
use crate::ipc::{IpcCompression, IpcFormat, IpcLayout, IpcWriteOptions};
use crate::sink::FileFormat;

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(frames: &[DataFrame], options: IpcWriteOptions) -> Vec<u8> {
    let file = Shared::default();
    let format = IpcFormat::new(options, Path::new("folder"));
    let mut encoder = format.start(frames[0].schema(), Box::new(file.clone())).unwrap();
    for frame in frames {
        encoder.append(to_physical(frame.clone()).unwrap()).unwrap();
    }
    encoder.finish().unwrap();
    file.0.take()
}

/// What Polars' reader makes of a file, column by column.
fn oracle(bytes: &[u8], is_stream: bool) -> Vec<DataFrame> {
    let mut file = Cursor::new(bytes);
    let (schema, batches): (ArrowSchema, Vec<_>) = if is_stream {
        let metadata = read_stream_metadata(&mut file).unwrap();
        let schema = metadata.schema.clone();
        let batches = StreamReader::new(file, metadata, None).map(|state| match state.unwrap() {
            StreamState::Some(batch) => batch,
            StreamState::Waiting => unreachable!(),
        });
        (schema, batches.collect())
    } else {
        let metadata = read_file_metadata(&mut file).unwrap();
        let schema = (*metadata.schema).clone();
        (schema, FileReader::new(file, metadata, None, None).map(Result::unwrap).collect())
    };
    let frame = |arrays: &[Box<dyn Array>]| {
        let columns = schema.iter_values().zip(arrays);
        let columns =
            columns.map(|(field, array)| Series::try_from((field, vec![array.clone()])).unwrap().into_column());
        DataFrame::new(arrays.first().map_or(0, |array| array.len()), columns.collect()).unwrap()
    };
    batches.iter().map(|batch| frame(batch.arrays())).collect()
}

#[test]
fn what_is_written_is_read_again() {
    let all = super::types::table();
    let parts = [all.slice(0, 30), all.slice(30, 1), all.slice(31, 69)];
    let folder = Folder::new();
    for layout in [IpcLayout::File, IpcLayout::Stream] {
        for compression in [IpcCompression::Uncompressed, IpcCompression::Lz4, IpcCompression::Zstd(3)] {
            for views in [true, false] {
                let options = IpcWriteOptions::default()
                    .with_layout(layout)
                    .with_compression(compression)
                    .with_string_views(views)
                    .with_record_batch_rows(40);
                let bytes = written(&parts, options);
                let scan = open(&folder, &bytes).unwrap();
                assert_same(&read(&scan, &ScanRequest::default(), 1000).unwrap(), &all);
                let batches = oracle(&bytes, layout == IpcLayout::Stream);
                assert_eq!(batches.iter().map(DataFrame::height).collect::<Vec<_>>(), [40, 40, 20]);
                let found = batches.iter().skip(1).fold(batches[0].clone(), |all, next| all.vstack(next).unwrap());
                assert_same(&found, &all);
            }
        }
    }
}

#[test]
fn no_rows_are_a_file_with_columns() {
    let none = super::types::table().slice(0, 0);
    let folder = Folder::new();
    for layout in [IpcLayout::File, IpcLayout::Stream] {
        let bytes = written(std::slice::from_ref(&none), IpcWriteOptions::default().with_layout(layout));
        assert_same(&read(&open(&folder, &bytes).unwrap(), &ScanRequest::default(), 10).unwrap(), &none);
        assert!(oracle(&bytes, layout == IpcLayout::Stream).is_empty());
    }
}

#[test]
fn categories_that_come_later_have_a_place() {
    let folder = Folder::new();
    // Categories of this test alone, of which the first batch does not know all.
    let categories = Categories::new("written".into(), "tests".into(), CategoricalPhysical::U8);
    let dtype = DataType::from_categories(categories);
    let frame = |words: &[&str]| {
        let column = Series::new("c".into(), words).cast(&dtype).unwrap();
        DataFrame::new(words.len(), vec![column.into_column()]).unwrap()
    };
    for layout in [IpcLayout::File, IpcLayout::Stream] {
        let file = Shared::default();
        let options = IpcWriteOptions::default().with_layout(layout).with_record_batch_rows(2);
        let first = frame(&["a", "b"]);
        let mut encoder =
            IpcFormat::new(options, Path::new("folder")).start(first.schema(), Box::new(file.clone())).unwrap();
        encoder.append(first).unwrap();
        encoder.append(frame(&["c", "a"])).unwrap();
        encoder.append(frame(&[&format!("{layout:?}")])).unwrap();
        encoder.finish().unwrap();
        let bytes = file.0.take();
        let all = frame(&["a", "b", "c", "a", &format!("{layout:?}")]);
        assert_same(&read(&open(&folder, &bytes).unwrap(), &ScanRequest::default(), 10).unwrap(), &all);
        let found = oracle(&bytes, layout == IpcLayout::Stream);
        assert_same(&found[0].vstack(&found[1]).unwrap().vstack(&found[2]).unwrap(), &all);
    }
}

#[test]
fn options_that_cannot_be() {
    let frame = df!("a" => [1]).unwrap();
    for level in [23, 1000] {
        let format = IpcFormat::new(
            IpcWriteOptions::default().with_compression(IpcCompression::Zstd(level)),
            Path::new("folder"),
        );
        assert!(format.start(frame.schema(), Box::new(io::sink())).is_err(), "{level}");
    }
    let options = IpcWriteOptions::default().with_layout(IpcLayout::Stream);
    let described = IpcFormat::new(options, Path::new("folder")).describe().to_string();
    assert_eq!(described, "ipc compression=[Uncompressed] record_batch_rows=[65536] layout=[stream]");
}

#[test]
fn names_that_readers_look_for_are_those_of_single_files() {
    let extension = |path: &str| IpcFormat::new(IpcWriteOptions::default(), Path::new(path)).extension();
    for (path, expected) in [
        ("a/t.arrow", "arrow"),
        ("t.ipc", "ipc"),
        ("a.ipc/t.Feather", "feather"),
        ("t.arrows", "arrows"),
        ("t.arrow/", "arrow"),
        ("folder", "arrow"),
        (".ipc", "arrow"),
    ] {
        assert_eq!(extension(path), expected, "{path}");
    }
}
