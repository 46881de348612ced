//! Files in stores: uploaded under their final names, which nobody sees before worker 0 has all uploads completed.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::error::WriteError;
use super::file::Writer;
use super::options::{FileOptions, WriteMode};
use super::report::FileRow;
use super::staging::unique;
use super::target::FileSink;
use crate::store::{Location, StageOptions, Staged, StagedFile, Store, StoreError, StoreErrorKind, commit_all};

/// An object, or all objects below a name.
pub(super) struct StoreTarget {
    store: Store,
    location: Location,
    /// In the names of all files of this run in this process, and of no others.
    run: String,
    /// Nanoseconds, in digits that sort.
    started: String,
    /// Complete files of this process, by worker and number. Their end takes them back.
    staged: Mutex<HashMap<(u64, u64), Staged>>,
}

impl StoreTarget {
    pub(super) fn new(location: Location, options: &FileOptions) -> Result<Self, WriteError> {
        let store = Store::open(&location, &options.store_options)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let (run, started) = (unique(), format!("{now:020}"));
        // Nothing is sent; what cannot be written to at all says so.
        drop(store.stage(&location.join(&run), StageOptions::default())?);
        Ok(Self { store, location, run, started, staged: Mutex::default() })
    }

    /// Looks whether something is in the way.
    pub(super) fn check(&self, sink: &FileSink) -> Result<(), WriteError> {
        if sink.options.mode != WriteMode::ErrorIfExists {
            return Ok(());
        }
        let is_taken = match sink.is_single_file() {
            true => match self.store.head(&self.location) {
                Ok(_) => true,
                Err(error) if error.kind() == StoreErrorKind::NotFound => false,
                Err(error) => return Err(error.into()),
            },
            false => self.has_files()?,
        };
        if is_taken { Err(WriteError::Exists { path: sink.named.clone() }) } else { Ok(()) }
    }

    /// Starts the `number`-th file of a worker.
    pub(super) fn start(
        &self,
        sink: &FileSink,
        worker: usize,
        number: u64,
        partition: &str,
    ) -> Result<StagedFile, WriteError> {
        let location = match sink.is_single_file() {
            true => self.location.clone(),
            false => self.location.join(&self.name(sink, worker, number, partition)),
        };
        Ok(self.store.stage(&location, self.stage_options(sink))?)
    }

    /// The name of a file below the target. Other runs have other names, so that none replaces a file of another.
    fn name(&self, sink: &FileSink, worker: usize, number: u64, partition: &str) -> String {
        let (run, started, extension) = (&self.run, &self.started, sink.format.extension());
        let folder = if partition.is_empty() { String::new() } else { format!("{partition}/") };
        match sink.options.mode {
            WriteMode::Append => {
                format!("part-append-{started}-{run}/{folder}part-{worker:05}-{number:05}.{extension}")
            },
            _ => format!("{folder}part-{worker:05}-{number:05}-{run}.{extension}"),
        }
    }

    fn stage_options(&self, sink: &FileSink) -> StageOptions {
        // Nobody else has the names of files below the target: nothing that is asked for each of them.
        let replace = !sink.is_single_file() || sink.options.mode == WriteMode::Overwrite;
        StageOptions { replace, durable: true }
    }

    /// Ends a file; returns its address, what another process needs to commit it, and its bytes.
    pub(super) fn finish(
        &self,
        sink: &FileSink,
        file: StagedFile,
        writer: Writer,
        number: u64,
    ) -> Result<(String, String, u64), WriteError> {
        let mut staged = file.finish()?;
        if !sink.is_single_file() {
            // There may be many.
            staged.send()?;
        }
        let text = if writer.is_remote { staged.hand_over()? } else { String::new() };
        let (path, bytes) = (staged.location().to_string(), staged.size());
        self.staged.lock().insert((writer.worker as u64, number), staged);
        Ok((path, text, bytes))
    }

    /// Whether there is nothing to do if there are no rows.
    pub(super) fn is_satisfied_without_rows(&self, sink: &FileSink) -> Result<bool, WriteError> {
        Ok(sink.options.mode == WriteMode::Append && self.has_files()?)
    }

    /// Makes `files` visible, side by side; then deletes those that they replace.
    pub(super) fn commit(&self, sink: &FileSink, files: &mut [FileRow]) -> Result<(), WriteError> {
        let replaces_all = sink.options.mode == WriteMode::Overwrite && !sink.is_single_file();
        let old = if replaces_all { self.files()? } else { Vec::new() };
        let mut staged = Vec::with_capacity(files.len());
        for file in files.iter() {
            let known = self.staged.lock().remove(&(file.worker, file.number));
            staged.push(match known {
                Some(staged) => staged,
                None => {
                    let location = Location::parse(&file.path)?;
                    self.store.take_over(&location, self.stage_options(sink), &file.staged)?
                },
            });
        }
        let written: Vec<(Location, u64)> =
            staged.iter().map(|staged| (staged.location().clone(), staged.size())).collect();
        let committed = commit_all(&self.store, staged);
        if sink.is_single_file() {
            return committed.map_err(|source| self.why_not(sink, &written, source));
        }
        let new: Vec<Location> = written.into_iter().map(|(location, _)| location).collect();
        committed.map_err(|source| {
            let visible = self.take_back(&new);
            WriteError::Commit { path: sink.named.clone(), visible, source: Box::new(source) }
        })?;
        let others = match self.others(sink, &new, &old) {
            Ok(others) => others,
            Err(source) if sink.options.mode == WriteMode::Overwrite => {
                let old = old.iter().map(Location::to_string).collect();
                return Err(WriteError::Replace { path: sink.named.clone(), old, source: Box::new(source) });
            },
            Err(source) => {
                let visible = self.take_back(&new);
                return Err(WriteError::Commit { path: sink.named.clone(), visible, source: Box::new(source) });
            },
        };
        if sink.options.mode == WriteMode::ErrorIfExists && !others.is_empty() {
            let path = sink.named.clone();
            let taken_back = self.take_back(&new).is_empty();
            return Err(if taken_back { WriteError::Exists { path } } else { WriteError::Mixed { path, others } });
        }
        let mut failed = self.store.delete_all(&old).into_iter();
        if let Some((first, source)) = failed.next() {
            let old = std::iter::once(first).chain(failed.map(|(location, _)| location));
            let old = old.map(|location| location.to_string()).collect();
            return Err(WriteError::Replace { path: sink.named.clone(), old, source: Box::new(source) });
        }
        if others.is_empty() { Ok(()) } else { Err(WriteError::Mixed { path: sink.named.clone(), others }) }
    }

    /// Why a single file was not committed. A request whose answer was lost may have been carried out.
    fn why_not(&self, sink: &FileSink, written: &[(Location, u64)], source: StoreError) -> WriteError {
        let path = sink.named.clone();
        if source.kind() == StoreErrorKind::AlreadyExists {
            return WriteError::Exists { path };
        }
        let source = Box::new(source);
        let is_there = |(location, size): &(Location, u64)| match self.store.head(location) {
            Ok(found) => *size == found.size,
            Err(error) => error.kind() != StoreErrorKind::NotFound,
        };
        match written.iter().any(is_there) {
            true => WriteError::Unclear { path, source },
            false => WriteError::Commit { path, visible: Vec::new(), source },
        }
    }

    /// Deletes what a failed commit has made visible; returns what is visible nevertheless.
    fn take_back(&self, files: &[Location]) -> Vec<String> {
        let left = self.store.delete_all(files).into_iter().map(|(location, _)| location);
        let is_visible = |location: &Location| match self.store.head(location) {
            Ok(_) => true,
            Err(error) => error.kind() != StoreErrorKind::NotFound,
        };
        left.filter(is_visible).map(|location| location.to_string()).collect()
    }

    /// Files below the target that are neither new nor old: those of a query that writes at the same time. Of two such
    /// queries, each of which looks when all its files are there, at least one sees the other's.
    fn others(&self, sink: &FileSink, new: &[Location], old: &[Location]) -> Result<Vec<String>, StoreError> {
        if sink.options.mode == WriteMode::Append {
            return Ok(Vec::new());
        }
        let known: HashSet<String> = new.iter().chain(old).map(ToString::to_string).collect();
        let files = self.files()?.into_iter().map(|location| location.to_string());
        Ok(files.filter(|file| !known.contains(file)).collect())
    }

    fn has_files(&self) -> Result<bool, WriteError> {
        match self.store.list(&self.location.join("")) {
            Ok(mut files) => Ok(files.next().transpose()?.is_some()),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// All files below the target.
    fn files(&self) -> Result<Vec<Location>, StoreError> {
        match self.store.list(&self.location.join("")) {
            Ok(files) => files.map(|file| Ok(file?.location)).collect(),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
