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

/// Puts `from` in the place of `to`, which goes to `aside`, where [`exchange`] cannot. For a moment there is nothing at `to`; the
/// next write repairs what a kill in this moment leaves.
///
/// # Errors
/// As the operating system says. What was at `to` is there again then.
pub(super) fn replace(from: &Path, to: &Path, aside: &Path) -> io::Result<()> {
    fs::rename(to, aside)?;
    fs::rename(from, to).inspect_err(|_| {
        // The error that is returned says why.
        drop(fs::rename(aside, to));
    })
}

/// Makes the names in a directory durable.
///
/// # Errors
/// As the operating system says.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn folder_with(path: &Path, content: &str) {
        fs::create_dir(path).unwrap();
        fs::write(path.join("rows"), content).unwrap();
    }

    #[test]
    fn without_an_exchange_there_is_the_new_or_again_the_old() {
        let root = Folder::new();
        let [new, target, aside] = ["new", "t", "aside"].map(|name| root.path().join(name));
        folder_with(&new, "new");
        folder_with(&target, "old");
        replace(&new, &target, &aside).unwrap();
        assert_eq!(fs::read_to_string(target.join("rows")).unwrap(), "new");
        assert_eq!(fs::read_to_string(aside.join("rows")).unwrap(), "old");
        fs::remove_dir_all(&aside).unwrap();
        // There is nothing to put in its place.
        assert!(replace(&new, &target, &aside).is_err());
        assert_eq!(fs::read_to_string(target.join("rows")).unwrap(), "new");
        assert!(!aside.exists());
        // There is nothing to replace.
        folder_with(&new, "newer");
        assert!(replace(&new, &root.path().join("nothing"), &aside).is_err());
        assert_eq!(fs::read_to_string(new.join("rows")).unwrap(), "newer");
    }

    #[test]
    fn errors_that_mean_that_there_is_no_exchange() {
        for code in [libc::EINVAL, libc::ENOSYS, libc::ENOTSUP] {
            assert!(cannot_exchange(&io::Error::from_raw_os_error(code)));
        }
        assert!(cannot_exchange(&io::ErrorKind::Unsupported.into()));
        assert!(!cannot_exchange(&io::Error::from_raw_os_error(libc::EACCES)));
    }
}
