//! Local files, mapped into memory.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars_buffer::Buffer;
use polars_core::error::PolarsError;
use polars_utils::mmap::MMapSemaphore;

use super::error::FilesError;
use super::input_file::InputFile;
use crate::store::StoreError;

/// Files that the tables of a process keep mapped at most. Linux allows a process 65,530 mappings, and memory and threads need
/// some of them, too.
pub(crate) const KEPT_MAPPED: usize = 32 << 10;

static KEPT: AtomicUsize = AtomicUsize::new(0);

/// A file that stays mapped.
pub(crate) struct Kept(Buffer<u8>);

impl Kept {
    /// Keeps a file mapped, unless `most` are.
    pub(crate) fn new(bytes: Buffer<u8>, most: usize) -> Option<Self> {
        // Counts itself out again when it is dropped.
        let kept = (KEPT.fetch_add(1, Ordering::Relaxed), Self(bytes));
        (kept.0 < most).then_some(kept.1)
    }

    /// All bytes of the file.
    pub(crate) fn bytes(&self) -> &Buffer<u8> {
        &self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes of a local file that was mapped before and found to have this identity.
///
/// # Errors
/// A file that cannot be read any more, or is another one.
pub(crate) fn map_again(file: &InputFile, path: &Path, identity: [u64; 4]) -> Result<Buffer<u8>, FilesError> {
    match map(path) {
        Ok((bytes, found)) if found == Some(identity) => Ok(bytes),
        Ok(_) => Err(StoreError::changed(file.location()).into()),
        Err(source) => Err(FilesError::Io { path: file.path(), source }),
    }
}

/// The bytes of a file, and numbers that tell its content from that of all other files, where the system can.
pub(crate) fn map(path: &Path) -> io::Result<(Buffer<u8>, Option<[u64; 4]>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let identity = identity(&metadata);
    if metadata.len() == 0 {
        // Nothing can be mapped of an empty file.
        return Ok((Buffer::new(), identity));
    }
    let mapped = MMapSemaphore::new_from_file(&file).map_err(|error| match error {
        PolarsError::IO { error, .. } => io::Error::new(error.kind(), error),
        other => io::Error::other(other),
    })?;
    Ok((Buffer::from_owner(mapped), identity))
}

/// Device and file, which stay those of the mapped bytes whatever becomes of the path, and when they were last written.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<[u64; 4]> {
    use std::os::unix::fs::MetadataExt;
    let written = metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec());
    Some([metadata.dev(), metadata.ino(), metadata.size(), written as u64])
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Option<[u64; 4]> {
    None
}
