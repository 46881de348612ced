//! Files on local disks: written in a staging folder, brought to their place by one rename.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use parking_lot::Mutex;
use polars_core::prelude::{InitHashMaps, PlHashMap};

use super::error::WriteError;
use super::options::WriteMode;
use super::rename;
use super::report::FileRow;
use super::staging::{Staging, parent_and_name, unique};
use super::target::FileSink;

/// A file or a directory on a local disk.
pub(super) struct LocalTarget {
    /// Absolute and without symbolic links.
    path: PathBuf,
    staging: Mutex<Option<Staging>>,
}

impl LocalTarget {
    pub(super) fn new(path: &Path) -> Result<Self, WriteError> {
        let absolute = std::path::absolute(path).map_err(WriteError::io("resolve", path))?;
        let path = absolute.canonicalize().unwrap_or(absolute);
        parent_and_name(&path)?;
        Ok(Self { path, staging: Mutex::new(None) })
    }

    /// Looks whether something is in the way.
    pub(super) fn check(&self, sink: &FileSink) -> Result<(), WriteError> {
        let path = sink.named.clone();
        let Ok(found) = fs::metadata(&self.path) else { return Ok(()) };
        match (sink.options.mode, found.is_dir()) {
            (_, true) if sink.is_single_file() => Err(WriteError::IsDirectory { path }),
            (_, false) if !sink.is_single_file() => {
                Err(WriteError::IsFile { path, extension: sink.format.extension() })
            },
            (WriteMode::ErrorIfExists, true) => {
                let mut entries = self.path.read_dir().map_err(WriteError::io("read", &self.path))?;
                if entries.next().is_some() { Err(WriteError::Exists { path }) } else { Ok(()) }
            },
            (WriteMode::ErrorIfExists, false) => Err(WriteError::Exists { path }),
            _ => Ok(()),
        }
    }

    /// Where a worker writes its `number`-th file.
    pub(super) fn staged_file(&self, worker: usize, number: u64) -> Result<PathBuf, WriteError> {
        self.staged(|staging| staging.file(worker, number))
    }

    /// Whether there is nothing to do if there are no rows.
    pub(super) fn is_satisfied_without_rows(&self, sink: &FileSink) -> bool {
        sink.options.mode == WriteMode::Append && self.path.is_dir()
    }

    /// Brings `files` to their place, in one step, and their rows in the report to their final names.
    pub(super) fn commit(&self, sink: &FileSink, files: &mut [FileRow]) -> Result<(), WriteError> {
        if sink.is_single_file() {
            self.commit_file(sink, files)?;
        } else {
            let below = self.arrange(sink, files)?;
            let folder = self.commit_directory(sink)?;
            for (file, below) in files.iter_mut().zip(below) {
                file.path = sink.named.join(&folder).join(below).to_string_lossy().into_owned();
            }
        }
        if let Some(parent) = self.path.parent() {
            rename::sync_directory(parent).map_err(WriteError::io("write", parent))?;
        }
        drop(self.staging.lock().take());
        Ok(())
    }

    /// Does something with the staging folder of this process, which is made if there is none.
    fn staged<T>(&self, with: impl FnOnce(&Staging) -> T) -> Result<T, WriteError> {
        let mut staging = self.staging.lock();
        match &mut *staging {
            Some(staging) => Ok(with(staging)),
            none => Ok(with(none.insert(Staging::create(&self.path)?))),
        }
    }

    fn commit_file(&self, sink: &FileSink, files: &mut [FileRow]) -> Result<(), WriteError> {
        let [file] = files else { return Ok(()) };
        let staged = Path::new(&file.path);
        let renamed = match sink.options.mode {
            WriteMode::Overwrite => fs::rename(staged, &self.path),
            _ => rename::file(staged, &self.path),
        };
        renamed.map_err(|error| taken_or(sink, error))?;
        file.path = sink.named.to_string_lossy().into_owned();
        Ok(())
    }

    /// Brings all files into one folder, under the names that they will have in it, which are returned. Their order is that
    /// of the workers, which is that of the stream if it has one.
    fn arrange(&self, sink: &FileSink, files: &mut [FileRow]) -> Result<Vec<PathBuf>, WriteError> {
        let result = self.staged(|staging| staging.result())?;
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
    fn commit_directory(&self, sink: &FileSink) -> Result<PathBuf, WriteError> {
        let (result, replaced) = self.staged(|staging| (staging.result(), staging.replaced()))?;
        let target = &self.path;
        match rename::directory(&result, target) {
            Ok(()) => return Ok(PathBuf::new()),
            Err(error) if sink.options.mode == WriteMode::ErrorIfExists || !rename::is_taken(&error) => {
                return Err(taken_or(sink, error));
            },
            Err(_) => self.check(sink)?,
        }
        if sink.options.mode == WriteMode::Append {
            // Behind the first files in the order of names, and behind what was appended before.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_nanos());
            let folder = PathBuf::from(format!("part-append-{now:020}-{}", unique()));
            fs::rename(&result, target.join(&folder)).map_err(WriteError::io("write to", target))?;
            rename::sync_directory(target).map_err(WriteError::io("write", target))?;
            return Ok(folder);
        }
        let exchanged = rename::exchange(&result, target);
        let exchanged = match exchanged {
            Err(error) if rename::cannot_exchange(&error) => rename::replace(&result, target, &replaced),
            exchanged => exchanged,
        };
        exchanged.map_err(|error| taken_or(sink, error))?;
        Ok(PathBuf::new())
    }
}

fn taken_or(sink: &FileSink, error: std::io::Error) -> WriteError {
    if sink.options.mode == WriteMode::ErrorIfExists && rename::is_taken(&error) {
        return WriteError::Exists { path: sink.named.clone() };
    }
    WriteError::Io { action: "write", path: sink.named.clone(), source: error }
}
