//! One range of one object: sent again and continued until it is complete.

use std::error::Error;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore};

use super::entry::{FileEntry, is_folder};
use super::error::{Reason, StoreError, StoreErrorKind, classify};
use super::location::{Location, Scheme};
use super::runtime::REQUESTS;
use super::store::Remote;

/// Bytes behind those of a range for which there is memory, so that a reader of text can pad it in its place.
const SPARE: usize = 64;

/// A file of a store, at the version that was seen.
#[derive(Debug)]
pub(super) struct RemoteFile {
    remote: Arc<Remote>,
    path: ObjectPath,
    pub(super) entry: FileEntry,
    /// The tag of the version that is read: the listing's, or that of the first answer.
    tag: OnceLock<String>,
}

impl RemoteFile {
    pub(super) fn new(remote: Arc<Remote>, entry: &FileEntry) -> Result<Self, StoreError> {
        let path = remote.path(&entry.location, "read")?;
        let tag = entry.etag.clone().map_or(OnceLock::new(), OnceLock::from);
        Ok(Self { remote, path, entry: entry.clone(), tag })
    }

    /// Fetches a range. A request that fails for a passing reason is sent again for the bytes that are missing.
    pub(super) async fn fetch(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let retry = self.remote.retry;
        let failed = |kind| StoreError::new(kind, "read", &self.entry.location).at(range.clone());
        // Only a closed semaphore refuses, and this one is never closed.
        let _open = REQUESTS.acquire().await;
        let store = self.remote.reading()?;
        let start = Instant::now();
        let mut bytes = Vec::with_capacity((range.end - range.start) as usize + SPARE);
        let mut attempt = 0;
        loop {
            let missing = range.start + bytes.len() as u64..range.end;
            attempt += 1;
            let (again, error) = match self.read_into(store, missing.clone(), &mut bytes).await {
                Ok(()) => return Ok(bytes.into()),
                Err(Failure::Changed) => return Err(failed(StoreErrorKind::Changed).after(attempt)),
                Err(Failure::Short) => {
                    let reason = Reason("the answer ended early".into());
                    (true, failed(StoreErrorKind::Other).because(reason))
                },
                Err(Failure::Store(source)) => {
                    let (kind, again) = classify(&source);
                    (again, failed(kind).because(source))
                },
            };
            if !again || attempt > retry.retries || start.elapsed() >= retry.timeout {
                return Err(error.after(attempt));
            }
            again_after(attempt, &error);
            tokio::time::sleep(retry.wait(attempt - 1)).await;
        }
    }

    /// The whole file, for a server that knows no ranges. Sent once: the server has just answered.
    pub(super) async fn whole(&self) -> Result<BoxStream<'static, object_store::Result<Bytes>>, StoreError> {
        let options = GetOptions { if_match: self.if_match(), ..GetOptions::default() };
        let answer = self.remote.reading()?.get_opts(&self.path, options).await;
        let answer = answer.map_err(|source| StoreError::from_source("read", &self.entry.location, source))?;
        match self.accepts(&answer.meta) {
            true => Ok(answer.into_stream()),
            false => Err(self.changed()),
        }
    }

    /// Whether an answer came from the version that is read: by the tag if that was seen before, otherwise also by the time.
    fn accepts(&self, answer: &ObjectMeta) -> bool {
        let bare = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').to_owned();
        let is_same = match &answer.e_tag {
            Some(found) => {
                let is_tagged_so = bare(self.tag.get_or_init(|| found.clone())) == bare(found);
                is_tagged_so && (self.entry.etag.is_some() || self.entry.is_as_old(answer))
            },
            None => self.entry.is_as_old(answer),
        };
        is_same && answer.size == self.entry.size
    }

    /// The tag to send with a request, so that the store itself refuses another version. A weak tag never matches
    /// there (RFC 9110, 13.1.1).
    fn if_match(&self) -> Option<String> {
        let tag = self.tag.get().filter(|tag| !tag.starts_with("W/"))?;
        // Azure lists tags without the quotes that the header needs.
        Some(match self.remote.scheme() == Scheme::Azure && !tag.starts_with('"') {
            true => format!("\"{tag}\""),
            false => tag.clone(),
        })
    }

    pub(super) fn changed(&self) -> StoreError {
        StoreError::new(StoreErrorKind::Changed, "read", &self.entry.location)
    }

    /// An answer with the whole file that ended too early.
    pub(super) fn broken(&self, position: u64, source: Option<object_store::Error>) -> StoreError {
        let cause = source.map_or(String::new(), |source| format!(": {source}"));
        let reason = format!("the answer broke off, and a server without ranges cannot continue it{cause}");
        let error = StoreError::new(StoreErrorKind::Other, "read", &self.entry.location);
        error.at(position..self.entry.size).because(Reason(reason))
    }

    async fn read_into(
        &self,
        store: &Arc<dyn ObjectStore>,
        range: Range<u64>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        // A server without ranges can still give a whole file.
        let whole = range == (0..self.entry.size);
        let options = GetOptions {
            range: (!whole).then_some(GetRange::Bounded(range.clone())),
            if_match: self.if_match(),
            ..GetOptions::default()
        };
        let answer = store.get_opts(&self.path, options).await?;
        if !self.accepts(&answer.meta) {
            return Err(Failure::Changed);
        }
        let mut missing = range.end - range.start;
        let mut chunks = answer.into_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if chunk.len() as u64 > missing {
                return Err(Failure::Changed);
            }
            missing -= chunk.len() as u64;
            bytes.extend_from_slice(&chunk);
        }
        match missing {
            0 => Ok(()),
            _ => Err(Failure::Short),
        }
    }
}

enum Failure {
    Changed,
    Short,
    Store(object_store::Error),
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

/// Tells whoever listens that a request is made again.
fn again_after(attempt: u32, error: &StoreError) {
    let reason = error.source().map(ToString::to_string);
    tracing::warn!(url = error.url(), attempt, reason, "a request to a store failed and is made again");
}

/// Looks an object up; passing failures are tried again. A web server may know GET only, or have signed nothing else: it
/// is asked for a byte then, or for all of the file if it knows no ranges, and its answer tells the size.
pub(super) async fn head(remote: &Arc<Remote>, location: &Location) -> Result<FileEntry, StoreError> {
    const ACTION: &str = "look up";
    let path = remote.path(location, ACTION)?;
    if path.as_ref().is_empty() {
        return Err(StoreError::invalid(ACTION, location, "it names no file"));
    }
    let store = remote.reading()?;
    let start = Instant::now();
    let mut attempt = 0;
    let found = |object: ObjectMeta| {
        let object = ObjectMeta { location: path.clone(), ..object };
        FileEntry::from_object(location, object)
    };
    loop {
        attempt += 1;
        let options = GetOptions { head: true, ..GetOptions::default() };
        let error = match store.get_opts(&path, options).await {
            Ok(answer) if is_folder(&answer.attributes) => {
                let source = Reason("it is a folder".into()).into();
                object_store::Error::NotFound { path: path.to_string(), source }
            },
            Ok(answer) => return Ok(found(answer.meta)),
            Err(error) => error,
        };
        let (_, again) = classify(&error);
        if !again && remote.scheme() == Scheme::Http {
            for range in [Some(GetRange::Bounded(0..1)), None] {
                let options = GetOptions { range, ..GetOptions::default() };
                if let Ok(answer) = store.get_opts(&path, options).await {
                    return Ok(found(answer.meta));
                }
            }
        }
        if !again || attempt > remote.retry.retries || start.elapsed() >= remote.retry.timeout {
            return Err(StoreError::from_source(ACTION, location, error).after(attempt));
        }
        again_after(attempt, &StoreError::from_source(ACTION, location, error));
        tokio::time::sleep(remote.retry.wait(attempt - 1)).await;
    }
}
