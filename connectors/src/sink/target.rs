//! What is written, where to and how.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars_core::schema::SchemaRef;
use quokka_engine::operator::Description;

use super::error::WriteError;
use super::format::FileFormat;
use super::hive;
use super::local::LocalTarget;
use super::options::{FileOptions, WriteMode};
use super::remote::StoreTarget;
use crate::store::Location;

/// Files of one format at one place, for one run of a query; shared by the workers of a process.
pub struct FileSink {
    pub(super) format: Arc<dyn FileFormat>,
    pub(super) options: FileOptions,
    pub(super) schema: SchemaRef,
    /// The path or address as the user gave it.
    pub(super) named: PathBuf,
    pub(super) place: Place,
    single_file: bool,
}

/// Where the files go.
pub(super) enum Place {
    Local(LocalTarget),
    Store(StoreTarget),
}

impl FileSink {
    /// Rows with the columns of `schema` go to `path`, a local one or an address of a store: to a single file if it ends as
    /// files of the format do, else to a directory of files. Looks at what is there, and changes nothing.
    ///
    /// # Errors
    /// A target that exists, of another kind or at all if `options` say so; options that do not fit the columns or the
    /// target; a column of a type that the format does not have; a store that cannot be reached or written to.
    pub fn new(
        path: &Path,
        options: FileOptions,
        format: Arc<dyn FileFormat>,
        schema: SchemaRef,
    ) -> Result<Self, WriteError> {
        let named = path.to_owned();
        let text = path.to_str().ok_or_else(|| WriteError::Path { path: named.clone() })?;
        let location = Location::parse(text)?;
        let single_file = is_single_file(&location.key(), format.extension());
        let place = match location.as_path() {
            Some(path) => Place::Local(LocalTarget::new(path)?),
            None => Place::Store(StoreTarget::new(location, &options)?),
        };
        let sink = Self { format, options, schema, named, place, single_file };
        sink.check_options()?;
        let encoded = |source| WriteError::Encode { path: path.to_owned(), source };
        sink.format.start(&sink.schema, Box::new(std::io::sink())).map_err(encoded)?;
        sink.check_target()?;
        Ok(sink)
    }

    /// Whether one worker writes all rows to one file.
    pub fn is_single_file(&self) -> bool {
        self.single_file
    }

    /// Whether files are uploaded.
    pub(super) fn is_in_store(&self) -> bool {
        matches!(self.place, Place::Store(_))
    }

    fn check_options(&self) -> Result<(), WriteError> {
        let FileOptions { mode, rows_per_file, bytes_per_file, partition_by, .. } = &self.options;
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
        match &self.place {
            Place::Local(target) => target.check(self),
            Place::Store(target) => target.check(self),
        }
    }

    pub(super) fn describe(&self, operator: &str) -> Description {
        let format = self.format.describe();
        let FileOptions { mode, rows_per_file, bytes_per_file, partition_by, .. } = &self.options;
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

/// Whether a name ends as those of files of a format do.
pub(crate) fn is_single_file(name: &str, extension: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    name.strip_suffix(extension).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
}
