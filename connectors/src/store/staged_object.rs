//! A staged object: an upload in parts that has not been completed, or, if it is small, bytes that have not been sent.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use serde_json::{Value, json};

use super::connect::Client;
use super::creation::{Creation, Upload};
use super::error::{Reason, StoreError, StoreErrorKind};
use super::location::{Location, Scheme};
use super::runtime::{PARTS, Task, wait};
use super::staged::StageOptions;
use super::store::Remote;
use super::taken_back::take_back;

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
    under_way: VecDeque<Task<object_store::Result<PartId>>>,
    staged: ObjectStaged,
    /// Parts that were sent or are under way.
    parts: usize,
}

/// A complete object that has not appeared. Its end deletes the parts that were sent.
pub(super) struct ObjectStaged {
    remote: Arc<Remote>,
    client: Client,
    location: Location,
    path: ObjectPath,
    options: StageOptions,
    size: u64,
    /// What was not sent: everything, if there is no upload.
    buffer: Vec<u8>,
    upload: Option<Upload>,
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
        let (client, location) = (remote.client()?.clone(), location.clone());
        let staged =
            ObjectStaged { remote, client, location, path, options, size: 0, buffer: Vec::new(), upload: None };
        Ok(Self { under_way: VecDeque::new(), staged, parts: 0 })
    }

    pub(super) fn append(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.staged.size += bytes.len() as u64;
        // A part is sent when there is more than it, so that an object of exactly one part needs no upload.
        while self.staged.client.parts.is_some() && self.staged.buffer.len() + bytes.len() > PART {
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
        let part = self.staged.put_part(self.parts, bytes)?;
        self.parts += 1;
        self.under_way.push_back(part);
        Ok(())
    }

    fn wait_for_part(&mut self) -> Result<(), StoreError> {
        match self.under_way.pop_front() {
            Some(part) => self.staged.keep_part(part),
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
        // Not every server heeds a condition, and one that refuses an object early may close the connection before the
        // refusal is read.
        if !self.options.replace {
            match self.client.objects.head(&self.path).await {
                Ok(_) => return Err(StoreError::new(StoreErrorKind::AlreadyExists, "commit", &self.location)),
                Err(object_store::Error::NotFound { .. }) => {},
                Err(source) => return Err(self.failed("commit", source)),
            }
        }
        let creation = if self.options.replace { None } else { Some(self.remote.creation()?) };
        let committed = match (&self.upload, creation) {
            (Some(Upload { store, path, id, parts }), None) => {
                store.complete_multipart(path, id, parts.clone()).await.map(drop)
            },
            (Some(upload), Some(creation)) => {
                creation.complete(self.client.objects.as_ref(), &self.remote.retry, upload, &self.path).await
            },
            (None, creation) => {
                let mode = match creation {
                    None | Some(Creation::Looked) => PutMode::Overwrite,
                    Some(Creation::Asked(_) | Creation::Copied) => PutMode::Create,
                };
                let bytes = Bytes::from(std::mem::take(&mut self.buffer));
                let options = PutOptions { mode, ..PutOptions::default() };
                self.client.objects.put_opts(&self.path, bytes.into(), options).await.map(drop)
            },
        };
        committed.map_err(|source| self.failed("commit", source))?;
        self.upload = None;
        Ok(())
    }

    pub(super) fn abort(mut self) -> Result<(), StoreError> {
        let Some(Upload { store, path, id, .. }) = self.upload.take() else { return Ok(()) };
        let aborted = wait(async move { store.abort_multipart(&path, &id).await })?;
        aborted.map_err(|source| self.failed("take back", source))
    }

    /// Sends what is in memory, if the store takes parts. Azure takes none without bytes.
    pub(super) fn send(&mut self) -> Result<(), StoreError> {
        if self.upload.is_none() && self.client.parts.is_some() && self.size > 0 {
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            let part = self.put_part(0, bytes)?;
            self.keep_part(part)?;
        }
        Ok(())
    }

    /// What another process needs to commit the object. All of it is in the store then.
    pub(super) fn hand_over(&mut self) -> Result<String, StoreError> {
        self.send()?;
        let upload = self.upload()?;
        let parts: Vec<&str> = upload.parts.iter().map(|part| part.content_id.as_str()).collect();
        let path = upload.path.as_ref();
        Ok(json!({ "path": path, "upload": upload.id, "parts": parts, "size": self.size }).to_string())
    }

    /// What another process has handed over.
    pub(super) fn take_over(
        remote: Arc<Remote>,
        location: &Location,
        options: StageOptions,
        text: &str,
    ) -> Result<Self, StoreError> {
        let mut staged = ObjectStage::new(remote, location, options)?.staged;
        let damaged =
            || StoreError::new(StoreErrorKind::Other, "commit", location).because(Reason("it is damaged".into()));
        let value: Value = serde_json::from_str(text).map_err(|_| damaged())?;
        let part = |part: &Value| part.as_str().map(|part| PartId { content_id: part.to_owned() });
        let parts = value["parts"].as_array().and_then(|parts| parts.iter().map(part).collect::<Option<Vec<_>>>());
        let path = value["path"].as_str().and_then(|path| ObjectPath::parse(path).ok());
        let (Some(path), Some(id), Some(parts)) = (path, value["upload"].as_str(), parts) else {
            return Err(damaged());
        };
        staged.size = value["size"].as_u64().ok_or_else(damaged)?;
        staged.upload = Some(Upload { store: staged.parts()?.clone(), path, id: id.to_owned(), parts });
        Ok(staged)
    }

    fn parts(&self) -> Result<&Arc<dyn MultipartStore>, StoreError> {
        let unsupported = || StoreError::new(StoreErrorKind::Unsupported, "write in parts", &self.location);
        self.client.parts.as_ref().ok_or_else(unsupported)
    }

    /// The upload, which is started if there is none.
    fn upload(&mut self) -> Result<&Upload, StoreError> {
        let upload = match self.upload.take() {
            Some(upload) => upload,
            None => {
                let store = self.parts()?.clone();
                let path = match self.options.replace {
                    true => self.path.clone(),
                    false => {
                        let path = self.remote.creation()?.upload_path(&self.path);
                        path.map_err(|source| StoreError::from_source("write", &self.location, source))?
                    },
                };
                let (starter, started) = (store.clone(), path.clone());
                let id = wait(async move { starter.create_multipart(&started).await })?;
                Upload { store, path, id: id.map_err(|source| self.failed("write", source))?, parts: Vec::new() }
            },
        };
        Ok(self.upload.insert(upload))
    }

    /// Starts to send the part of this number.
    fn put_part(&mut self, number: usize, bytes: Bytes) -> Result<Task<object_store::Result<PartId>>, StoreError> {
        let Upload { store, path, id, .. } = self.upload()?;
        let (store, path, id) = (store.clone(), path.clone(), id.clone());
        Task::start(async move {
            let _open = PARTS.acquire().await;
            store.put_part(&path, &id, number, bytes.into()).await
        })
    }

    /// Waits for the next part in the order of their numbers.
    fn keep_part(&mut self, part: Task<object_store::Result<PartId>>) -> Result<(), StoreError> {
        let part = part.wait()?.map_err(|source| self.failed("write", source))?;
        if let Some(upload) = &mut self.upload {
            upload.parts.push(part);
        }
        Ok(())
    }

    fn failed(&self, action: &'static str, source: object_store::Error) -> StoreError {
        StoreError::from_source(action, &self.location, source)
    }
}

impl Drop for ObjectStaged {
    fn drop(&mut self) {
        if let Some(Upload { store, path, id, .. }) = self.upload.take() {
            // Parts that stay are invisible; the store's life-cycle rules delete them.
            take_back(async move { drop(store.abort_multipart(&path, &id).await) });
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
