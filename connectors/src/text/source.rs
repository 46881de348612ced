//! The ranges of files that a query has to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{ScanRequest, Source, Split, SplitReader};

use super::file::TextFile;
use super::memory::Memory;
use super::table::TextFiles;
use crate::files::{Ahead, Fetched, Fetching, FilesError, InputFile, passing};
use crate::request::Request;

/// A table of files of text.
pub(crate) trait TextTable: Send + Sync + 'static {
    /// What the readers of ranges read into.
    type Buffer: Default + Send + 'static;
    /// What it knows of a file.
    type File: AsRef<TextFile>;
    type Reader: TextReader + 'static;

    fn describe(&self) -> Description;
    fn files(&self) -> &TextFiles<Self::File>;

    /// A reader of a range, which has to be [started](TextReader::start).
    fn reader(self: &Arc<Self>, asked: Asked<Self::Buffer>) -> Self::Reader;

    /// The error of the format for a file that cannot be read.
    fn refused(error: FilesError) -> OperatorError;
}

/// What a reader has to read.
pub(crate) struct Asked<B> {
    pub(crate) request: Arc<Request>,
    /// Index of the file in the table, and of the range in the file.
    pub(crate) file: usize,
    pub(crate) range: usize,
    pub(crate) memory: Arc<Memory<B>>,
    pub(crate) batch_rows: usize,
}

/// Reads one range of a file, or a compressed file.
pub(crate) trait TextReader: SplitReader {
    /// Its range is on its way from a store: it will be started.
    fn expect(&mut self) {}

    /// Reads the range, of which a part may be there, or the start of a compressed file.
    fn start(&mut self, fetched: Option<Fetched>) -> Result<(), OperatorError>;
}

/// A table with the columns and rows that one query wants of it.
pub(crate) struct TextSource<T: TextTable> {
    table: Arc<T>,
    request: Arc<Request>,
    /// A file, and a range of it.
    ranges: Vec<(usize, usize)>,
    memory: Arc<Memory<T::Buffer>>,
    /// Ranges of files in stores.
    ahead: Ahead,
    /// Of the ranges that were opened.
    bytes_read: AtomicU64,
}

impl<T: TextTable> TextSource<T> {
    pub(crate) fn new(table: Arc<T>, request: &ScanRequest) -> Result<Self, OperatorError> {
        let files = table.files();
        let request = Request::new(request, &files.schema)?;
        let mut ranges = Vec::new();
        let passing = passing(&files.constants, &request)?;
        for (file, _) in passing.into_iter().enumerate().filter(|(_, passes)| *passes) {
            let count = files.get(file).map_or(0, |file| file.as_ref().ranges());
            ranges.extend((0..count).map(|range| (file, range)));
        }
        let (memory, ahead, bytes_read) = (Arc::default(), Ahead::default(), AtomicU64::new(0));
        Ok(Self { table, request: Arc::new(request), ranges, memory, ahead, bytes_read })
    }

    fn range(&self, split: usize) -> Option<(&TextFile, usize, usize)> {
        let (file, range) = self.ranges.get(split)?;
        Some((self.table.files().get(*file)?.as_ref(), *file, *range))
    }
}

impl<T: TextTable> Source for TextSource<T> {
    fn describe(&self) -> Description {
        self.request.describe(self.table.describe(), &self.table.files().schema)
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        let split = |index| {
            let (file, _, range) = self.range(index)?;
            let path = file.input.location();
            let name = match file.ranges() {
                1 => path.to_string(),
                _ => format!("{path}, bytes from {}", file.range(range).start),
            };
            Some(Split { name, rows: None })
        };
        Ok((0..self.ranges.len()).filter_map(split).collect())
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let Some((text, file, range)) = self.range(split) else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        let fetching = self.ahead.open(split, self.ranges.len(), context, |split| {
            let (file, _, range) = self.range(split)?;
            Some((&file.input, file.fetched_bytes(range)?))
        });
        let bytes = text.range(range);
        self.bytes_read.fetch_add(bytes.end - bytes.start, Ordering::Relaxed);
        let (request, memory) = (self.request.clone(), self.memory.clone());
        let asked = Asked { request, file, range, memory, batch_rows: context.batch_rows.max(1) };
        let mut waiting = Waiting::<T> {
            reader: self.table.reader(asked),
            schema: self.request.schema.clone(),
            whole: (text.ranges() == 1).then(|| text.input.clone()),
            fetching: fetching.map_err(T::refused)?,
        };
        match waiting.fetching {
            Some(_) => waiting.reader.expect(),
            None => waiting.reader.start(None)?,
        }
        Ok(Box::new(waiting))
    }
}

/// A reader that may have to wait for bytes of a store before it starts.
struct Waiting<T: TextTable> {
    reader: T::Reader,
    schema: SchemaRef,
    /// A file of one range: all of it is fetched, and kept while it is read.
    whole: Option<InputFile>,
    /// The bytes, if they are on their way; nothing was read then.
    fetching: Option<Fetching>,
}

impl<T: TextTable> SplitReader for Waiting<T> {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if let Some(fetching) = &mut self.fetching {
            let Some(bytes) = fetching.wait().map_err(T::refused)? else {
                return Ok(Some(DataFrame::empty_with_schema(&self.schema)));
            };
            let fetched = self.fetching.take().map(|fetching| fetching.arrived(bytes));
            match &self.whole {
                Some(file) => {
                    file.keep(fetched.map(Fetched::into_bytes));
                    self.reader.start(None)?;
                },
                None => self.reader.start(fetched)?,
            }
        }
        self.reader.next()
    }
}

impl<T: TextTable> Drop for Waiting<T> {
    fn drop(&mut self) {
        if let Some(file) = &self.whole {
            file.keep(None);
        }
    }
}
