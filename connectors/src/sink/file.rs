//! A file that is being written, wherever it will be.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;

use polars_core::frame::DataFrame;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::WorkerContext;

use super::error::WriteError;
use super::format::FileEncoder;
use super::report::FileRow;
use super::target::{FileSink, Place};
use crate::store::{StagedFile, StoreError};

const BUFFER: usize = 1 << 20;

/// Who writes a file.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) worker: usize,
    /// Whether the file is committed by another process.
    pub(super) is_remote: bool,
}

impl Writer {
    /// Worker 0, which commits.
    pub(super) const FIRST: Self = Self { worker: 0, is_remote: false };

    pub(super) fn of(context: &WorkerContext) -> Self {
        Self { worker: context.worker, is_remote: context.process != context.process_of(Self::FIRST.worker) }
    }
}

/// A file that is being written.
pub(super) struct OpenFile {
    encoder: Box<dyn FileEncoder>,
    /// What the encoder writes to.
    output: Rc<Output>,
    writer: Writer,
    pub(super) number: u64,
    partition: String,
    pub(super) rows: usize,
}

impl OpenFile {
    pub(super) fn start(sink: &FileSink, writer: Writer, number: u64, partition: String) -> Result<Self, WriteError> {
        let destination = match &sink.place {
            Place::Local(target) => {
                let path = target.staged_file(writer.worker, number)?;
                let file = File::create_new(&path).map_err(WriteError::io("create", &path))?;
                Destination::Disk { file: BufWriter::with_capacity(BUFFER, file), path }
            },
            Place::Store(target) => {
                Destination::Store(Box::new(target.start(sink, writer.worker, number, &partition)?))
            },
        };
        let destination = RefCell::new(Some(destination));
        let output = Rc::new(Output { destination, bytes: Cell::default(), refused: Cell::default() });
        let encoder = sink.format.start(&sink.schema, Box::new(Shared(output.clone())));
        let encoder = encoder.map_err(|source| output.failure(sink, source))?;
        Ok(Self { encoder, output, writer, number, partition, rows: 0 })
    }

    pub(super) fn append(&mut self, sink: &FileSink, rows: DataFrame) -> Result<(), WriteError> {
        self.rows += rows.height();
        self.encoder.append(rows).map_err(|source| self.output.failure(sink, source))
    }

    /// Bytes that the encoder has written.
    pub(super) fn written_bytes(&self) -> u64 {
        self.output.bytes.get()
    }

    /// About how many bytes of rows the encoder holds back.
    pub(super) fn held_bytes(&self) -> usize {
        self.encoder.held_bytes()
    }

    /// Writes what the encoder holds back.
    pub(super) fn flush(&mut self, sink: &FileSink) -> Result<(), WriteError> {
        self.encoder.flush().map_err(|source| self.output.failure(sink, source))
    }

    /// Writes the end of the file and makes it durable, but not visible.
    pub(super) fn finish(self, sink: &FileSink) -> Result<FileRow, WriteError> {
        let Self { encoder, output, writer, number, partition, rows } = self;
        encoder.finish().map_err(|source| output.failure(sink, source))?;
        let rows = rows as u64;
        let row = |path, staged, bytes| FileRow {
            path,
            partition,
            staged,
            worker: writer.worker as u64,
            number,
            rows,
            bytes,
        };
        match (output.destination.take(), &sink.place) {
            (Some(Destination::Disk { mut file, path }), _) => {
                file.flush().map_err(WriteError::io("write", &path))?;
                file.get_ref().sync_all().map_err(WriteError::io("write", &path))?;
                let bytes = file.get_ref().metadata().map_err(WriteError::io("read", &path))?.len();
                Ok(row(path.to_string_lossy().into_owned(), String::new(), bytes))
            },
            (Some(Destination::Store(file)), Place::Store(target)) => {
                let (path, staged, bytes) = target.finish(sink, *file, writer, number)?;
                Ok(row(path, staged, bytes))
            },
            _ => {
                let source = OperatorError::message(ErrorKind::Internal, "a file was ended twice");
                Err(WriteError::Encode { path: sink.named.clone(), source })
            },
        }
    }
}

/// How far the file is, as its encoder writes it.
struct Output {
    /// `None` when the file has ended.
    destination: RefCell<Option<Destination>>,
    bytes: Cell<u64>,
    /// Why more was refused. Formats may hide that behind errors of their own.
    refused: Cell<Option<Refusal>>,
}

enum Destination {
    Disk { file: BufWriter<File>, path: PathBuf },
    Store(Box<StagedFile>),
}

enum Refusal {
    Disk(io::Error),
    Store(StoreError),
}

impl Output {
    /// Why the encoder of `sink` failed.
    fn failure(&self, sink: &FileSink, source: OperatorError) -> WriteError {
        let path = sink.named.clone();
        match self.refused.take() {
            Some(Refusal::Disk(source)) => WriteError::Io { action: "write", path, source },
            Some(Refusal::Store(source)) => WriteError::Store(source),
            None => WriteError::Encode { path, source },
        }
    }

    fn note<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| {
            let copy = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.refused.set(Some(Refusal::Disk(copy)));
        })
    }
}

/// What an encoder writes to.
struct Shared(Rc<Output>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let output = &self.0;
        let written = match &mut *output.destination.borrow_mut() {
            Some(Destination::Disk { file, .. }) => output.note(file.write(bytes))?,
            Some(Destination::Store(file)) => match file.append(bytes) {
                Ok(()) => bytes.len(),
                Err(error) => {
                    output.refused.set(Some(Refusal::Store(error.clone())));
                    return Err(error.into());
                },
            },
            None => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        output.bytes.set(output.bytes.get() + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut *self.0.destination.borrow_mut() {
            Some(Destination::Disk { file, .. }) => self.0.note(file.flush()),
            _ => Ok(()),
        }
    }
}
