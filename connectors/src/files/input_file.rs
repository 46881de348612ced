//! A file of a table, on a local disk or in a store.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::store::{FileEntry, Location, RangeReader, Store, StoreError, StreamReader};

/// A file that was found, and what it is read through. Files of stores are read at the version that was found; a local file
/// as it is when it is opened.
#[derive(Clone, Debug)]
pub(crate) struct InputFile {
    entry: FileEntry,
    store: Store,
    stored: Arc<Mutex<Stored>>,
}

/// What the readers of a file in a store share.
#[derive(Debug, Default)]
struct Stored {
    /// The first reader, if the listing named no version: all others read the version that it found.
    reader: Option<Box<RangeReader>>,
    /// All bytes of a small file, while it is read.
    whole: Option<Bytes>,
    is_streamed: bool,
}

impl InputFile {
    pub(crate) fn new(entry: FileEntry, store: Store) -> Self {
        Self { entry, store, stored: Arc::default() }
    }

    /// Bytes of the file, as it lies in its place.
    pub(crate) fn size(&self) -> u64 {
        self.entry.size
    }

    pub(crate) fn location(&self) -> &Location {
        &self.entry.location
    }

    /// Its path, or its address in the form of one: what messages and columns of paths name.
    pub(crate) fn path(&self) -> PathBuf {
        self.entry.location.to_path()
    }

    /// The path of a file on a local disk; `None` if it is in a store.
    pub(crate) fn local_path(&self) -> Option<&Path> {
        self.entry.location.as_path()
    }

    /// The part of its path below the directory that the user named; the whole path for a file or a glob.
    pub(crate) fn below_root(&self) -> &Path {
        Path::new(&self.entry.below_root)
    }

    /// Reads ranges of its bytes.
    ///
    /// # Errors
    /// A local file that cannot be opened.
    pub(crate) fn ranges(&self) -> Result<RangeReader, StoreError> {
        let mut stored = self.stored.lock();
        if let Some(another) = stored.reader.as_ref().and_then(|reader| reader.another()) {
            return Ok(another);
        }
        let reader = self.store.reader(&self.entry)?;
        if self.entry.etag.is_none() {
            stored.reader = reader.another().map(Box::new);
        }
        Ok(reader)
    }

    /// Reads it from front to back.
    ///
    /// # Errors
    /// A local file that cannot be opened.
    pub(crate) fn stream(&self) -> Result<StreamReader, StoreError> {
        Ok(StreamReader::new(self.ranges()?))
    }

    /// Keeps all bytes of a file of a store, so that nothing of it is asked for again, or gives them up.
    pub(crate) fn keep(&self, whole: Option<Bytes>) {
        self.stored.lock().whole = whole;
    }

    /// Whether it only comes from front to back, from a web server that knows no ranges.
    pub(crate) fn is_streamed(&self) -> bool {
        self.stored.lock().is_streamed
    }

    pub(super) fn set_streamed(&self) {
        self.stored.lock().is_streamed = true;
    }

    /// All its bytes, if they are kept.
    pub(super) fn whole(&self) -> Option<Bytes> {
        self.stored.lock().whole.clone()
    }

    /// Two numbers that tell this file, as it was found, from all others: by the version that its store names, or by when a
    /// local file was written. `None` if that is not known.
    pub(crate) fn identity(&self) -> Option<[u64; 2]> {
        let is_local = self.local_path().is_some();
        let tag = self.entry.etag.as_ref().filter(|tag| !tag.is_empty() && !is_local);
        let written = self.entry.modified.filter(|_| is_local);
        if tag.is_none() && written.is_none() {
            return None;
        }
        Some([0_u64, 1].map(|seed| {
            let mut hasher = std::hash::DefaultHasher::new();
            (seed, &self.entry.location, tag, written, self.entry.size).hash(&mut hasher);
            self.store.hash_options(&mut hasher);
            hasher.finish()
        }))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
impl InputFile {
    /// A local file of which only the name matters.
    pub(crate) fn named(path: &str) -> Self {
        let location = Location::from(Path::new(path));
        let entry =
            FileEntry { location: location.clone(), size: 0, etag: None, modified: None, below_root: path.to_owned() };
        let store = Store::open(&location, &Default::default()).unwrap();
        Self::new(entry, store)
    }
}
