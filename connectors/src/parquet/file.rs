//! One open file: its bytes, its footer and its schema.

use std::sync::Arc;

use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field as ArrowField};
use polars_core::datatypes::{DataType, Field};
use polars_core::prelude::{Column, IntoColumn};
use polars_core::schema::{Schema, SchemaRef};
use polars_core::series::Series;
use polars_parquet::read::{ColumnChunkMetadata, FileMetadata, Filter, RowGroupMetadata};
use polars_utils::mem::prefetch::madvise_willneed;

use super::chunks::Chunks;
use super::column::{decode_column, open_codes, open_cursor};
use super::columns::ColumnReader;
use super::error::{Damage, ParquetError};
use super::footer::{fetch_footer, read_footer};
use super::guard::guarded;
use super::pages::{dictionary_values, first_page_values};
use crate::files::{FilesError, InputFile, map};
use crate::release::release;

/// A file whose footer has been read and checked.
pub(super) struct ParquetFile {
    pub(super) input: InputFile,
    pub(super) schema: SchemaRef,
    pub(super) metadata: FileMetadata,
    /// Tells its content from that of all other files, where the system or the store can.
    pub(super) identity: Option<[u64; 4]>,
    /// All bytes of a local file; those of a file in a store are fetched by those who read it.
    mapped: Option<Chunks>,
    fields: Arc<ArrowSchema>,
}

impl ParquetFile {
    pub(super) fn open(input: InputFile) -> Result<Self, ParquetError> {
        let (footer, mapped, identity) = match input.local_path() {
            Some(path) => match map(path) {
                Ok((bytes, identity)) => {
                    let footer = read_footer(&bytes);
                    // What was read around it would count as memory of the process, for each of very many files.
                    release(&bytes, 0..bytes.len());
                    (footer, Some(Chunks::Mapped(bytes)), identity)
                },
                Err(source) => return Err(FilesError::Io { path: input.path(), source }.into()),
            },
            None => {
                let mut reader = input.ranges().map_err(FilesError::from)?;
                let identity = input.identity().map(|[first, second]| [first, second, input.size(), u64::MAX]);
                (fetch_footer(&mut reader), None, identity)
            },
        };
        let (mut metadata, fields) = match footer.and_then(check_rows) {
            Ok(footer) => footer,
            Err(Damage::Store(error)) => return Err(FilesError::from(*error).into()),
            Err(source) => return Err(ParquetError::Footer { path: input.path(), source }),
        };
        let schema = fields.iter_values().map(|field| match dtype(field) {
            Some(dtype) => Ok(Field::new(field.name.clone(), dtype)),
            None => Err(ParquetError::UnsupportedType {
                path: input.path(),
                column: field.name.to_string(),
                dtype: format!("{:?}", field.dtype),
            }),
        });
        let schema = Arc::new(schema.collect::<Result<Schema, _>>()?);
        // Often longer than all the rest, and the schema in it has been read.
        metadata.key_value_metadata = None;
        Ok(Self { input, schema, metadata, identity, mapped, fields: Arc::new(fields) })
    }

    /// Uses the schema of another file, if they are equal: a table may have very many files.
    pub(super) fn share_schema(&mut self, other: &Self) {
        if self.schema == other.schema && self.fields == other.fields {
            (self.schema, self.fields) = (other.schema.clone(), other.fields.clone());
        }
    }

    /// The bytes of a local file.
    pub(super) fn mapped(&self) -> Option<&Chunks> {
        self.mapped.as_ref()
    }

    /// The column chunks of a column of a row group.
    pub(super) fn leaves(&self, row_group: usize, column: &str) -> impl Iterator<Item = &ColumnChunkMetadata> {
        let row_group = self.row_groups().get(row_group);
        row_group.and_then(|row_group| row_group.columns_under_root_iter(column)).into_iter().flatten()
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
        let Some(mapped) = &self.mapped else { return };
        for chunk in self.leaves(row_group, column).filter_map(|leaf| mapped.bytes(leaf).ok()) {
            madvise_willneed(&chunk);
        }
    }

    /// Rows of the first page of a flat column of a row group; `None` if that cannot be told, or only by a request.
    pub(super) fn page_rows(&self, row_group: usize, column: &str) -> Option<usize> {
        let chunk = self.mapped.as_ref()?.bytes(self.leaves(row_group, column).next()?).ok()?;
        usize::try_from(first_page_values(&chunk).ok()?).ok()
    }

    /// Says that a row group was read: what is mapped of it leaves memory, so that a scan holds no more of a large file than
    /// what its workers read at the moment.
    pub(super) fn release(&self, row_group: usize) {
        let (Some(row_group), Some(Chunks::Mapped(bytes))) = (self.row_groups().get(row_group), &self.mapped) else {
            return;
        };
        let range = row_group.full_byte_range();
        release(bytes, range.start as usize..range.end as usize);
    }

    /// The first rows of a column of a row group; `None` if the file is in a store.
    pub(super) fn first_rows(
        &self,
        row_group: usize,
        column: &str,
        rows: usize,
    ) -> Result<Option<Column>, ParquetError> {
        let Some(chunks) = &self.mapped else { return Ok(None) };
        // Most often the first bytes of a page and of a dictionary do; many nulls, long values and other orders of a
        // dictionary need more.
        for limit in [512 + 64 * rows, 64 * 1024 + 512 * rows] {
            if let Ok(column) = self.open_column(chunks, row_group, column)?.with_limit(limit).read(self, 0..rows) {
                return Ok(Some(column));
            }
        }
        self.open_column(chunks, row_group, column)?.read(self, 0..rows).map(Some)
    }

    /// A column of a row group, before its first row.
    pub(super) fn open_column(
        &self,
        chunks: &Chunks,
        row_group: usize,
        column: &str,
    ) -> Result<ColumnReader, ParquetError> {
        let cursor = match (self.row_groups().get(row_group), self.fields.get(column)) {
            (Some(metadata), Some(field)) => open_cursor(chunks, metadata, field),
            _ => Err(Damage::NoColumnChunk),
        };
        let cursor = cursor.map_err(|source| self.damaged(row_group, column, source))?;
        Ok(ColumnReader::new(row_group, column, cursor, chunks))
    }

    /// A column of a row group, before its first row, that is read as codes; `None` if it does not suit.
    pub(super) fn open_codes(
        &self,
        chunks: &Chunks,
        row_group: usize,
        column: &str,
    ) -> Result<Option<ColumnReader>, ParquetError> {
        let cursor = match (self.row_groups().get(row_group), self.fields.get(column)) {
            (Some(metadata), Some(field)) => open_codes(chunks, metadata, field),
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
        match source {
            Damage::Store(error) => FilesError::from(*error).into(),
            source => ParquetError::Decode { path: self.input.path(), row_group, column: column.to_owned(), source },
        }
    }

    /// The number of values in the dictionary of a flat column of a row group of a local file, if it holds all of its values.
    pub(super) fn dictionary_values(&self, row_group: usize, column: &str) -> Option<u64> {
        let mut leaves = self.leaves(row_group, column);
        let leaf = leaves.next().filter(|leaf| leaf.descriptor().path_in_schema.len() == 1)?;
        let chunk = self.mapped.as_ref()?.bytes(leaf).ok()?;
        dictionary_values(&chunk, u64::try_from(leaf.num_values()).ok()?).ok()?
    }

    /// Decodes the `rows` rows of a column of a row group that `filter` lets through. Decimals may lie as in batches.
    pub(super) fn column(
        &self,
        chunks: &Chunks,
        row_group: usize,
        column: &str,
        filter: Option<Filter>,
        rows: usize,
    ) -> Result<Column, ParquetError> {
        let decoded = match (self.row_groups().get(row_group), self.fields.get(column)) {
            (Some(metadata), Some(field)) => decode_column(chunks, metadata, field, filter, rows),
            _ => Err(Damage::NoColumnChunk),
        };
        decoded.map_err(|source| self.damaged(row_group, column, source))
    }
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
