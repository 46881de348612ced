//! A staged object: an upload in parts that has not been completed, or, if it is small, bytes that have not been sent.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::error::{StoreError, StoreErrorKind};
use super::location::{Location, Scheme};
use super::runtime::{PARTS, Task, detach, wait};
use super::staged::StageOptions;
use super::store::Remote;

/// Bytes of a part: S3 wants 5 MiB at least, R2 the same length for all.
const PART: usize = 8 << 20;

/// The parts that S3 takes for one object.
const MOST_PARTS: usize = 10_000;

/// Parts of one file that are under way while the next is filled.
const UNDER_WAY: usize = 4;

/// An object that is being written.
#[derive(Debug)]
pub(super) struct ObjectStage {
    /// Before the object, so that they are cancelled before it is taken back.
    under_way: VecDeque<Task<object_store::Result<()>>>,
    staged: ObjectStaged,
    parts: usize,
}

/// A complete object that has not appeared. Its end deletes the parts that were sent.
pub(super) struct ObjectStaged {
    store: Arc<dyn ObjectStore>,
    location: Location,
    path: ObjectPath,
    options: StageOptions,
    size: u64,
    /// What was not sent: everything, if there is no upload.
    buffer: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl ObjectStage {
    pub(super) fn new(remote: Arc<Remote>, location: &Location, options: StageOptions) -> Result<Self, StoreError> {
        if remote.scheme() == Scheme::Http {
            return Err(StoreError::new(StoreErrorKind::Unsupported, "write", location));
        }
        let path = remote.path(location, "write")?;
        if path.as_ref().is_empty() || location.key().ends_with('/') {
            return Err(StoreError::invalid("write", location, "it names no file"));
        }
        let (store, location) = (remote.working()?.clone(), location.clone());
        let staged = ObjectStaged { store, location, path, options, size: 0, buffer: Vec::new(), upload: None };
        Ok(Self { under_way: VecDeque::new(), staged, parts: 0 })
    }

    pub(super) fn append(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.staged.size += bytes.len() as u64;
        // A part is sent when there is more than it, so that an object of exactly one part needs no upload.
        while self.staged.buffer.len() + bytes.len() > PART {
            let (head, rest) = bytes.split_at(PART - self.staged.buffer.len());
            self.staged.buffer.extend_from_slice(head);
            bytes = rest;
            self.send_part()?;
        }
        self.staged.buffer.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<ObjectStaged, StoreError> {
        if self.staged.upload.is_some() {
            self.send_part()?;
        }
        while !self.under_way.is_empty() {
            self.wait_for_part()?;
        }
        Ok(self.staged)
    }

    fn send_part(&mut self) -> Result<(), StoreError> {
        if self.parts == MOST_PARTS {
            let reason = "one file has at most 10,000 parts of 8 MiB: write several files";
            return Err(StoreError::invalid("write", &self.staged.location, reason));
        }
        if self.under_way.len() == UNDER_WAY {
            self.wait_for_part()?;
        }
        let bytes = Bytes::from(std::mem::take(&mut self.staged.buffer));
        let part = self.staged.upload()?.put_part(bytes.into());
        self.parts += 1;
        self.under_way.push_back(Task::start(async move {
            let _open = PARTS.acquire().await;
            part.await
        })?);
        Ok(())
    }

    fn wait_for_part(&mut self) -> Result<(), StoreError> {
        match self.under_way.pop_front() {
            Some(part) => part.wait()?.map_err(|source| self.staged.failed("write", source)),
            None => Ok(()),
        }
    }
}

impl ObjectStaged {
    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn replaces(&self) -> bool {
        self.options.replace
    }

    /// Makes the object appear.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        let _open = PARTS.acquire().await;
        // An upload has no condition of its own; and a store that refuses an object early may close the connection before
        // the refusal is read.
        if !self.options.replace {
            match self.store.head(&self.path).await {
                Ok(_) => return Err(StoreError::new(StoreErrorKind::AlreadyExists, "commit", &self.location)),
                Err(object_store::Error::NotFound { .. }) => {},
                Err(source) => return Err(self.failed("commit", source)),
            }
        }
        if self.upload.is_none() {
            let mode = if self.options.replace { PutMode::Overwrite } else { PutMode::Create };
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            let put = self.store.put_opts(&self.path, bytes.into(), PutOptions { mode, ..PutOptions::default() });
            return put.await.map(drop).map_err(|source| self.failed("commit", source));
        }
        if let Some(upload) = &mut self.upload {
            let completed = upload.complete().await;
            completed.map_err(|source| self.failed("commit", source))?;
            self.upload = None;
        }
        Ok(())
    }

    pub(super) fn abort(mut self) -> Result<(), StoreError> {
        let Some(mut upload) = self.upload.take() else { return Ok(()) };
        wait(async move { upload.abort().await })?.map_err(|source| self.failed("take back", source))
    }

    fn upload(&mut self) -> Result<&mut Box<dyn MultipartUpload>, StoreError> {
        let upload = match self.upload.take() {
            Some(upload) => upload,
            None => {
                let (store, path) = (self.store.clone(), self.path.clone());
                wait(async move { store.put_multipart(&path).await })?.map_err(|source| self.failed("write", source))?
            },
        };
        Ok(self.upload.insert(upload))
    }

    fn failed(&self, action: &'static str, source: object_store::Error) -> StoreError {
        StoreError::from_source(action, &self.location, source)
    }
}

impl Drop for ObjectStaged {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take() {
            // Parts that stay are invisible; the store's life-cycle rules delete them.
            detach(async move { drop(upload.abort().await) });
        }
    }
}

impl std::fmt::Debug for ObjectStaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectStaged")
            .field("location", &self.location)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
