//! The operator that makes files visible when all of them are complete.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use polars_core::prelude::{InitHashMaps, PlHashMap};
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};

use super::error::WriteError;
use super::options::WriteMode;
use super::report::{FileRow, from_frame, to_frame};
use super::staging::unique;
use super::target::FileSink;
use super::writer::OpenFile;
use super::{hive, rename};

/// Takes what all [`WriteFiles`](super::WriteFiles) have written, on worker 0, and makes it visible, in one step, when its
/// input has ended; then tells where the files are.
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

/// Brings `files` to their target; returns them under their final names.
fn commit(sink: &FileSink, mut files: Vec<FileRow>) -> Result<Vec<FileRow>, WriteError> {
    sink.check_target()?;
    if files.is_empty() {
        if sink.options.mode == WriteMode::Append && sink.target.is_dir() {
            return Ok(files);
        }
        // A file without rows keeps the columns. The writers have numbered theirs from 0, but there are none.
        let partition = hive::null_folder(&sink.options.partition_by);
        files.push(OpenFile::start(sink, 0, 0)?.finish(sink, 0, partition)?);
    }
    files.sort_by_key(|file| (file.worker, file.number));
    if sink.is_single_file() {
        commit_file(sink, &mut files)?;
    } else {
        let below = arrange(sink, &mut files)?;
        let folder = commit_directory(sink)?;
        for (file, below) in files.iter_mut().zip(below) {
            file.path = sink.named.join(&folder).join(below).to_string_lossy().into_owned();
        }
    }
    if let Some(parent) = sink.target.parent() {
        rename::sync_directory(parent).map_err(WriteError::io("write", parent))?;
    }
    sink.clean();
    Ok(files)
}

fn commit_file(sink: &FileSink, files: &mut [FileRow]) -> Result<(), WriteError> {
    let [file] = files else { return Ok(()) };
    let staged = Path::new(&file.path);
    let renamed = match sink.options.mode {
        WriteMode::Overwrite => fs::rename(staged, &sink.target),
        _ => rename::file(staged, &sink.target),
    };
    renamed.map_err(|error| taken_or(sink, error))?;
    file.path = sink.named.to_string_lossy().into_owned();
    Ok(())
}

/// Brings all files into one folder, under the names that they will have in it, which are returned. Their order is that
/// of the workers, which is that of the stream if it has one.
fn arrange(sink: &FileSink, files: &mut [FileRow]) -> Result<Vec<PathBuf>, WriteError> {
    let result = sink.staged(|staging| staging.result())?;
    fs::create_dir(&result).map_err(WriteError::io("create the folder", &result))?;
    let mut folders = BTreeSet::from([result.clone()]);
    let mut numbers: PlHashMap<&str, usize> = PlHashMap::new();
    let mut names = Vec::with_capacity(files.len());
    for file in files.iter() {
        let number = numbers.entry(&file.partition).or_default();
        let name = format!("part-{number:05}.{}", sink.format.extension());
        *number += 1;
        let folder = result.join(&file.partition);
        if folders.insert(folder.clone()) {
            fs::create_dir_all(&folder).map_err(WriteError::io("create the folder", &folder))?;
            folders.extend(folder.ancestors().take_while(|above| *above != result).map(Path::to_owned));
        }
        let path = folder.join(&name);
        fs::rename(&file.path, &path).map_err(WriteError::io("rename", Path::new(&file.path)))?;
        names.push(Path::new(&file.partition).join(name));
    }
    for folder in &folders {
        rename::sync_directory(folder).map_err(WriteError::io("write", folder))?;
    }
    Ok(names)
}

/// Makes the folder of all files visible; returns where it is below the target.
fn commit_directory(sink: &FileSink) -> Result<PathBuf, WriteError> {
    let (result, replaced) = sink.staged(|staging| (staging.result(), staging.replaced()))?;
    let target = &sink.target;
    match rename::directory(&result, target) {
        Ok(()) => return Ok(PathBuf::new()),
        Err(error) if sink.options.mode == WriteMode::ErrorIfExists || !rename::is_taken(&error) => {
            return Err(taken_or(sink, error));
        },
        Err(_) => sink.check_target()?,
    }
    if sink.options.mode == WriteMode::Append {
        // Behind the first files in the order of names, and behind what was appended before.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let folder = PathBuf::from(format!("part-append-{now:020}-{}", unique()));
        fs::rename(&result, target.join(&folder)).map_err(WriteError::io("write to", target))?;
        rename::sync_directory(target).map_err(WriteError::io("write", target))?;
        return Ok(folder);
    }
    match rename::exchange(&result, target) {
        Ok(()) => {},
        Err(error) if rename::cannot_exchange(&error) => {
            // For a moment there is nothing. The next write repairs what a kill in this moment leaves.
            fs::rename(target, &replaced).map_err(WriteError::io("replace", target))?;
            if let Err(error) = fs::rename(&result, target) {
                drop(fs::rename(&replaced, target));
                return Err(taken_or(sink, error));
            }
        },
        Err(error) => return Err(taken_or(sink, error)),
    }
    Ok(PathBuf::new())
}

fn taken_or(sink: &FileSink, error: std::io::Error) -> WriteError {
    if sink.options.mode == WriteMode::ErrorIfExists && rename::is_taken(&error) {
        return WriteError::Exists { path: sink.named.clone() };
    }
    WriteError::Io { action: "write", path: sink.named.clone(), source: error }
}
