//! The operator that makes files visible when all of them are complete.

use std::sync::Arc;

use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};

use super::error::WriteError;
use super::file::{OpenFile, Writer};
use super::hive;
use super::report::{FileRow, from_frame, to_frame};
use super::target::{FileSink, Place};

/// Takes what all [`WriteFiles`](super::WriteFiles) have written, on worker 0, and makes it visible when its input has ended;
/// then tells where the files are.
///
/// Blocks. State: a row a file.
pub struct CommitFiles(Arc<FileSink>);

impl CommitFiles {
    /// Commits what `sink` has written.
    pub fn new(sink: Arc<FileSink>) -> Self {
        Self(sink)
    }
}

impl OperatorFactory for CommitFiles {
    fn describe(&self) -> Description {
        Description::blocks("commit-files")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(Committer { sink: self.0.clone(), worker: context.worker, files: Vec::new() }))
    }
}

struct Committer {
    sink: Arc<FileSink>,
    worker: usize,
    files: Vec<FileRow>,
}

impl Operator for Committer {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        from_frame(&batch.into_frame(), &mut self.files)?;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        if self.worker == 0 {
            let files = commit(&self.sink, std::mem::take(&mut self.files))?;
            output.push(to_frame(&files)?);
        }
        Ok(Progress::Done)
    }
}

/// Makes `files` visible; returns them under their final names.
fn commit(sink: &FileSink, mut files: Vec<FileRow>) -> Result<Vec<FileRow>, WriteError> {
    sink.check_target()?;
    if files.is_empty() {
        let is_done = match &sink.place {
            Place::Local(target) => target.is_satisfied_without_rows(sink),
            Place::Store(target) => target.is_satisfied_without_rows(sink)?,
        };
        if is_done {
            return Ok(files);
        }
        // A file without rows keeps the columns. The writers have numbered theirs from 0, but there are none.
        let partition = hive::null_folder(&sink.options.partition_by);
        files.push(OpenFile::start(sink, Writer::FIRST, 0, partition)?.finish(sink)?);
    }
    files.sort_by_key(|file| (file.worker, file.number));
    match &sink.place {
        Place::Local(target) => target.commit(sink, &mut files)?,
        Place::Store(target) => target.commit(sink, &mut files)?,
    }
    Ok(files)
}
