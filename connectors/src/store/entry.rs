//! A file that was listed or looked up.

use std::time::{Duration, SystemTime};

use object_store::{Attribute, Attributes, ObjectMeta};

use super::location::Location;

/// A file and the version of it that was seen. Readers made from it read that version or fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Where it is.
    pub location: Location,
    /// Bytes.
    pub size: u64,
    /// The store's name for this content, where it gives one.
    pub etag: Option<String>,
    /// When it was written, where the store says.
    pub modified: Option<SystemTime>,
    /// The part of the name below the directory that was listed; the whole name for a file or a glob.
    pub below_root: String,
}

impl FileEntry {
    pub(super) fn from_object(location: &Location, object: ObjectMeta) -> Self {
        let seconds = object.last_modified.timestamp();
        // A server that does not say is given the start of the epoch by `object_store`.
        let modified = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(|seconds| {
            let nanoseconds = object.last_modified.timestamp_subsec_nanos();
            SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
        });
        Self {
            location: location.with_key(&object.location),
            size: object.size,
            etag: object.e_tag,
            modified,
            below_root: object.location.into(),
        }
    }

    /// Whether an answer is as old as the file that was seen. Listings know milliseconds, answers seconds.
    pub(super) fn is_as_old(&self, answer: &ObjectMeta) -> bool {
        let seen = self.modified.and_then(|modified| modified.duration_since(SystemTime::UNIX_EPOCH).ok());
        let found = u64::try_from(answer.last_modified.timestamp()).ok().filter(|seconds| *seconds > 0);
        match (seen, found) {
            (Some(seen), Some(found)) => seen.as_secs() == found,
            _ => true,
        }
    }
}

/// Whether an object stands for a folder. Azure has such objects where names are hierarchical, and Hadoop puts them
/// elsewhere, too: they have the name of the folder and no bytes.
pub(super) fn is_folder(attributes: &Attributes) -> bool {
    let mark = attributes.get(&Attribute::Metadata("hdi_isfolder".into()));
    mark.is_some_and(|mark| mark.as_ref().eq_ignore_ascii_case("true"))
}
