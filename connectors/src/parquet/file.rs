//! One open file: its bytes, its footer and its schema.

use std::sync::Arc;

use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_core::prelude::{Column, IntoColumn};
use polars_core::schema::SchemaRef;
use polars_core::series::Series;
use polars_parquet::read::Filter;
use polars_utils::mem::prefetch::madvise_willneed;

use super::chunks::Chunks;
use super::column::{decode_column, open_codes, open_cursor};
use super::columns::ColumnReader;
use super::error::{Damage, ParquetError};
use super::file_schema::{FileSchema, FileSchemas};
use super::footer::{fetch_footer, read_footer};
use super::guard::guarded;
use super::packed_footer::{ColumnChunk, PackedFooter, RowGroupFooter};
use super::pages::{dictionary_values, first_page_values};
use crate::files::{FilesError, InputFile, Kept, map, map_again};
use crate::release::release;

/// A file whose footer has been read and checked.
pub(super) struct ParquetFile {
    pub(super) input: InputFile,
    schema: Arc<FileSchema>,
    footer: PackedFooter,
    /// Tells its content from that of all other files, where the system or the store can.
    pub(super) identity: Option<[u64; 4]>,
    /// The bytes of a local file, if it stays mapped.
    mapped: Option<Kept>,
}

impl ParquetFile {
    /// Opens a file of a table of which some were opened before, with `schemas`. A local one stays mapped if fewer than
    /// `most_mapped` are.
    pub(super) fn open(input: InputFile, schemas: &FileSchemas, most_mapped: usize) -> Result<Self, ParquetError> {
        let (metadata, mapped, identity) = match input.local_path() {
            Some(path) => match map(path) {
                Ok((bytes, identity)) => {
                    let metadata = read_footer(&bytes);
                    // What was read around it would count as memory of the process, for each of very many files.
                    release(&bytes, 0..bytes.len());
                    // Where nothing tells whether it is still the same file, it must stay.
                    let most = if identity.is_some() { most_mapped } else { usize::MAX };
                    (metadata, Kept::new(bytes, most), identity)
                },
                Err(source) => return Err(FilesError::Io { path: input.path(), source }.into()),
            },
            None => {
                let mut reader = input.ranges().map_err(FilesError::from)?;
                let identity = input.identity().map(|[first, second]| [first, second, input.size(), u64::MAX]);
                (fetch_footer(&mut reader), None, identity)
            },
        };
        let packed = metadata.and_then(|metadata| Ok((PackedFooter::new(&metadata)?, metadata)));
        let (footer, metadata) = match packed {
            Ok(packed) => packed,
            Err(Damage::Store(error)) => return Err(FilesError::from(*error).into()),
            Err(source) => return Err(ParquetError::Footer { path: input.path(), source }),
        };
        let schema = schemas.of(&metadata, &input)?;
        Ok(Self { input, schema, footer, identity, mapped })
    }

    pub(super) fn is_local(&self) -> bool {
        self.input.local_path().is_some()
    }

    /// The bytes of a local file; `None` if it is in a store.
    ///
    /// # Errors
    /// A file that was not kept mapped and is another one now, or cannot be read any more.
    pub(super) fn mapped(&self) -> Result<Option<Chunks>, ParquetError> {
        let bytes = match (&self.mapped, self.input.local_path(), self.identity) {
            (Some(kept), ..) => kept.bytes().clone(),
            (None, Some(path), Some(identity)) => map_again(&self.input, path, identity)?,
            _ => return Ok(None),
        };
        Ok(Some(Chunks::Mapped(bytes)))
    }

    /// The columns and their types.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema.columns
    }

    /// The Arrow type that a column is decoded to.
    pub(super) fn field(&self, column: &str) -> Option<&ArrowField> {
        self.schema.fields.get(column)
    }

    /// What the footer says of a row group.
    pub(super) fn row_group(&self, index: usize) -> Option<RowGroupFooter<'_>> {
        self.footer.row_group(index, &self.schema)
    }

    /// The column chunks of a column of a row group.
    pub(super) fn leaves(&self, row_group: usize, column: &str) -> impl Iterator<Item = ColumnChunk<'_>> {
        self.row_group(row_group).and_then(|row_group| row_group.column(column)).into_iter().flatten()
    }

    /// Rows of each row group.
    pub(super) fn row_groups(&self) -> &[usize] {
        self.footer.rows()
    }

    pub(super) fn rows(&self) -> u64 {
        self.row_groups().iter().map(|rows| *rows as u64).sum()
    }

    /// Whether Polars wrote it, whose statistics are not all sound.
    pub(super) fn is_by_polars(&self) -> bool {
        self.footer.is_by_polars
    }

    /// Lets the operating system read a column of a row group.
    pub(super) fn announce(&self, row_group: usize, column: &str) {
        let Some(kept) = &self.mapped else { return };
        let mapped = Chunks::Mapped(kept.bytes().clone());
        for chunk in self.leaves(row_group, column).filter_map(|leaf| mapped.bytes(&leaf).ok()) {
            madvise_willneed(&chunk);
        }
    }

    /// Rows of the first page of a flat column of a row group; `None` if that cannot be told, or only by a request.
    pub(super) fn page_rows(&self, row_group: usize, column: &str) -> Option<usize> {
        let chunk = self.mapped().ok()??.bytes(&self.leaves(row_group, column).next()?).ok()?;
        usize::try_from(first_page_values(&chunk).ok()?).ok()
    }

    /// Says that a row group was read: what is mapped of it leaves memory, so that a scan holds no more of a large file than
    /// what its workers read at the moment.
    pub(super) fn release(&self, row_group: usize) {
        let (Some(row_group), Some(kept)) = (self.row_group(row_group), &self.mapped) else { return };
        let range = row_group.byte_range(kept.bytes().len() as u64);
        release(kept.bytes(), range.start as usize..range.end as usize);
    }

    /// The first rows of a column of a row group; `None` if the file is in a store.
    pub(super) fn first_rows(
        &self,
        row_group: usize,
        column: &str,
        rows: usize,
    ) -> Result<Option<Column>, ParquetError> {
        let Some(chunks) = &self.mapped()? else { return Ok(None) };
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
        let cursor = match (self.row_group(row_group), self.field(column)) {
            (Some(row_group), Some(field)) => open_cursor(chunks, row_group, field),
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
        let cursor = match (self.row_group(row_group), self.field(column)) {
            (Some(row_group), Some(field)) => open_codes(chunks, row_group, field),
            _ => Err(Damage::NoColumnChunk),
        };
        let cursor = cursor.map_err(|source| self.damaged(row_group, column, source))?;
        Ok(cursor.map(|cursor| ColumnReader::coded(row_group, column, cursor)))
    }

    /// The array of a column of a row group as a column. Integers in the place of decimals stay integers.
    pub(super) fn series(&self, row_group: usize, column: &str, array: Box<dyn Array>) -> Result<Column, ParquetError> {
        let field = self.field(column).ok_or(Damage::NoColumnChunk);
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
        let chunk = leaves.next().filter(|chunk| chunk.column.path_in_schema.len() == 1)?;
        let bytes = self.mapped().ok()??.bytes(&chunk).ok()?;
        dictionary_values(&bytes, u64::try_from(chunk.values).ok()?).ok()?
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
        let decoded = match (self.row_group(row_group), self.field(column)) {
            (Some(row_group), Some(field)) => decode_column(chunks, row_group, field, filter, rows),
            _ => Err(Damage::NoColumnChunk),
        };
        decoded.map_err(|source| self.damaged(row_group, column, source))
    }
}
