//! A staged file on a local disk: written under a hidden name, renamed when it is committed.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::StoreError;
use super::local::local_path;
use super::location::Location;
use super::staged::StageOptions;

/// Sinks write blocks; headers and small pages are gathered.
const BUFFER: usize = 128 << 10;

/// A local file that is being written.
#[derive(Debug)]
pub(super) struct LocalStage {
    file: BufWriter<File>,
    staged: LocalStaged,
}

/// A complete local file under a hidden name. Its end deletes it, and the directories that were made for it.
#[derive(Debug)]
pub(super) struct LocalStaged {
    location: Location,
    hidden: PathBuf,
    /// From the lowest to the highest.
    made: Vec<PathBuf>,
    options: StageOptions,
    size: u64,
    committed: bool,
}

impl LocalStage {
    pub(super) fn new(location: &Location, options: StageOptions) -> Result<Self, StoreError> {
        let failed = |source| StoreError::from_source("write", location, source);
        let path = local_path(location, "write")?;
        let Some(name) = path.file_name().filter(|_| !location.key().ends_with('/')) else {
            return Err(StoreError::invalid("write", location, "it names no file"));
        };
        let directory = parent(path);
        let made = directory.ancestors().take_while(|directory| !directory.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(directory).map_err(failed)?;
        // Beside its place: a rename does not cross file systems. Hidden: no reader lists it.
        let hidden = directory.join(format!(".{}.{}.staged", name.to_string_lossy(), unique()));
        let file = File::create_new(&hidden).map_err(failed)?;
        let staged = LocalStaged { location: location.clone(), hidden, made, options, size: 0, committed: false };
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), staged })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.staged.size += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|source| StoreError::from_source("write", &self.staged.location, source))
    }

    pub(super) fn finish(mut self) -> Result<LocalStaged, StoreError> {
        let durable = self.staged.options.durable;
        let flushed = self.file.flush().and_then(|()| if durable { self.file.get_ref().sync_all() } else { Ok(()) });
        flushed.map_err(|source| StoreError::from_source("write", &self.staged.location, source))?;
        Ok(self.staged)
    }
}

impl LocalStaged {
    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn replaces(&self) -> bool {
        self.options.replace
    }

    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        let failed = |source| StoreError::from_source("commit", &self.location, source);
        let path = local_path(&self.location, "commit")?;
        match self.options.replace {
            true => fs::rename(&self.hidden, path).map_err(failed)?,
            // A link, unlike a rename, fails where a file is.
            false => {
                fs::hard_link(&self.hidden, path).map_err(failed)?;
                fs::remove_file(&self.hidden).map_err(failed)?;
            },
        }
        if self.options.durable {
            File::open(parent(path)).and_then(|directory| directory.sync_all()).map_err(failed)?;
        }
        self.committed = true;
        Ok(())
    }
}

impl Drop for LocalStaged {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // What cannot be deleted is hidden; directories that others use meanwhile stay.
        let _ = fs::remove_file(&self.hidden);
        for directory in &self.made {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Different in every process and at every call.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{:x}-{nanoseconds:x}-{:x}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
