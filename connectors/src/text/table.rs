//! The files of a table, and what is common to them.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use polars_core::datatypes::DataType;
use polars_core::frame::DataFrame;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;

use super::bad_rows::BadRows;
use super::file::{TextFile, range_bytes, text_files};
use super::options::TextOptions;
use crate::files::{Compression, FilesError, Format, InputFile, constants, expand, names};

/// The files behind the paths of a table, before it is known which columns they have.
pub(crate) struct FoundFiles<F> {
    inputs: Vec<InputFile>,
    pub(crate) files: Vec<F>,
    /// Bytes of all files, and of a range.
    bytes: u64,
    range_bytes: u64,
}

/// How long some rows of a file are.
pub(crate) struct Measured {
    rows: usize,
    bytes: u64,
    /// Bytes that come out of one of the file, at a guess.
    expansion: u64,
}

/// The files of a table, and what is common to them. `F` is what a format knows of a file.
pub(crate) struct TextFiles<F> {
    files: Vec<F>,
    /// Columns of one value a file, one row a file.
    pub(super) constants: DataFrame,
    /// Columns of the files.
    pub(crate) file_schema: Schema,
    /// These, those of folders, and that of paths.
    pub(crate) schema: SchemaRef,
    /// Bytes of a range.
    pub(crate) range_bytes: u64,
    pub(crate) bad_rows: BadRows,
    /// Rows that were left out so far.
    skipped: AtomicU64,
    /// About how many rows there are, by the start of a file.
    rows: OnceLock<Option<u64>>,
    identity: OnceLock<Option<[u64; 2]>>,
}

impl<F: From<TextFile> + AsRef<TextFile>> FoundFiles<F> {
    /// The files behind `paths`, in ranges of so many bytes, or as many as suit them.
    pub(crate) fn new(
        paths: impl IntoIterator<Item = impl AsRef<Path>>,
        format: &Format,
        options: &TextOptions<'_>,
        range_bytes: Option<u64>,
    ) -> Result<Self, FilesError> {
        let inputs = expand(paths, options.store_options, format)?;
        let bytes = inputs.iter().fold(0, |bytes: u64, file| bytes.saturating_add(file.size()));
        let range_bytes = range_bytes.unwrap_or_else(|| self::range_bytes(bytes));
        let files = text_files(&inputs, range_bytes)?.into_iter().map(F::from).collect();
        Ok(Self { inputs, files, bytes, range_bytes })
    }

    /// A table of files with these columns, whose first rows were measured, or were not looked at.
    pub(crate) fn into_table(
        self,
        file_schema: Schema,
        measured: Option<Measured>,
        options: &TextOptions<'_>,
    ) -> Result<TextFiles<F>, FilesError> {
        let Self { inputs, files, bytes, range_bytes } = self;
        let constants = constants(&inputs, &file_schema, options.hive_partitioning, options.include_file_paths)?;
        let mut schema = file_schema.clone();
        schema.merge((**constants.schema()).clone());
        let rows = measured.map(|measured| OnceLock::from(Some(measured.rows_in(bytes))));
        Ok(TextFiles {
            files,
            constants,
            file_schema,
            schema: Arc::new(schema),
            range_bytes,
            bad_rows: options.bad_rows,
            skipped: AtomicU64::new(0),
            rows: rows.unwrap_or_default(),
            identity: OnceLock::new(),
        })
    }
}

impl<F: AsRef<TextFile>> TextFiles<F> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TextFile> {
        self.files.iter().map(AsRef::as_ref)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&F> {
        self.files.get(index)
    }

    pub(crate) fn file(&self, index: usize) -> Result<&F, OperatorError> {
        let missing = || OperatorError::message(ErrorKind::Internal, format!("there is no file {index}"));
        self.files.get(index).ok_or_else(missing)
    }

    /// Whether a column stands in the files rather than in their paths.
    pub(crate) fn is_in_files(&self, name: &str) -> bool {
        self.file_schema.contains(name) && self.constants.get_column_index(name).is_none()
    }

    /// So many rows are left out.
    pub(crate) fn count_skipped(&self, rows: u64) {
        self.skipped.fetch_add(rows, Ordering::Relaxed);
    }

    /// About how many rows there are, by the length of those that `measure` finds at the start of a file.
    pub(crate) fn estimated_rows<E>(&self, measure: impl FnOnce(&F) -> Result<Measured, E>) -> Option<u64> {
        *self.rows.get_or_init(|| {
            let file = self.files.iter().find(|file| file.as_ref().length() > 0)?;
            let measured = measure(file).ok()?;
            Some(measured.rows_in(self.files.iter().map(|file| file.as_ref().length()).sum()))
        })
    }

    /// Numbers that tell this table, which is read with these options, from all others; `None` if they are not known.
    pub(crate) fn identity(&self, options: &impl Debug) -> Option<&[u64]> {
        let identity = self.identity.get_or_init(|| {
            let options = format!("{options:?}");
            // What folders say depends on where the user began to name them.
            let files = self.iter().map(|file| Some((file.input.identity()?, file.input.below_root())));
            let files = files.collect::<Option<Vec<_>>>()?;
            Some([0_u64, 1].map(|seed| {
                let mut hasher = DefaultHasher::new();
                (seed, &options, &files).hash(&mut hasher);
                hasher.finish()
            }))
        });
        identity.as_ref().map(|identity| identity.as_slice())
    }

    /// The scan of the files, which is known by `name`.
    pub(crate) fn describe(&self, name: &'static str) -> Description {
        let names = names(self.files.iter().map(|file| &file.as_ref().input));
        let description = Description::streams(name).with("files", names);
        match self.bad_rows {
            BadRows::Fail => description,
            BadRows::Null => description.with("bad-rows", "null"),
            BadRows::Skip => description.with("skipped-rows", self.skipped.load(Ordering::Relaxed)),
        }
    }
}

impl Measured {
    /// Some rows of `file` that have so many bytes. A compressed file has `expansion` times its bytes, at a guess.
    pub(crate) fn new(file: &TextFile, rows: usize, bytes: u64, expansion: u64) -> Result<Self, FilesError> {
        let is_plain = file.compression()? == Compression::None;
        Ok(Self { rows, bytes, expansion: if is_plain { 1 } else { expansion } })
    }

    /// About how many rows there are in files of so many bytes.
    fn rows_in(&self, bytes: u64) -> u64 {
        let bytes = u128::from(bytes.saturating_mul(self.expansion));
        (bytes * self.rows as u128 / u128::from(self.bytes.max(1))) as u64
    }
}

/// The first column of a type that is not read, with its type.
pub(crate) fn unsupported(schema: &Schema, is_read: impl Fn(&DataType) -> bool) -> Option<(String, Box<DataType>)> {
    let column = schema.iter().find(|(_, dtype)| !is_read(dtype));
    column.map(|(name, dtype)| (name.to_string(), Box::new(dtype.clone())))
}
