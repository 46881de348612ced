//! The handle to a store.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, OnceLock};

use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, RetryConfig};
use parking_lot::Mutex;

use super::connect::{Client, READING_SILENCE, WORKING_SILENCE, connect};
use super::creation::Creation;
use super::entry::FileEntry;
use super::error::StoreError;
use super::fetch::{RemoteFile, head};
use super::list::FileList;
use super::local;
use super::location::{Location, Place, Scheme};
use super::options::StoreOptions;
use super::range_reader::RangeReader;
use super::retry::Retry;
use super::runtime::{THREADS, Task, thread_index, wait};
use super::staged::{StageOptions, Staged, StagedFile};
use super::stream_reader::StreamReader;

/// A bucket, a server, or the local file system. Cheap to clone; connections and credentials are shared by all handles
/// of the same scheme, bucket and options in the process.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) remote: Option<Arc<Remote>>,
}

/// What the handles of one store share.
pub(super) struct Remote {
    scheme: Scheme,
    root: String,
    query: Option<String>,
    options: StoreOptions,
    pub(super) retry: Retry,
    /// Send every request once: a reader counts its attempts, and goes on where an answer broke off. One for each thread
    /// that sends requests, so that no connection is shared by two.
    reading: [OnceLock<Arc<dyn ObjectStore>>; THREADS],
    /// Sends requests again by itself: writing and listing have state that only `object_store` knows.
    working: OnceLock<Client>,
    /// Completes uploads that must not replace anything.
    pub(super) creation: OnceLock<Creation>,
}

type Key = (String, Option<String>, StoreOptions);

/// Stores that were opened. More than the limit are kept only while they are in use.
static OPEN: LazyLock<Mutex<HashMap<Key, Arc<Remote>>>> = LazyLock::new(Mutex::default);
const KEPT_OPEN: usize = 64;

/// Deletions under way at once.
const SIDE_BY_SIDE: usize = 32;

impl Store {
    /// The store of a location. Nothing is sent yet, and no local file is touched. The environment and profile files are
    /// read when the first handle of its kind is opened.
    ///
    /// # Errors
    ///
    /// An option that the store does not know, credentials that are not complete, a profile that does not exist.
    pub fn open(location: &Location, options: &StoreOptions) -> Result<Self, StoreError> {
        let Place::Remote { scheme, root, query, .. } = &location.place else {
            return Ok(Self { remote: None });
        };
        let options = match scheme {
            // A store in memory is one, whatever its users ask for.
            Scheme::Memory => &StoreOptions::default(),
            _ => options,
        };
        let key = (root.clone(), query.clone(), options.clone());
        let mut open = OPEN.lock();
        if let Some(remote) = open.get(&key) {
            return Ok(Self { remote: Some(remote.clone()) });
        }
        let retry = Retry::from_options(options).map_err(|reason| StoreError::invalid("connect to", root, reason))?;
        let mut remote = Remote {
            scheme: *scheme,
            root: root.clone(),
            query: query.clone(),
            options: options.clone(),
            retry,
            reading: Default::default(),
            working: OnceLock::new(),
            creation: OnceLock::new(),
        };
        // What is wrong with the options is said now.
        let client = remote.connect_for_reading()?;
        match scheme {
            Scheme::Memory => {
                remote.reading = std::array::from_fn(|_| OnceLock::from(client.objects.clone()));
                remote.working = OnceLock::from(client);
            },
            _ => remote.reading[0] = OnceLock::from(client.objects),
        }
        let remote = Arc::new(remote);
        if open.len() >= KEPT_OPEN {
            open.retain(|_, remote| remote.scheme == Scheme::Memory || Arc::strong_count(remote) > 1);
        }
        open.insert(key, remote.clone());
        Ok(Self { remote: Some(remote) })
    }

    /// Adds to a hash what the store was opened with: two stores may give one bucket different meanings.
    pub(crate) fn hash_options(&self, hasher: &mut impl Hasher) {
        self.remote.as_ref().map(|remote| &remote.options).hash(hasher);
    }

    /// Lists what a location names: a glob (`*` and `?` inside a name, `**` over names, `[ab]`, `[!ab]`, `{a,b}`), a
    /// directory at every depth, or one file. Sorted by name. Names that start with `.` or `_` are left out, unless they
    /// are folders of a partition key (`_p=1`); so is what is no file. Pages arrive as they are read.
    ///
    /// # Errors
    ///
    /// A wrong glob; that nothing was found ([`StoreErrorKind::NotFound`](super::StoreErrorKind)); an HTTP server has
    /// no listing: there a location is one file.
    pub fn list(&self, location: &Location) -> Result<FileList, StoreError> {
        FileList::new(self, location)
    }

    /// Looks one file up.
    ///
    /// # Errors
    ///
    /// There is no such file, or it may not be read.
    pub fn head(&self, location: &Location) -> Result<FileEntry, StoreError> {
        match &self.remote {
            None => local::head(location),
            Some(remote) => {
                let (remote, location) = (remote.clone(), location.clone());
                wait(async move { head(&remote, &location).await })?
            },
        }
    }

    /// Opens a file for reading ranges of bytes. Only a local file is touched already.
    ///
    /// # Errors
    ///
    /// A local file that cannot be opened, or that is no longer the one that was listed.
    pub fn reader(&self, file: &FileEntry) -> Result<RangeReader, StoreError> {
        match &self.remote {
            None => RangeReader::local(file),
            Some(remote) => Ok(RangeReader::remote(RemoteFile::new(remote.clone(), file)?)),
        }
    }

    /// Opens a file for reading it from front to back.
    ///
    /// # Errors
    ///
    /// Those of [`Store::reader`].
    pub fn stream(&self, file: &FileEntry) -> Result<StreamReader, StoreError> {
        Ok(StreamReader::new(self.reader(file)?))
    }

    /// Starts to write a file that appears when it is committed.
    ///
    /// # Errors
    ///
    /// A local directory that cannot be written to; an HTTP server cannot be written to.
    pub fn stage(&self, location: &Location, options: StageOptions) -> Result<StagedFile, StoreError> {
        StagedFile::new(self, location, options)
    }

    /// Takes over what a process has staged at `location` and [handed over](Staged::hand_over).
    ///
    /// # Errors
    ///
    /// A text that is none of `hand_over`; a store that is not shared by processes.
    pub fn take_over(&self, location: &Location, options: StageOptions, text: &str) -> Result<Staged, StoreError> {
        Staged::take_over(self, location, options, text)
    }

    /// Deletes files, side by side, and returns those that could not be deleted. One that does not exist is no error.
    pub fn delete_all(&self, locations: &[Location]) -> Vec<(Location, StoreError)> {
        let deleted = locations.chunks(SIDE_BY_SIDE).flat_map(|locations| {
            let running: Vec<_> = locations.iter().map(|location| self.start_delete(location)).collect();
            locations.iter().zip(running).map(|(location, running)| match running {
                Ok(Some(task)) => (location, task.wait().and_then(|outcome| outcome)),
                Ok(None) => (location, Ok(())),
                Err(error) => (location, Err(error)),
            })
        });
        deleted.filter_map(|(location, outcome)| Some((location.clone(), outcome.err()?))).collect()
    }

    /// A local file is deleted at once.
    fn start_delete(&self, location: &Location) -> Result<Option<Task<Result<(), StoreError>>>, StoreError> {
        let Some(remote) = &self.remote else { return local::delete(location).map(|()| None) };
        let (store, path) = (remote.working()?.clone(), remote.path(location, "delete")?);
        let location = location.clone();
        let task = Task::start(async move {
            match store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(source) => Err(StoreError::from_source("delete", location, source)),
            }
        });
        task.map(Some)
    }

    /// Deletes a file. One that does not exist is no error.
    ///
    /// # Errors
    ///
    /// The store refused.
    pub fn delete(&self, location: &Location) -> Result<(), StoreError> {
        self.start_delete(location)?.map_or(Ok(()), |task| task.wait()?)
    }
}

impl Remote {
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn connect_for_reading(&self) -> Result<Client, StoreError> {
        let once = RetryConfig { max_retries: 0, ..self.retry.config() };
        connect(self.scheme, &self.root, self.query.as_deref(), &self.options, once, READING_SILENCE)
    }

    /// What requests for bytes are sent through on this thread.
    pub(super) fn reading(&self) -> Result<&Arc<dyn ObjectStore>, StoreError> {
        let client = &self.reading[thread_index() % THREADS];
        match client.get() {
            Some(client) => Ok(client),
            None => {
                let connected = self.connect_for_reading()?.objects;
                Ok(client.get_or_init(|| connected))
            },
        }
    }

    pub(super) fn working(&self) -> Result<&Arc<dyn ObjectStore>, StoreError> {
        Ok(&self.client()?.objects)
    }

    /// As [`Remote::working`], with what takes objects in parts.
    pub(super) fn client(&self) -> Result<&Client, StoreError> {
        if let Some(client) = self.working.get() {
            return Ok(client);
        }
        let (query, retry) = (self.query.as_deref(), self.retry.config());
        let client = connect(self.scheme, &self.root, query, &self.options, retry, WORKING_SILENCE)?;
        Ok(self.working.get_or_init(|| client))
    }

    pub(super) fn creation(&self) -> Result<&Creation, StoreError> {
        if let Some(creation) = self.creation.get() {
            return Ok(creation);
        }
        let creation = Creation::connect(self.scheme, &self.root, &self.options, &self.retry)?;
        Ok(self.creation.get_or_init(|| creation))
    }

    pub(super) fn bucket(&self) -> &str {
        self.root.split_once("://").map_or("", |(_, bucket)| bucket)
    }

    /// The path of a location, which must belong to this store.
    pub(super) fn path(&self, location: &Location, action: &'static str) -> Result<ObjectPath, StoreError> {
        match &location.place {
            Place::Remote { root, query, .. } if *root == self.root && *query == self.query => location.object_path(),
            _ => Err(StoreError::invalid(action, location, "it belongs to another store than the one that was opened")),
        }
    }

    /// The location of a key in this store.
    pub(super) fn location(&self, path: &ObjectPath) -> Location {
        let place = Place::Remote {
            scheme: self.scheme,
            root: self.root.clone(),
            key: path.as_ref().to_owned(),
            query: self.query.clone(),
        };
        Location { place }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("root", &self.root).field("options", &self.options).finish_non_exhaustive()
    }
}
