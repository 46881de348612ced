//! A file that only comes whole, from a web server without ranges.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use super::error::StoreError;
use super::fetch::RemoteFile;
use super::runtime::Task;

/// Bytes that are handed over at once, so that a handover costs little beside them.
const PART: usize = 1 << 20;

/// One answer with the whole file, read from front to back. An answer that breaks off cannot be continued: that is an
/// error. While a part is used the next is fetched.
#[derive(Debug)]
pub(super) struct WholeStream {
    next: Option<Task<Result<Part, StoreError>>>,
}

struct Part {
    bytes: Bytes,
    rest: Option<Rest>,
}

struct Rest {
    file: Arc<RemoteFile>,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    missing: u64,
}

impl WholeStream {
    pub(super) fn start(file: Arc<RemoteFile>) -> Result<Self, StoreError> {
        let first = Task::start(async move {
            let (chunks, missing) = (file.whole().await?, file.entry.size);
            Rest { file, chunks, missing }.next().await
        })?;
        Ok(Self { next: Some(first) })
    }

    /// The next bytes; `None` at the end.
    pub(super) fn next_part(&mut self) -> Result<Option<Bytes>, StoreError> {
        let Some(task) = self.next.take() else { return Ok(None) };
        let part = task.wait()??;
        self.next = part.rest.map(|rest| Task::start(rest.next())).transpose()?;
        Ok(Some(part.bytes))
    }
}

impl Rest {
    async fn next(mut self) -> Result<Part, StoreError> {
        let mut bytes = BytesMut::with_capacity(PART);
        while bytes.len() < PART && self.missing > 0 {
            let position = self.file.entry.size - self.missing;
            let failed = |reason| self.file.broken(position, reason);
            match self.chunks.next().await {
                None => return Err(failed(None)),
                Some(Err(source)) => return Err(failed(Some(source))),
                Some(Ok(chunk)) if chunk.len() as u64 > self.missing => return Err(self.file.changed()),
                Some(Ok(chunk)) => {
                    self.missing -= chunk.len() as u64;
                    bytes.extend_from_slice(&chunk);
                },
            }
        }
        let rest = (self.missing > 0).then_some(self);
        Ok(Part { bytes: bytes.freeze(), rest })
    }
}
