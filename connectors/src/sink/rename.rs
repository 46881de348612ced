//! Renames that are atomic and overwrite nothing unasked.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Renames a directory. A directory without entries at `to` counts as nothing.
///
/// # Errors
/// As the operating system says; see [`is_taken`].
pub(super) fn directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Renames a file, unless there is something at `to`.
///
/// # Errors
/// As the operating system says; see [`is_taken`].
pub(super) fn file(from: &Path, to: &Path) -> io::Result<()> {
    // Unlike `rename`, a link never replaces anything.
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Whether a rename failed because there is something at the new path.
pub(super) fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::AlreadyExists | K::DirectoryNotEmpty | K::NotADirectory | K::IsADirectory)
}

/// Exchanges what is at two paths, in one step: whoever looks sees the one or the other.
///
/// # Errors
/// As the operating system says; see [`cannot_exchange`].
#[cfg(target_os = "linux")]
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let one = CString::new(one.as_os_str().as_bytes())?;
    let other = CString::new(other.as_os_str().as_bytes())?;
    let (here, flags) = (libc::AT_FDCWD, libc::RENAME_EXCHANGE);
    // SAFETY: both pointers are strings that end in 0 and live beyond the call, which keeps neither.
    let outcome = unsafe { libc::renameat2(here, one.as_ptr(), here, other.as_ptr(), flags) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Not available.
#[cfg(not(target_os = "linux"))]
pub(super) fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether [`exchange`] failed because the file system does not have it.
pub(super) fn cannot_exchange(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::ENOTSUP))
        || error.kind() == io::ErrorKind::Unsupported
}

/// Makes the names in a directory durable.
///
/// # Errors
/// As the operating system says.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
