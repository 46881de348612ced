//! Hidden folders in which files wait until all of them are complete.
//!
//! A folder belongs to one process and one run of a query, and lies beside the target, so that a rename brings its files
//! there. Its owner holds a lock on a file in it, which the operating system drops when the process ends in whatever way:
//! so the next write to the same target knows which folders nobody needs.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::WriteError;

const MARK: &str = ".quokka-";
const LOCK: &str = "lock";
/// What is to become the target.
const RESULT: &str = "result";
/// What was the target, on file systems that cannot exchange two paths.
const REPLACED: &str = "replaced";

/// A staging folder; removed with all that is in it when dropped.
pub(super) struct Staging {
    folder: PathBuf,
    _lock: File,
}

impl Staging {
    /// A fresh folder for what will become `target`, whose folder is made if there is none. Removes the folders that
    /// killed processes have left.
    pub(super) fn create(target: &Path) -> Result<Self, WriteError> {
        let (parent, name) = parent_and_name(target)?;
        fs::create_dir_all(parent).map_err(WriteError::io("create the folder", parent))?;
        remove_abandoned(parent, name, target);
        loop {
            let folder = parent.join(format!(".{name}{MARK}{}", unique()));
            fs::create_dir(&folder).map_err(WriteError::io("create the folder", &folder))?;
            let path = folder.join(LOCK);
            let lock = match File::create_new(&path) {
                Ok(lock) => lock,
                // Taken for abandoned in the moment before.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => {
                    drop(fs::remove_dir(&folder));
                    return Err(WriteError::Io { action: "create", path, source });
                },
            };
            // File systems without locks: then nobody can take the folder for abandoned.
            let taken = matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
            if !taken && path.exists() {
                return Ok(Self { folder, _lock: lock });
            }
        }
    }

    /// A path for the `number`-th file of a worker.
    pub(super) fn file(&self, worker: usize, number: u64) -> PathBuf {
        self.folder.join(format!("{worker}-{number}"))
    }

    pub(super) fn result(&self) -> PathBuf {
        self.folder.join(RESULT)
    }

    pub(super) fn replaced(&self) -> PathBuf {
        self.folder.join(REPLACED)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next write.
        drop(remove(&self.folder));
    }
}

/// Where `target` is to be, and its name.
pub(super) fn parent_and_name(target: &Path) -> Result<(&Path, &str), WriteError> {
    let name = target.file_name().and_then(|name| name.to_str());
    match (target.parent(), name, target.to_str()) {
        (Some(parent), Some(name), Some(_)) => Ok((parent, name)),
        _ => Err(WriteError::Path { path: target.to_owned() }),
    }
}

/// Sixteen hexadecimal digits that no other call has returned, in any process.
pub(super) fn unique() -> String {
    format!("{:016x}", RandomState::new().hash_one((std::process::id(), SystemTime::now())))
}

fn remove_abandoned(parent: &Path, name: &str, target: &Path) {
    let prefix = format!(".{name}{MARK}");
    let entries = parent.read_dir().into_iter().flatten().flatten();
    for entry in entries {
        let file_name = entry.file_name();
        let suffix = file_name.to_str().and_then(|file_name| file_name.strip_prefix(&prefix));
        if suffix.is_some_and(|suffix| suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            // It is hidden, and the next write tries again.
            drop(remove_if_abandoned(&entry.path(), target));
        }
    }
}

fn remove_if_abandoned(folder: &Path, target: &Path) -> io::Result<()> {
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => lock,
        // Fails if there is anything in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return fs::remove_dir(folder),
        Err(error) => return Err(error),
    };
    if lock.try_lock().is_err() {
        return Ok(());
    }
    let replaced = folder.join(REPLACED);
    if replaced.exists() && !target.exists() {
        fs::rename(replaced, target)?;
    }
    remove(folder)
}

/// Removes a staging folder. The lock goes last, so that whoever is killed on the way leaves a folder that is known as
/// abandoned.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != LOCK {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(folder.join(LOCK))?;
    fs::remove_dir(folder)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn hidden(folder: &Folder) -> usize {
        folder.path().read_dir().unwrap().filter(|e| e.as_ref().unwrap().file_name() != "other").count()
    }

    #[test]
    fn folders_are_removed_unless_somebody_uses_them() {
        let root = Folder::new();
        let target = root.path().join("t");
        let one = Staging::create(&target).unwrap();
        fs::write(one.file(0, 0), "rows").unwrap();
        let other = Staging::create(&target).unwrap();
        assert_ne!(one.folder, other.folder);
        assert!(one.file(0, 0).exists());
        // As a killed process leaves it: no destructor has run, and the lock has gone.
        let killed = one.folder.clone();
        let copy = root.path().join(format!(".t{MARK}0123456789abcdef"));
        fs::create_dir(&copy).unwrap();
        fs::copy(killed.join(LOCK), copy.join(LOCK)).unwrap();
        fs::write(copy.join("0-0"), "rows").unwrap();
        let stranger = root.path().join(format!(".t{MARK}notours"));
        fs::create_dir(&stranger).unwrap();
        assert_eq!(hidden(&root), 4);
        drop(Staging::create(&target).unwrap());
        assert!(!copy.exists() && killed.exists() && stranger.exists());
        drop((one, other));
        assert_eq!(hidden(&root), 1);
    }

    #[test]
    fn a_replaced_target_comes_back_if_its_successor_never_came() {
        let root = Folder::new();
        let target = root.path().join("t");
        let left = root.path().join(format!(".t{MARK}0123456789abcdef"));
        fs::create_dir_all(left.join(REPLACED)).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join(REPLACED).join("rows"), "old").unwrap();
        drop(Staging::create(&target).unwrap());
        assert_eq!(fs::read_to_string(target.join("rows")).unwrap(), "old");
        assert_eq!(hidden(&root), 1);
    }
}
