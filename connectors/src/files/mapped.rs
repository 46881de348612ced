//! Local files, mapped into memory.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use polars_buffer::Buffer;
use polars_core::error::PolarsError;
use polars_utils::mmap::MMapSemaphore;

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
