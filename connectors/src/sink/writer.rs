//! The operator that writes files into the staging folder.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{InitHashMaps, PlHashMap};
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};

use super::error::WriteError;
use super::file::{OpenFile, Writer};
use super::hive;
use super::report::{FileRow, to_frame};
use super::target::FileSink;

/// Files that a worker has open at a time: a process may have some 1,000.
const MOST_OPEN: usize = 64;
/// The same in a store, where up to 8 MiB of each are in memory.
const MOST_OPEN_IN_STORE: usize = 16;
/// Rows that the files of a worker may hold back together, in bytes.
const MOST_HELD: usize = 256 << 20;
/// Rows after which the size of a file is looked at, if it has a bound.
const PIECE: usize = 4096;

/// Writes its input to files in a staging folder, each worker to its own, and tells in the end which files it wrote, with
/// the columns of [`report_schema`](super::report_schema).
///
/// State: what the format holds back of each open file, such as the rows of a row group. With partitions there are up to
/// 64 open files (16 in a store), which together hold back up to 256 MB: then the one with most is flushed. Of a file in a store, parts that
/// are under way come on top.
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
        let (sink, writer) = (self.0.clone(), Writer::of(context));
        Ok(Box::new(WriterChannel { sink, writer, open: PlHashMap::new(), next: 0, written: Vec::new() }))
    }
}

struct WriterChannel {
    sink: Arc<FileSink>,
    writer: Writer,
    /// By partition.
    open: PlHashMap<String, OpenFile>,
    /// Number of the next file.
    next: u64,
    written: Vec<FileRow>,
}

impl Operator for WriterChannel {
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
        for (_, file) in open {
            self.written.push(file.finish(&self.sink)?);
        }
        output.push(to_frame(&std::mem::take(&mut self.written))?);
        Ok(Progress::Done)
    }

    fn state_bytes(&self) -> usize {
        self.open.values().map(|file| file.held_bytes()).sum()
    }
}

impl WriterChannel {
    fn write(&mut self, partition: String, mut rows: DataFrame) -> Result<(), WriteError> {
        let most_rows = self.sink.options.rows_per_file.unwrap_or(usize::MAX);
        let most_bytes = self.sink.options.bytes_per_file.unwrap_or(u64::MAX);
        let piece = if most_bytes == u64::MAX { usize::MAX } else { PIECE };
        while rows.height() > 0 {
            if !self.open.contains_key(&partition) {
                self.make_room()?;
                let file = OpenFile::start(&self.sink, self.writer, self.next, partition.clone())?;
                self.next += 1;
                self.open.insert(partition.clone(), file);
            }
            let Some(file) = self.open.get_mut(&partition) else { return Ok(()) };
            let taken = rows.height().min(most_rows - file.rows).min(piece);
            file.append(&self.sink, rows.slice(0, taken))?;
            if file.rows >= most_rows || file.written_bytes() >= most_bytes {
                self.close(&partition)?;
            }
            rows = rows.slice(taken as i64, usize::MAX);
        }
        self.limit_held()
    }

    fn close(&mut self, partition: &str) -> Result<(), WriteError> {
        if let Some(file) = self.open.remove(partition) {
            self.written.push(file.finish(&self.sink)?);
        }
        Ok(())
    }

    /// Closes the file with most rows if too many are open: those of the others are still too few for a file.
    fn make_room(&mut self) -> Result<(), WriteError> {
        let most = if self.sink.is_in_store() { MOST_OPEN_IN_STORE } else { MOST_OPEN };
        if self.open.len() < most {
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
            let Some(file) = self.open.values_mut().max_by_key(|file| file.held_bytes()) else { break };
            file.flush(&self.sink)?;
        }
        Ok(())
    }
}
