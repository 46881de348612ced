//! The column chunks of a column in a row group: our decoder's cursor for flat columns, Polars' decoder for the others.

use std::io::Cursor;

use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_buffer::Buffer;
use polars_core::prelude::{Column, DataType, IntoColumn};
use polars_core::series::Series;
use polars_parquet::parquet::read::PageMetaData;
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::read::{BasicDecompressor, Filter, PageReader, column_iter_to_arrays, n_columns};
use quokka_engine::physical::NARROW_DIGITS;

use super::chunks::Chunks;
use super::decode::{CodedCursor, ColumnCursor};
use super::error::Damage;
use super::guard::guarded;
use super::packed_footer::{ColumnChunk, RowGroupFooter};
use super::pages::{Encodings, check_pages, dictionary_values};

/// A dictionary has few values if a row group has this many rows a value: then a predicate is rather evaluated for every
/// value than for every row.
const FEW_VALUES: u64 = 4;

/// Values of arrays that are null, in a row group.
const MOST_NULLS: u64 = 1 << 28;

/// A cursor at the first row of the column `field`; `None` if the column is left to [`decode_column`].
pub(super) fn open_cursor(
    chunks: &Chunks,
    row_group: RowGroupFooter<'_>,
    field: &Field,
) -> Result<Option<ColumnCursor>, Damage> {
    let mut leaves = row_group.column(&field.name).ok_or(Damage::NoColumnChunk)?;
    let leaf = leaves.next().ok_or(Damage::NoColumnChunk)?;
    if leaves.next().is_some() || field.dtype.is_nested() {
        return Ok(None);
    }
    let (chunk, encodings) = column_chunk(chunks, row_group, &leaf)?;
    Ok(ColumnCursor::new(chunk, &leaf, &field.dtype, encodings))
}

/// A cursor over the codes of the column `field`, if it holds strings or binary values that all stand in a dictionary of
/// few values.
pub(super) fn open_codes(
    chunks: &Chunks,
    row_group: RowGroupFooter<'_>,
    field: &Field,
) -> Result<Option<CodedCursor>, Damage> {
    if !matches!(field.dtype, ArrowDataType::Utf8View | ArrowDataType::BinaryView) {
        return Ok(None);
    }
    let mut leaves = row_group.column(&field.name).ok_or(Damage::NoColumnChunk)?;
    let leaf = leaves.next().ok_or(Damage::NoColumnChunk)?;
    let chunk = chunks.bytes(&leaf)?;
    let values = dictionary_values(&chunk, u64::try_from(leaf.values).unwrap_or(0))?;
    if values.is_none_or(|values| values > row_group.rows as u64 / FEW_VALUES) {
        return Ok(None);
    }
    match open_cursor(chunks, row_group, field)? {
        Some(cursor) => cursor.into_coded(&field.dtype),
        None => Ok(None),
    }
}

/// Decodes the rows of the column `field` that `filter` lets through; `rows` is their number. Decimals that the file holds
/// as integers of at most 64 bits come as they lie in batches.
///
/// One leaf is one column chunk; a struct has several. Nothing in the file is trusted: byte ranges are held against the
/// file, announced sizes against each other, and a decoder that panics has met damage.
pub(super) fn decode_column(
    chunks: &Chunks,
    row_group: RowGroupFooter<'_>,
    field: &Field,
    filter: Option<Filter>,
    rows: usize,
) -> Result<Column, Damage> {
    let leaves: Vec<_> = row_group.column(&field.name).ok_or(Damage::NoColumnChunk)?.collect();
    let expected = guarded(|| Ok(n_columns(&field.dtype)))?;
    if leaves.len() != expected {
        let what = "column chunks of the column";
        return Err(Damage::Count { what, expected: expected as u64, found: leaves.len() as u64 });
    }
    let chunks = leaves.iter().map(|leaf| column_chunk(chunks, row_group, leaf)).collect::<Result<Vec<_>, _>>()?;
    let values = leaves.iter().filter_map(|leaf| u64::try_from(leaf.values).ok()).max();
    check_widths(&field.dtype, row_group.rows as u64, values.unwrap_or(0))?;
    let stored = stored(field, &leaves);
    let field = stored.as_ref().unwrap_or(field);
    let series = guarded(|| {
        let (pages, types) = leaves
            .iter()
            .zip(chunks)
            .map(|(leaf, (chunk, _))| {
                // Nothing in a page header can be larger than its chunk.
                let limit = chunk.len();
                let descriptor = &leaf.column.descriptor;
                let pages = PageMetaData::new(0, leaf.values, leaf.compression, descriptor.clone());
                let pages = PageReader::new_with_page_meta(Cursor::new(chunk), pages, Vec::new(), limit);
                (BasicDecompressor::new(pages, Vec::new()), &descriptor.primitive_type)
            })
            .unzip();
        let (arrays, _) = column_iter_to_arrays(pages, types, field.clone(), filter)?;
        Series::try_from((field, arrays))
    })?;
    if series.len() != rows {
        return Err(Damage::Count { what: "rows in the column", expected: rows as u64, found: series.len() as u64 });
    }
    Ok(match stored {
        Some(_) => series.cast(&DataType::Int64).map_err(Damage::Polars)?.into_column(),
        None => series.into_column(),
    })
}

/// An array that is null has as many values as any other in memory, and one in the file: arrays that take far more memory than
/// the `values` in the file are damage, as their width is what the file says.
fn check_widths(dtype: &ArrowDataType, rows: u64, values: u64) -> Result<(), Damage> {
    let in_memory = values_in_memory(dtype, rows, values);
    match in_memory <= MOST_NULLS.max(values.saturating_mul(2)) {
        true => Ok(()),
        false => Err(Damage::Count { what: "values of arrays", expected: values, found: in_memory }),
    }
}

/// About how many values there are in `count` values of a type, if the file has so many of them.
fn values_in_memory(dtype: &ArrowDataType, count: u64, values: u64) -> u64 {
    use ArrowDataType::{FixedSizeList, LargeList, List, Map, Struct};
    match dtype {
        FixedSizeList(inner, width) => values_in_memory(&inner.dtype, count.saturating_mul(*width as u64), values),
        List(inner) | LargeList(inner) | Map(inner, _) => {
            let width = values_in_memory(&inner.dtype, 1, 0);
            values_in_memory(&inner.dtype, values / width.max(1), values)
        },
        Struct(fields) => {
            let counts = fields.iter().map(|field| values_in_memory(&field.dtype, count, values));
            counts.max().unwrap_or(count)
        },
        _ => count,
    }
}

/// The field with the integers that the file holds, if it is one of decimals that lie in batches as integers too. They
/// are decoded in half the time of 128-bit decimals.
fn stored(field: &Field, leaves: &[ColumnChunk<'_>]) -> Option<Field> {
    use ArrowDataType::{Decimal, Decimal32, Decimal64};
    let is_narrow = matches!(field.dtype, Decimal32(p, _) | Decimal64(p, _) | Decimal(p, _) if p <= NARROW_DIGITS);
    let leaf = leaves.first().filter(|_| is_narrow && leaves.len() == 1)?;
    let dtype = match leaf.column.descriptor.primitive_type.physical_type {
        PhysicalType::Int32 => ArrowDataType::Int32,
        PhysicalType::Int64 => ArrowDataType::Int64,
        _ => return None,
    };
    Some(Field::new(field.name.clone(), dtype, field.is_nullable))
}

/// The checked bytes of a column chunk, and the encodings of its pages.
fn column_chunk(
    chunks: &Chunks,
    row_group: RowGroupFooter<'_>,
    leaf: &ColumnChunk<'_>,
) -> Result<(Buffer<u8>, Encodings), Damage> {
    let chunk = chunks.bytes(leaf)?;
    let flat = leaf.column.path_in_schema.len() == 1
        && leaf.column.descriptor.primitive_type.field_info.repetition != Repetition::Repeated;
    let rows = row_group.rows as u64;
    let values = u64::try_from(leaf.values).map_err(|_| Damage::Thrift("a negative number of values"))?;
    if flat && values != rows {
        return Err(Damage::Count { what: "values in the column chunk", expected: rows, found: values });
    }
    let encodings = check_pages(&chunk, values, leaf.uncompressed_size.try_into().unwrap_or(0))?;
    Ok((chunk, encodings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_do_not_take_far_more_memory_than_their_values() {
        let item = |dtype| Box::new(Field::new("item".into(), dtype, true));
        let array = |dtype, width| ArrowDataType::FixedSizeList(item(dtype), width);
        let is_refused = |dtype: &ArrowDataType, rows, values| check_widths(dtype, rows, values).is_err();
        let vector = array(ArrowDataType::Float32, 1 << 10);
        // All of them, a half that is not null, and few that are null.
        assert!(!is_refused(&vector, 1 << 20, 1 << 30));
        assert!(!is_refused(&vector, 1 << 20, (1 << 29) + (1 << 19)));
        assert!(!is_refused(&vector, 1 << 10, 1 << 10));
        assert!(is_refused(&vector, 1 << 20, 1 << 20));
        assert!(is_refused(&array(ArrowDataType::Int8, usize::MAX), 2, 2));
        assert!(is_refused(&array(vector.clone(), 1 << 20), 1, 1));
        let nested = ArrowDataType::Struct(vec![*item(ArrowDataType::LargeList(item(vector)))]);
        assert!(!is_refused(&nested, 1 << 10, 1 << 30));
        // Empty lists.
        assert!(!is_refused(&nested, 1 << 20, 1 << 20));
        assert!(!is_refused(&array(ArrowDataType::Int8, 0), 1 << 40, 1));
    }
}
