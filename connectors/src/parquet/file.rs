//! One open file: its bytes, its footer and its schema.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field as ArrowField};
use polars_buffer::Buffer;
use polars_core::datatypes::{DataType, Field};
use polars_core::error::PolarsError;
use polars_core::prelude::{Column, IntoColumn};
use polars_core::schema::Schema;
use polars_core::series::Series;
use polars_parquet::read::{FileMetadata, Filter, RowGroupMetadata};
use polars_utils::mem::prefetch::madvise_willneed;
use polars_utils::mmap::MMapSemaphore;

use super::column::{chunk_bytes, decode_column, open_codes, open_cursor};
use super::columns::ColumnReader;
use super::error::{Damage, ParquetError};
use super::footer::read_footer;
use super::guard::guarded;
use super::pages::{dictionary_values, first_page_values};
use super::release::release;
use crate::files::FilesError;

/// A memory-mapped file whose footer has been read and checked.
pub(super) struct ParquetFile {
    pub(super) path: PathBuf,
    pub(super) schema: Schema,
    pub(super) metadata: FileMetadata,
    /// Tells its content from that of all other files, where the system can.
    pub(super) identity: Option<[u64; 4]>,
    bytes: Buffer<u8>,
    fields: ArrowSchema,
}

impl ParquetFile {
    pub(super) fn open(path: PathBuf) -> Result<Self, ParquetError> {
        let (bytes, identity) = match map(&path) {
            Ok(mapped) => mapped,
            Err(source) => return Err(FilesError::Io { path, source }.into()),
        };
        let (metadata, fields) = match read_footer(&bytes).and_then(check_rows) {
            Ok(footer) => footer,
            Err(source) => return Err(ParquetError::Footer { path, source }),
        };
        let schema = fields.iter_values().map(|field| match dtype(field) {
            Some(dtype) => Ok(Field::new(field.name.clone(), dtype)),
            None => Err(ParquetError::UnsupportedType {
                path: path.clone(),
                column: field.name.to_string(),
                dtype: format!("{:?}", field.dtype),
            }),
        });
        let schema = schema.collect::<Result<Schema, _>>()?;
        Ok(Self { path, schema, metadata, identity, bytes, fields })
    }

    pub(super) fn row_groups(&self) -> &[RowGroupMetadata] {
        &self.metadata.row_groups
    }

    /// The Arrow type that a column is decoded to.
    pub(super) fn field(&self, column: &str) -> Option<&ArrowDataType> {
        self.fields.get(column).map(|field| &field.dtype)
    }

    pub(super) fn rows(&self) -> u64 {
        self.row_groups().iter().map(|row_group| row_group.num_rows() as u64).sum()
    }

    /// Lets the operating system read a column of a row group.
    pub(super) fn announce(&self, row_group: usize, column: &str) {
        let Some(row_group) = self.row_groups().get(row_group) else { return };
        for leaf in row_group.columns_under_root_iter(column).into_iter().flatten() {
            if let Ok(chunk) = chunk_bytes(&self.bytes, leaf) {
                madvise_willneed(&chunk);
            }
        }
    }

    /// Rows of the first page of a flat column of a row group; `None` if that cannot be told.
    pub(super) fn page_rows(&self, row_group: usize, column: &str) -> Option<usize> {
        let leaf = self.row_groups().get(row_group)?.columns_under_root_iter(column)?.next()?;
        let chunk = chunk_bytes(&self.bytes, leaf).ok()?;
        usize::try_from(first_page_values(&chunk).ok()?).ok()
    }

    /// Says that a row group was read: what is mapped of it leaves memory, so that a scan holds no more of a large file than
    /// what its workers read at the moment.
    pub(super) fn release(&self, row_group: usize) {
        let Some(row_group) = self.row_groups().get(row_group) else { return };
        let range = row_group.full_byte_range();
        release(&self.bytes, range.start as usize..range.end as usize);
    }

    /// The first rows of a column of a row group.
    pub(super) fn first_rows(&self, row_group: usize, column: &str, rows: usize) -> Result<Column, ParquetError> {
        // Most often the first bytes of a page and of a dictionary do; many nulls, long values and other orders of a
        // dictionary need more.
        for limit in [512 + 64 * rows, 64 * 1024 + 512 * rows] {
            if let Ok(column) = self.open_column(row_group, column)?.with_limit(limit).read(self, 0..rows) {
                return Ok(column);
            }
        }
        self.open_column(row_group, column)?.read(self, 0..rows)
    }

    /// A column of a row group, before its first row.
    pub(super) fn open_column(&self, row_group: usize, column: &str) -> Result<ColumnReader, ParquetError> {
        let cursor = match (self.row_groups().get(row_group), self.fields.get(column)) {
            (Some(metadata), Some(field)) => open_cursor(&self.bytes, metadata, field),
            _ => Err(Damage::NoColumnChunk),
        };
        let cursor = cursor.map_err(|source| self.damaged(row_group, column, source))?;
        Ok(ColumnReader::new(row_group, column, cursor))
    }

    /// A column of a row group, before its first row, that is read as codes; `None` if it does not suit.
    pub(super) fn open_codes(&self, row_group: usize, column: &str) -> Result<Option<ColumnReader>, ParquetError> {
        let cursor = match (self.row_groups().get(row_group), self.fields.get(column)) {
            (Some(metadata), Some(field)) => open_codes(&self.bytes, metadata, field),
            _ => Err(Damage::NoColumnChunk),
        };
        let cursor = cursor.map_err(|source| self.damaged(row_group, column, source))?;
        Ok(cursor.map(|cursor| ColumnReader::coded(row_group, column, cursor)))
    }

    /// The array of a column of a row group as a column. Integers in the place of decimals stay integers.
    pub(super) fn series(&self, row_group: usize, column: &str, array: Box<dyn Array>) -> Result<Column, ParquetError> {
        let field = self.fields.get(column).ok_or(Damage::NoColumnChunk);
        let series = field.and_then(|field| {
            let integers = ArrowField::new(field.name.clone(), array.dtype().clone(), field.is_nullable);
            let field = if *array.dtype() == ArrowDataType::Int64 { &integers } else { field };
            guarded(|| Series::try_from((field, vec![array])))
        });
        series.map(Series::into_column).map_err(|source| self.damaged(row_group, column, source))
    }

    pub(super) fn damaged(&self, row_group: usize, column: &str, source: Damage) -> ParquetError {
        ParquetError::Decode { path: self.path.clone(), row_group, column: column.to_owned(), source }
    }

    /// The number of values in the dictionary of a flat column of a row group, if it holds all of its values.
    pub(super) fn dictionary_values(&self, row_group: usize, column: &str) -> Option<u64> {
        let row_group = self.row_groups().get(row_group)?;
        let mut leaves = row_group.columns_under_root_iter(column)?;
        let leaf = leaves.next().filter(|leaf| leaf.descriptor().path_in_schema.len() == 1)?;
        let chunk = chunk_bytes(&self.bytes, leaf).ok()?;
        dictionary_values(&chunk, u64::try_from(leaf.num_values()).ok()?).ok()?
    }

    /// Decodes the `rows` rows of a column of a row group that `filter` lets through. Decimals may lie as in batches.
    pub(super) fn column(
        &self,
        row_group: usize,
        column: &str,
        filter: Option<Filter>,
        rows: usize,
    ) -> Result<Column, ParquetError> {
        let decoded = match (self.row_groups().get(row_group), self.fields.get(column)) {
            (Some(metadata), Some(field)) => decode_column(&self.bytes, metadata, field, filter, rows),
            _ => Err(Damage::NoColumnChunk),
        };
        decoded.map_err(|source| self.damaged(row_group, column, source))
    }
}

fn map(path: &Path) -> io::Result<(Buffer<u8>, Option<[u64; 4]>)> {
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

/// The two places that tell the number of rows must agree: a count of rows reads nothing else.
fn check_rows((metadata, fields): (FileMetadata, ArrowSchema)) -> Result<(FileMetadata, ArrowSchema), Damage> {
    let found = metadata.row_groups.iter().map(|row_group| row_group.num_rows() as u64).sum();
    let expected = metadata.num_rows as u64;
    if found != expected {
        return Err(Damage::Count { what: "rows in the row groups", expected, found });
    }
    Ok((metadata, fields))
}

/// The Polars type of a column, `None` if there is none.
fn dtype(field: &ArrowField) -> Option<DataType> {
    // Categories and time zones are text in the footer, which Polars parses with panics.
    is_supported(&field.dtype).then(|| guarded(|| Ok(DataType::from_arrow_field(field))).ok()).flatten()
}

fn is_supported(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match dtype {
        List(inner) | LargeList(inner) | Map(inner, _) => is_supported(&inner.dtype),
        Struct(fields) => fields.iter().all(|field| is_supported(&field.dtype)),
        Dictionary(_, values, _) => is_supported(values),
        Int128 | UInt128 | Float16 | FixedSizeList(..) | Interval(_) | Extension(_) | Union(_) | Unknown => false,
        _ => true,
    }
}
