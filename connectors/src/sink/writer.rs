//! The operator that writes files into the staging folder.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{InitHashMaps, PlHashMap};
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};

use super::error::WriteError;
use super::format::FileEncoder;
use super::hive;
use super::report::{FileRow, to_frame};
use super::target::FileSink;

/// Files that a worker has open at a time: a process may have some 1,000.
const MOST_OPEN: usize = 64;
/// Rows that the files of a worker may hold back together, in bytes.
const MOST_HELD: usize = 256 << 20;
const BUFFER: usize = 1 << 20;
/// Rows after which the size of a file is looked at, if it has a bound.
const PIECE: usize = 4096;

/// Writes its input to files in a staging folder, each worker to its own, and tells in the end which files it wrote, with
/// the columns of [`report_schema`](super::report_schema).
///
/// State: what the format holds back of each open file, such as the rows of a row group. With partitions there are up to
/// 64 open files, which together hold back up to 256 MB: then the one with most is flushed.
pub struct WriteFiles(Arc<FileSink>);

impl WriteFiles {
    /// Writes what `sink` says.
    pub fn new(sink: Arc<FileSink>) -> Self {
        Self(sink)
    }
}

impl OperatorFactory for WriteFiles {
    fn describe(&self) -> Description {
        self.0.describe("write")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let (sink, worker) = (self.0.clone(), context.worker);
        Ok(Box::new(Writer { sink, worker, open: PlHashMap::new(), next: 0, written: Vec::new() }))
    }
}

struct Writer {
    sink: Arc<FileSink>,
    worker: usize,
    /// By partition.
    open: PlHashMap<String, OpenFile>,
    /// Number of the next file.
    next: u64,
    written: Vec<FileRow>,
}

impl Operator for Writer {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let frame = batch.into_frame();
        let sink = self.sink.clone();
        if sink.options.partition_by.is_empty() {
            self.write(String::new(), frame)?;
        } else {
            for (partition, rows) in hive::split(&frame, &sink.options.partition_by)? {
                self.write(partition, rows)?;
            }
        }
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_by_key(|(_, file)| file.number);
        for (partition, file) in open {
            self.written.push(file.finish(&self.sink, self.worker, partition)?);
        }
        output.push(to_frame(&std::mem::take(&mut self.written))?);
        Ok(Progress::Done)
    }

    fn state_bytes(&self) -> usize {
        self.open.values().map(|file| file.encoder.held_bytes()).sum()
    }
}

impl Writer {
    fn write(&mut self, partition: String, mut rows: DataFrame) -> Result<(), WriteError> {
        let most_rows = self.sink.options.rows_per_file.unwrap_or(usize::MAX);
        let most_bytes = self.sink.options.bytes_per_file.unwrap_or(u64::MAX);
        let piece = if most_bytes == u64::MAX { usize::MAX } else { PIECE };
        while rows.height() > 0 {
            if !self.open.contains_key(&partition) {
                self.make_room()?;
                let file = OpenFile::start(&self.sink, self.worker, self.next)?;
                self.next += 1;
                self.open.insert(partition.clone(), file);
            }
            let Some(file) = self.open.get_mut(&partition) else { return Ok(()) };
            let taken = rows.height().min(most_rows - file.rows).min(piece);
            file.append(&self.sink, rows.slice(0, taken))?;
            if file.rows >= most_rows || file.progress.bytes.get() >= most_bytes {
                self.close(&partition)?;
            }
            rows = rows.slice(taken as i64, usize::MAX);
        }
        self.limit_held()
    }

    fn close(&mut self, partition: &str) -> Result<(), WriteError> {
        if let Some((partition, file)) = self.open.remove_entry(partition) {
            self.written.push(file.finish(&self.sink, self.worker, partition)?);
        }
        Ok(())
    }

    /// Closes the file with most rows if too many are open: those of the others are still too few for a file.
    fn make_room(&mut self) -> Result<(), WriteError> {
        if self.open.len() < MOST_OPEN {
            return Ok(());
        }
        let largest = self.open.iter().max_by_key(|(_, file)| (file.rows, file.number));
        match largest.map(|(partition, _)| partition.clone()) {
            Some(partition) => self.close(&partition),
            None => Ok(()),
        }
    }

    /// A single file bounds what it holds by itself.
    fn limit_held(&mut self) -> Result<(), WriteError> {
        if self.open.len() < 2 {
            return Ok(());
        }
        while self.state_bytes() > MOST_HELD {
            let Some(file) = self.open.values_mut().max_by_key(|file| file.encoder.held_bytes()) else { break };
            file.encoder.flush().map_err(|source| file.progress.failure(&self.sink, source))?;
        }
        Ok(())
    }
}

/// A file that is being written.
pub(super) struct OpenFile {
    encoder: Box<dyn FileEncoder>,
    /// The same file as the encoder's.
    file: File,
    path: PathBuf,
    number: u64,
    rows: usize,
    progress: Rc<Writing>,
}

/// How far the file is, as its encoder writes it.
#[derive(Default)]
struct Writing {
    /// What has been handed to the operating system or stands before it.
    bytes: Cell<u64>,
    /// Why the operating system refused more. Formats may hide that behind errors of their own.
    refused: Cell<Option<io::Error>>,
}

impl Writing {
    /// Why the encoder of `sink` failed.
    fn failure(&self, sink: &FileSink, source: OperatorError) -> WriteError {
        let path = sink.named.clone();
        match self.refused.take() {
            Some(source) => WriteError::Io { action: "write", path, source },
            None => WriteError::Encode { path, source },
        }
    }

    fn note<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.refused.set(Some(copy));
        })
    }
}

impl OpenFile {
    pub(super) fn start(sink: &FileSink, worker: usize, number: u64) -> Result<Self, WriteError> {
        let path = sink.staged(|staging| staging.file(worker, number))?;
        let file = File::create_new(&path).map_err(WriteError::io("create", &path))?;
        let copy = file.try_clone().map_err(WriteError::io("open", &path))?;
        let progress = Rc::new(Writing::default());
        let counted = Counted { file: BufWriter::with_capacity(BUFFER, copy), progress: progress.clone() };
        let encoder = sink.format.start(&sink.schema, Box::new(counted));
        let encoder = encoder.map_err(|source| progress.failure(sink, source))?;
        Ok(Self { encoder, file, path, number, rows: 0, progress })
    }

    fn append(&mut self, sink: &FileSink, rows: DataFrame) -> Result<(), WriteError> {
        self.rows += rows.height();
        self.encoder.append(rows).map_err(|source| self.progress.failure(sink, source))
    }

    /// Writes the end of the file and makes it durable.
    pub(super) fn finish(self, sink: &FileSink, worker: usize, partition: String) -> Result<FileRow, WriteError> {
        let Self { encoder, file, path, number, rows, progress } = self;
        encoder.finish().map_err(|source| progress.failure(sink, source))?;
        file.sync_all().map_err(WriteError::io("write", &path))?;
        let bytes = file.metadata().map_err(WriteError::io("read", &path))?.len();
        let path = path.to_string_lossy().into_owned();
        Ok(FileRow { path, partition, worker: worker as u64, number, rows: rows as u64, bytes })
    }
}

struct Counted {
    file: BufWriter<File>,
    progress: Rc<Writing>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.progress.note(self.file.write(bytes))?;
        self.progress.bytes.set(self.progress.bytes.get() + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.progress.note(self.file.flush())
    }
}
