//! Ranges of bytes of one file, fetched ahead.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::coalesce::{Request, requests};
use super::entry::FileEntry;
use super::error::StoreError;
use super::fetch::RemoteFile;
use super::local::LocalFile;
use super::runtime::{AHEAD, Task, kib};

/// A synchronous reader of ranges, for one thread.
///
/// [`announce`](Self::announce) names the ranges that will be wanted. They are joined where they lie close, cut where
/// they are long, and fetched in the order in which they were announced. [`take`](Self::take) blocks until a range is
/// there. Bytes that are fetched and not yet taken are bounded for the whole process; a range that a thread waits for
/// is fetched without regard to that bound, so that two readers never wait for each other. Dropping the reader
/// cancels its requests.
///
/// What is announced but never taken is kept until [`forget`](Self::forget) or the end of the reader. Local files are
/// read when a range is taken: the operating system reads ahead.
#[derive(Debug)]
pub struct RangeReader {
    file: File,
    entry: FileEntry,
    fetching: VecDeque<Fetch>,
}

#[derive(Debug)]
enum File {
    Local(LocalFile),
    Remote(Arc<RemoteFile>),
}

/// A request under way or done, and how many announced ranges still need it.
#[derive(Debug)]
struct Fetch {
    request: Request,
    task: Task<Result<Fetched, StoreError>>,
    urgent: Option<oneshot::Sender<()>>,
    done: Option<Result<Fetched, StoreError>>,
}

/// The permit counts the bytes as fetched ahead as long as they wait here.
#[derive(Debug)]
struct Fetched {
    bytes: Bytes,
    _ahead: Option<OwnedSemaphorePermit>,
}

impl RangeReader {
    pub(super) fn local(entry: &FileEntry) -> Result<Self, StoreError> {
        let file = File::Local(LocalFile::open(entry)?);
        Ok(Self { file, entry: entry.clone(), fetching: VecDeque::new() })
    }

    pub(super) fn remote(file: RemoteFile) -> Self {
        let entry = file.entry.clone();
        Self { file: File::Remote(Arc::new(file)), entry, fetching: VecDeque::new() }
    }

    /// Another reader of the same version of the file, if it is in a store: what the first answer says of the version holds
    /// for both.
    pub(crate) fn another(&self) -> Option<Self> {
        let file = File::Remote(self.remote_file()?);
        Some(Self { file, entry: self.entry.clone(), fetching: VecDeque::new() })
    }

    /// The file, and the version of it that is read.
    pub fn entry(&self) -> &FileEntry {
        &self.entry
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.entry.size
    }

    /// Names ranges that will be taken, in this order. All ranges of a step (a row group, say) belong into one call:
    /// only ranges of one call share requests.
    ///
    /// # Errors
    ///
    /// A range that ends behind the end of the file.
    pub fn announce(&mut self, ranges: &[Range<u64>]) -> Result<(), StoreError> {
        ranges.iter().try_for_each(|range| self.check(range))?;
        let File::Remote(file) = &self.file else { return Ok(()) };
        for request in requests(ranges) {
            self.fetching.push_back(Fetch::start(file.clone(), request)?);
        }
        Ok(())
    }

    /// The bytes of a range: at once if they have been fetched, otherwise as soon as they arrive. A range that was not
    /// announced is fetched now.
    ///
    /// # Errors
    ///
    /// The file does not exist any more, was replaced, may not be read, or could not be read within the retries.
    pub fn take(&mut self, range: Range<u64>) -> Result<Bytes, StoreError> {
        loop {
            // Long enough not to matter: the loop is for a thread that is woken for nothing.
            if let Some(bytes) = self.try_take(range.clone(), Duration::from_secs(3600))? {
                return Ok(bytes);
            }
        }
    }

    /// As [`take`](Self::take), but waits no longer than `limit`; `None` if the bytes are not there then. A caller that
    /// has other work, or looks whether its query was cancelled, asks again.
    ///
    /// # Errors
    ///
    /// Those of [`take`](Self::take).
    pub fn try_take(&mut self, range: Range<u64>, limit: Duration) -> Result<Option<Bytes>, StoreError> {
        self.check(&range)?;
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let file = match &self.file {
            File::Local(file) => return file.read(range).map(Some),
            File::Remote(file) => file.clone(),
        };
        let pieces = match self.pieces(&range) {
            Some(pieces) => pieces,
            None => {
                for request in requests(std::slice::from_ref(&range)) {
                    self.fetching.push_front(Fetch::start(file.clone(), request)?);
                }
                self.pieces(&range).unwrap_or_default()
            },
        };
        // All pieces are on their way before the first is waited for.
        for piece in &pieces {
            self.fetching[*piece].hurry();
        }
        let deadline = Instant::now().checked_add(limit);
        for piece in &pieces {
            let left = deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
            if !self.fetching[*piece].wait(left)? {
                return Ok(None);
            }
        }
        self.collect(&range, pieces).map(Some)
    }

    /// Gives up everything that was announced and not taken; its requests are cancelled.
    pub fn forget(&mut self) {
        self.fetching.clear();
    }

    /// The file, unless it is a local one.
    pub(super) fn remote_file(&self) -> Option<Arc<RemoteFile>> {
        match &self.file {
            File::Local(_) => None,
            File::Remote(file) => Some(file.clone()),
        }
    }

    fn check(&self, range: &Range<u64>) -> Result<(), StoreError> {
        match range.start <= range.end && range.end <= self.entry.size {
            true => Ok(()),
            false => {
                let reason = format!("the file has {} bytes", self.entry.size);
                Err(StoreError::invalid("read", &self.entry.location, reason).at(range.clone()))
            },
        }
    }

    /// The requests that together hold a range, from its beginning to its end.
    fn pieces(&self, range: &Range<u64>) -> Option<Vec<usize>> {
        let mut pieces = Vec::new();
        let mut position = range.start;
        while position < range.end {
            let holds = |fetch: &Fetch| fetch.request.range.contains(&position);
            let piece = self.fetching.iter().position(holds)?;
            position = self.fetching[piece].request.range.end;
            pieces.push(piece);
        }
        Some(pieces)
    }

    fn collect(&mut self, range: &Range<u64>, mut pieces: Vec<usize>) -> Result<Bytes, StoreError> {
        let mut joined = BytesMut::with_capacity(match pieces.len() {
            1 => 0,
            _ => (range.end - range.start) as usize,
        });
        let mut only = Bytes::new();
        let mut failed = None;
        for piece in &pieces {
            let fetch = &mut self.fetching[*piece];
            fetch.request.users = fetch.request.users.saturating_sub(1);
            let held = fetch.request.range.clone();
            match &fetch.done {
                Some(Ok(fetched)) => {
                    let start = range.start.max(held.start) - held.start;
                    let part = fetched.bytes.slice(start as usize..(range.end.min(held.end) - held.start) as usize);
                    match pieces.len() {
                        1 => only = part,
                        _ => joined.extend_from_slice(&part),
                    }
                },
                Some(Err(error)) => failed = failed.or(Some(error.clone())),
                None => {},
            }
        }
        pieces.sort_unstable_by(|a, b| b.cmp(a));
        for piece in
            pieces.iter().filter(|piece| self.fetching[**piece].request.users == 0).copied().collect::<Vec<_>>()
        {
            self.fetching.remove(piece);
        }
        match (failed, pieces.len()) {
            (Some(error), _) => Err(error),
            (None, 1) => Ok(only),
            (None, _) => Ok(joined.freeze()),
        }
    }
}

impl Fetch {
    fn start(file: Arc<RemoteFile>, request: Request) -> Result<Self, StoreError> {
        let (urgent, hurry) = oneshot::channel();
        let range = request.range.clone();
        let task = Task::start(async move {
            // Permits are given in the order in which they were asked for.
            let ahead = AHEAD.clone().acquire_many_owned(kib(range.end - range.start));
            let ahead = match select(Box::pin(ahead), hurry).await {
                Either::Left((permit, _)) => permit.ok(),
                Either::Right(_) => None,
            };
            Ok(Fetched { bytes: file.fetch(range).await?, _ahead: ahead })
        })?;
        Ok(Self { request, task, urgent: Some(urgent), done: None })
    }

    /// Lets the request begin even if too much was fetched ahead already.
    fn hurry(&mut self) {
        if let Some(urgent) = self.urgent.take() {
            // The request has begun if nobody listens.
            let _ = urgent.send(());
        }
    }

    /// Whether the request is done within the limit.
    fn wait(&mut self, limit: Duration) -> Result<bool, StoreError> {
        if self.done.is_none() {
            self.done = self.task.wait_for(limit)?;
        }
        Ok(self.done.is_some())
    }
}
