//! What is written, where to and how.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use polars_core::schema::SchemaRef;
use quokka_engine::operator::Description;

use super::error::WriteError;
use super::format::FileFormat;
use super::hive;
use super::options::{FileOptions, WriteMode};
use super::staging::{Staging, parent_and_name};

/// Files of one format at one place, for one run of a query; shared by the workers of a process.
pub struct FileSink {
    pub(super) format: Arc<dyn FileFormat>,
    pub(super) options: FileOptions,
    pub(super) schema: SchemaRef,
    /// The path as the user gave it.
    pub(super) named: PathBuf,
    /// The same, absolute and without symbolic links.
    pub(super) target: PathBuf,
    single_file: bool,
    staging: Mutex<Option<Staging>>,
}

impl FileSink {
    /// Rows with the columns of `schema` go to `path`: to a single file if it ends as files of the format do, else to a
    /// directory of files. Looks at what is there, and changes nothing.
    ///
    /// # Errors
    /// A target that exists, of another kind or at all if `options` say so; options that do not fit the columns or the
    /// target; a column of a type that the format does not have.
    pub fn new(
        path: &Path,
        options: FileOptions,
        format: Arc<dyn FileFormat>,
        schema: SchemaRef,
    ) -> Result<Self, WriteError> {
        let named = path.to_owned();
        let absolute = std::path::absolute(path).map_err(WriteError::io("resolve", path))?;
        let target = absolute.canonicalize().unwrap_or(absolute);
        parent_and_name(&target)?;
        let single_file = is_single_file(path, format.extension());
        let sink = Self { format, options, schema, named, target, single_file, staging: Mutex::new(None) };
        sink.check_options()?;
        sink.check_target()?;
        let encoded = |source| WriteError::Encode { path: path.to_owned(), source };
        sink.format.start(&sink.schema, Box::new(std::io::sink())).map_err(encoded)?;
        Ok(sink)
    }

    /// Whether one worker writes all rows to one file.
    pub fn is_single_file(&self) -> bool {
        self.single_file
    }

    fn check_options(&self) -> Result<(), WriteError> {
        let FileOptions { mode, rows_per_file, bytes_per_file, partition_by } = &self.options;
        if self.single_file {
            let needs_directory = [
                ("mode `Append`", *mode == WriteMode::Append),
                ("rows_per_file", rows_per_file.is_some()),
                ("bytes_per_file", bytes_per_file.is_some()),
                ("partition_by", !partition_by.is_empty()),
            ];
            if let Some((option, _)) = needs_directory.into_iter().find(|(_, asked)| *asked) {
                return Err(WriteError::NeedsDirectory { path: self.named.clone(), option });
            }
        }
        if *rows_per_file == Some(0) {
            return Err(WriteError::Zero { option: "rows_per_file" });
        }
        if *bytes_per_file == Some(0) {
            return Err(WriteError::Zero { option: "bytes_per_file" });
        }
        hive::check(partition_by, &self.schema)
    }

    /// Looks whether something is in the way, which there can be until the commit, too.
    pub(super) fn check_target(&self) -> Result<(), WriteError> {
        let path = self.named.clone();
        let Ok(found) = fs::metadata(&self.target) else { return Ok(()) };
        match (self.options.mode, found.is_dir()) {
            (_, true) if self.single_file => Err(WriteError::IsDirectory { path }),
            (_, false) if !self.single_file => Err(WriteError::IsFile { path, extension: self.format.extension() }),
            (WriteMode::ErrorIfExists, true) => {
                let mut entries = self.target.read_dir().map_err(WriteError::io("read", &self.target))?;
                if entries.next().is_some() { Err(WriteError::Exists { path }) } else { Ok(()) }
            },
            (WriteMode::ErrorIfExists, false) => Err(WriteError::Exists { path }),
            _ => Ok(()),
        }
    }

    /// Does something with the staging folder of this process, which is made if there is none.
    pub(super) fn staged<T>(&self, with: impl FnOnce(&Staging) -> T) -> Result<T, WriteError> {
        let mut staging = self.staging.lock();
        match &mut *staging {
            Some(staging) => Ok(with(staging)),
            none => Ok(with(none.insert(Staging::create(&self.target)?))),
        }
    }

    /// Removes the staging folder of this process.
    pub(super) fn clean(&self) {
        drop(self.staging.lock().take());
    }

    pub(super) fn describe(&self, operator: &str) -> Description {
        let format = self.format.describe();
        let FileOptions { mode, rows_per_file, bytes_per_file, partition_by } = &self.options;
        let mut description = Description::blocks(format!("{operator}-{}", format.name))
            .with("to", self.named.display())
            .with("mode", format!("{mode:?}"));
        if let Some(rows) = rows_per_file {
            description = description.with("rows_per_file", rows);
        }
        if let Some(bytes) = bytes_per_file {
            description = description.with("bytes_per_file", bytes);
        }
        if !partition_by.is_empty() {
            description = description.with("partition_by", partition_by.join(", "));
        }
        description.fields.extend(format.fields);
        description
    }
}

/// Whether the name of `path` ends as those of files of a format do.
fn is_single_file(path: &Path, extension: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    name.strip_suffix(extension).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
}
