//! Files that are written now and appear later.

use std::io::{self, Write};

use super::error::{StoreError, StoreErrorKind};
use super::location::Location;
use super::runtime::Task;
use super::staged_local::{LocalStage, LocalStaged};
use super::staged_object::{ObjectStage, ObjectStaged};
use super::store::Store;

/// How a file is to appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageOptions {
    /// Whether a file of the same name is replaced. Otherwise it makes the commit fail, also if it appears at the same
    /// instant. `docs/stores.md` says how each store decides that.
    pub replace: bool,
    /// Whether a committed local file survives a crash of the machine: the commit then waits for the disk. Stores always
    /// do that.
    pub durable: bool,
}

impl Default for StageOptions {
    fn default() -> Self {
        Self { replace: true, durable: false }
    }
}

/// A file that is being written and that nobody sees. Dropping it takes everything back.
///
/// A local file is written beside its place under a hidden name; an object as parts of an upload that has not been
/// completed. Of an object at most five parts of 8 MiB are in memory; writing blocks when the store is slower. A store takes
/// up to 10,000 parts (80 GiB) for one file.
#[derive(Debug)]
pub struct StagedFile {
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Local(LocalStage),
    Object(ObjectStage),
}

impl StagedFile {
    pub(super) fn new(store: &Store, location: &Location, options: StageOptions) -> Result<Self, StoreError> {
        let stage = match &store.remote {
            None => Stage::Local(LocalStage::new(location, options)?),
            Some(remote) => Stage::Object(ObjectStage::new(remote.clone(), location, options)?),
        };
        Ok(Self { stage })
    }

    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// The disk or the store refused them. The file is lost then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.stage {
            Stage::Local(stage) => stage.append(bytes),
            Stage::Object(stage) => stage.append(bytes),
        }
    }

    /// Ends the file: everything has been handed over, nothing is visible.
    ///
    /// # Errors
    ///
    /// As for [`append`](Self::append), whose bytes may still have been under way.
    pub fn finish(self) -> Result<Staged, StoreError> {
        let kind = match self.stage {
            Stage::Local(stage) => Kind::Local(stage.finish()?),
            Stage::Object(stage) => Kind::Object(stage.finish()?),
        };
        Ok(Staged { kind })
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A complete file that nobody sees yet. Dropping it takes it back.
#[derive(Debug)]
#[must_use = "a file that is not committed is deleted"]
pub struct Staged {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Local(LocalStaged),
    Object(ObjectStaged),
}

impl Staged {
    /// Where the file will be.
    pub fn location(&self) -> &Location {
        match &self.kind {
            Kind::Local(staged) => staged.location(),
            Kind::Object(staged) => staged.location(),
        }
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::Local(staged) => staged.size(),
            Kind::Object(staged) => staged.size(),
        }
    }

    /// Makes the file visible, whole and at once.
    ///
    /// # Errors
    ///
    /// A file of this name exists and must not be replaced; the disk or the store refused. After a timeout the file may
    /// have appeared nevertheless.
    pub fn commit(self) -> Result<(), StoreError> {
        self.start()?.finish()
    }

    /// Sends what is still in memory, as it is of small objects until they are committed. Without effect on local files.
    ///
    /// # Errors
    ///
    /// The store refused it.
    pub fn send(&mut self) -> Result<(), StoreError> {
        match &mut self.kind {
            Kind::Local(_) => Ok(()),
            Kind::Object(staged) => staged.send(),
        }
    }

    /// What another process needs to commit this object: see [`Store::take_over`]. Dropping the object takes it back even so,
    /// unless it has been committed.
    ///
    /// # Errors
    ///
    /// What was not sent yet could not be sent; local files and objects in memory cannot be handed over.
    pub fn hand_over(&mut self) -> Result<String, StoreError> {
        match &mut self.kind {
            Kind::Local(staged) => Err(StoreError::new(StoreErrorKind::Unsupported, "hand over", staged.location())),
            Kind::Object(staged) => staged.hand_over(),
        }
    }

    pub(super) fn take_over(
        store: &Store,
        location: &Location,
        options: StageOptions,
        text: &str,
    ) -> Result<Self, StoreError> {
        match &store.remote {
            None => Err(StoreError::new(StoreErrorKind::Unsupported, "take over", location)),
            Some(remote) => {
                let staged = ObjectStaged::take_over(remote.clone(), location, options, text)?;
                Ok(Self { kind: Kind::Object(staged) })
            },
        }
    }

    /// Takes the file back, and waits for that.
    ///
    /// # Errors
    ///
    /// The parts of an upload could not be deleted: they are invisible, but the store may charge for them.
    pub fn abort(self) -> Result<(), StoreError> {
        match self.kind {
            // Its end deletes it.
            Kind::Local(_) => Ok(()),
            Kind::Object(staged) => staged.abort(),
        }
    }

    fn start(self) -> Result<Commit, StoreError> {
        let location = self.location().clone();
        let (replaces, task) = match self.kind {
            Kind::Local(staged) => (staged.replaces(), staged.commit().map(|()| None)?),
            Kind::Object(staged) => (staged.replaces(), Some(Task::start(staged.commit())?)),
        };
        Ok(Commit { location, is_new: !replaces, task })
    }
}

/// A commit under way.
struct Commit {
    location: Location,
    is_new: bool,
    task: Option<Task<Result<(), StoreError>>>,
}

impl Commit {
    fn finish(self) -> Result<(), StoreError> {
        self.task.map_or(Ok(()), |task| task.wait()?)
    }
}

/// Commits many files, side by side. If one fails, those that have appeared and were staged with `replace: false` are
/// deleted again and the others are taken back; files that replaced others stay, as what they replaced is gone.
///
/// No store can make several files appear in one instant: a reader that lists while this runs may see some of them.
/// Where that matters, write a file that names the others (a manifest) last, with `replace: false`.
///
/// # Errors
///
/// The first error of a commit.
pub fn commit_all(store: &Store, files: Vec<Staged>) -> Result<(), StoreError> {
    let mut appeared = Vec::new();
    let mut failed = None;
    let mut running = Vec::new();
    for file in files {
        match file.start() {
            Ok(commit) => running.push(commit),
            Err(error) => {
                failed = Some(error);
                // Those that follow are dropped, and so taken back.
                break;
            },
        }
    }
    for commit in running {
        let (location, is_new) = (commit.location.clone(), commit.is_new);
        match commit.finish() {
            Ok(()) if is_new => appeared.push(location),
            Ok(()) => {},
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let Some(error) = failed else { return Ok(()) };
    for location in appeared {
        // The commit's own error says more than one of this clean-up.
        let _ = store.delete(&location);
    }
    Err(error)
}
