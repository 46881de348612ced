//! Local files, without any runtime: they are found, opened and read by the thread that needs them.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::entry::FileEntry;
use super::error::{StoreError, StoreErrorKind};
use super::glob::{Glob, expand_braces, is_glob};
use super::list::is_hidden;
use super::location::Location;

/// An open local file.
#[derive(Debug)]
pub(super) struct LocalFile {
    file: File,
    location: Location,
}

impl LocalFile {
    pub(super) fn open(entry: &FileEntry) -> Result<Self, StoreError> {
        let location = entry.location.clone();
        let refused = |source: io::Error| StoreError::from_source("open", &location, source);
        let path = local_path(&location, "open")?;
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        // What is replaced later does no harm: the open file stays as it is.
        if metadata.len() != entry.size || (entry.modified.is_some() && entry.modified != metadata.modified().ok()) {
            return Err(StoreError::new(StoreErrorKind::Changed, "open", &location));
        }
        Ok(Self { file, location })
    }

    pub(super) fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        match self.file.read_exact_at(&mut bytes, range.start) {
            Ok(()) => Ok(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(StoreError::new(StoreErrorKind::Changed, "read", &self.location).at(range))
            },
            Err(error) => Err(StoreError::from_source("read", &self.location, error).at(range)),
        }
    }
}

pub(super) fn local_path<'a>(location: &'a Location, action: &'static str) -> Result<&'a Path, StoreError> {
    let other = || StoreError::invalid(action, location, "it belongs to another store than the one that was opened");
    location.as_path().ok_or_else(other)
}

pub(super) fn head(location: &Location) -> Result<FileEntry, StoreError> {
    const ACTION: &str = "look up";
    let path = local_path(location, ACTION)?;
    let metadata = fs::metadata(path).map_err(|source| StoreError::from_source(ACTION, location, source))?;
    match metadata.is_dir() {
        true => Err(StoreError::invalid(ACTION, location, "it is a directory, not a file")),
        false => Ok(entry(path.to_owned(), &metadata, path)),
    }
}

pub(super) fn delete(location: &Location) -> Result<(), StoreError> {
    match fs::remove_file(local_path(location, "delete")?) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::from_source("delete", location, source))
        },
        _ => Ok(()),
    }
}

/// The files behind a path, sorted. What exists is never taken for a glob.
pub(super) fn list(location: &Location) -> Result<Vec<FileEntry>, StoreError> {
    let path = local_path(location, "list")?;
    let mut found = Vec::new();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => walk(path, &mut found)?,
        Ok(metadata) => found.push(entry(path.to_owned(), &metadata, path)),
        Err(source) => match path.to_str().filter(|path| is_glob(path) && source.kind() == io::ErrorKind::NotFound) {
            Some(pattern) => matches(pattern, location, &mut found)?,
            None => return Err(StoreError::from_source("list", location, source)),
        },
    }
    // As bytes, in the order of stores; paths compare by their parts.
    found.sort_by(|a, b| a.location.key().cmp(&b.location.key()));
    // Two alternatives of a glob may match one file.
    found.dedup_by(|a, b| a.location == b.location);
    Ok(found)
}

fn walk(root: &Path, found: &mut Vec<FileEntry>) -> Result<(), StoreError> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let refused = |source: io::Error| StoreError::from_source("list", folder.display(), source);
        for item in folder.read_dir().map_err(refused)? {
            let item = item.map_err(refused)?;
            if is_hidden(&item.file_name().to_string_lossy()) {
                continue;
            }
            let path = item.path();
            let refused = |source| StoreError::from_source("read", path.display(), source);
            let metadata = fs::metadata(&path).map_err(refused)?;
            match metadata.is_dir() {
                true => folders.push(path),
                false => {
                    let below = path.strip_prefix(root).unwrap_or(&path).to_owned();
                    found.push(entry(path, &metadata, &below));
                },
            }
        }
    }
    Ok(())
}

fn matches(pattern: &str, location: &Location, found: &mut Vec<FileEntry>) -> Result<(), StoreError> {
    let wrong = |reason| StoreError::invalid("list", location, reason);
    Glob::new(pattern).map_err(wrong)?;
    for pattern in expand_braces(pattern).map_err(wrong)? {
        let paths = glob::glob(&pattern).map_err(|error| wrong(error.msg.to_owned()))?;
        for path in paths {
            let path = path.map_err(|error| {
                let path = error.path().display().to_string();
                StoreError::from_source("list", path, io::Error::from(error))
            })?;
            let hidden = path.file_name().and_then(OsStr::to_str).is_none_or(is_hidden);
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_file() && !hidden {
                let below = path.clone();
                found.push(entry(path, &metadata, &below));
            }
        }
    }
    Ok(())
}

fn entry(path: PathBuf, metadata: &Metadata, below_root: &Path) -> FileEntry {
    FileEntry {
        location: Location::from(path.as_path()),
        size: metadata.len(),
        etag: None,
        modified: metadata.modified().ok(),
        below_root: below_root.to_string_lossy().into_owned(),
    }
}
