//! From a location to the files behind it.

use std::sync::Arc;
use std::vec::IntoIter;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::ObjectMeta;
use object_store::path::Path as ObjectPath;

use super::entry::FileEntry;
use super::error::{StoreError, StoreErrorKind};
use super::glob::{Glob, is_glob};
use super::local;
use super::location::{Location, Scheme};
use super::runtime::{Task, wait};
use super::store::{Remote, Store};

const ACTION: &str = "list";

/// Files that are handed over at once: what stores put into one answer.
const PAGE: usize = 1000;

/// The files behind a location, sorted by name. The next page is fetched while this one is used; dropping the list ends
/// that.
#[derive(Debug)]
pub struct FileList {
    page: IntoIter<FileEntry>,
    next: Option<Task<Result<Page, StoreError>>>,
}

struct Page {
    files: Vec<FileEntry>,
    rest: Option<Pages>,
}

/// A listing that is under way.
struct Pages {
    objects: BoxStream<'static, object_store::Result<ObjectMeta>>,
    remote: Arc<Remote>,
    location: Location,
    selection: Selection,
    order: Order,
}

/// In which order a store lists names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By their bytes.
    Bytes,
    /// Either so or folder by folder, where `/` comes before every other character: Azure does the latter where names
    /// are hierarchical, and does not say which it is.
    BytesOrFolders,
    Unknown,
}

enum Selection {
    /// Everything below a directory, whose name has so many bytes with its `/`.
    Below(usize),
    Matching(Glob),
}

impl FileList {
    pub(super) fn new(store: &Store, location: &Location) -> Result<Self, StoreError> {
        let Some(remote) = &store.remote else { return Self::of(local::list(location)?, location) };
        let key = location.key();
        if remote.scheme() == Scheme::Http {
            return match is_glob(&key) {
                true => Err(StoreError::invalid(ACTION, location, "an HTTP server cannot be searched: name each file")),
                false => Self::of(vec![store.head(location)?], location),
            };
        }
        if !is_glob(&key) && !key.is_empty() && !key.ends_with('/') {
            match store.head(location) {
                Err(error) if error.kind() == StoreErrorKind::NotFound => {},
                file => return Self::of(vec![file?], location),
            }
        }
        let first = Pages::new(remote.clone(), location)?;
        let page = wait(first.next())??;
        // Without a file in it, a page was the last.
        let mut list = Self::of(page.files, location)?;
        list.next = page.rest.map(|rest| Task::start(rest.next())).transpose()?;
        Ok(list)
    }

    fn of(files: Vec<FileEntry>, location: &Location) -> Result<Self, StoreError> {
        match files.is_empty() {
            true => Err(StoreError::new(StoreErrorKind::NotFound, "find a file for", location)),
            false => Ok(Self { page: files.into_iter(), next: None }),
        }
    }
}

impl Iterator for FileList {
    type Item = Result<FileEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(file) = self.page.next() {
                return Some(Ok(file));
            }
            let page = match self.next.take()?.wait() {
                Ok(Ok(page)) => page,
                Ok(Err(error)) | Err(error) => return Some(Err(error)),
            };
            self.page = page.files.into_iter();
            match page.rest.map(|rest| Task::start(rest.next())).transpose() {
                Ok(next) => self.next = next,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Pages {
    fn new(remote: Arc<Remote>, location: &Location) -> Result<Self, StoreError> {
        let key = location.key();
        let directory = remote.path(location, ACTION)?;
        let order = match remote.scheme() {
            // S3 Express.
            Scheme::S3 if remote.bucket().ends_with("--x-s3") => Order::Unknown,
            Scheme::Azure => Order::BytesOrFolders,
            _ => Order::Bytes,
        };
        let store = remote.working()?;
        let wrong = |reason: String| StoreError::invalid(ACTION, location, reason);
        let path = |text: &str| ObjectPath::parse(text).map_err(|error| wrong(error.to_string()));
        let (objects, selection) = match is_glob(&key) {
            false => {
                let below = match directory.as_ref() {
                    "" => 0,
                    name => name.len() + 1,
                };
                (store.list(Some(&directory)), Selection::Below(below))
            },
            true => {
                let glob = Glob::new(&key).map_err(wrong)?;
                let literal = glob.literal_prefix();
                let (directory, start) = literal.rsplit_once('/').unwrap_or(("", literal));
                let directory = path(directory)?;
                // Listings begin *after* a name: after that with a character less, to have the prefix itself.
                let mut after = start.to_owned();
                after.pop();
                let objects = match after.is_empty() {
                    true => store.list(Some(&directory)),
                    false => store.list_with_offset(
                        Some(&directory),
                        &path(&literal[..literal.len() - start.len() + after.len()])?,
                    ),
                };
                (objects, Selection::Matching(glob))
            },
        };
        Ok(Self { objects, remote, location: location.clone(), selection, order })
    }

    /// Reads on until a page is full.
    async fn next(mut self) -> Result<Page, StoreError> {
        let mut files = Vec::new();
        // What is in another order is handed over when all of it is there and sorted.
        let size = if self.order == Order::Bytes { PAGE } else { usize::MAX };
        while files.len() < size {
            let Some(object) = self.objects.next().await else {
                return Ok(Page { files: sorted(files), rest: None });
            };
            let object = object.map_err(|source| StoreError::from_source(ACTION, &self.location, source))?;
            let name = object.location.as_ref();
            if self.selection.is_behind(name, self.order) {
                return Ok(Page { files: sorted(files), rest: None });
            }
            if let Some(below) = self.selection.selects(name) {
                let below_root = name[below..].to_owned();
                let location = self.remote.location(&object.location);
                files.push(FileEntry { below_root, ..FileEntry::from_object(&location, object) });
            }
        }
        Ok(Page { files: sorted(files), rest: Some(self) })
    }
}

/// In most stores the files are in order already, which a sort notices.
fn sorted(mut files: Vec<FileEntry>) -> Vec<FileEntry> {
    files.sort_by(|a, b| a.location.key().cmp(&b.location.key()));
    files
}

impl Selection {
    /// Where the part of the name begins that counts as below the root, if the file is meant.
    fn selects(&self, name: &str) -> Option<usize> {
        match self {
            Self::Below(start) => {
                // What some tools put there for the directory itself has its name.
                let below = name.get(*start..).filter(|below| !below.is_empty())?;
                (!below.split('/').any(is_hidden)).then_some(*start)
            },
            Self::Matching(glob) => {
                let hidden = is_hidden(name.rsplit('/').next().unwrap_or(name));
                (!hidden && glob.matches(name)).then_some(0)
            },
        }
    }

    /// Whether, in a listing of this order, no further name can be meant.
    fn is_behind(&self, name: &str, order: Order) -> bool {
        let Self::Matching(glob) = self else { return false };
        let prefix = glob.literal_prefix();
        let is_behind = name > prefix && !name.starts_with(prefix);
        match order {
            Order::Bytes => is_behind,
            Order::BytesOrFolders => is_behind && by_folders(name).gt(by_folders(prefix)),
            Order::Unknown => false,
        }
    }
}

/// What a name is compared by where folders come before the names that go on after theirs.
fn by_folders(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

/// Names that start with `.` or `_` are bookkeeping of the tools that write data (`_SUCCESS`, `_delta_log`), unless they
/// are the folder of a partition key with such a name.
pub(super) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}
