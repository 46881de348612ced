//! Rows of arrays that have others inside: lists, structs, maps, and values by number.

use std::ops::Range;

use polars_arrow::array::{
    Array, DictionaryArray, FixedSizeListArray, ListArray, MapArray, PrimitiveArray, StructArray, new_null_array,
};
use polars_arrow::datatypes::{ArrowDataType, Field, IntegerType};
use polars_arrow::io::ipc::IpcField;
use polars_arrow::offset::Offset;
use polars_arrow::types::NativeType;

use super::array::{decode, offsets, values};
use super::body::Parts;
use super::error::Damage;

/// The field, with the type that it was decoded to.
fn decoded(field: &Field, array: &dyn Array) -> Field {
    Field { dtype: array.dtype().clone(), ..field.clone() }
}

/// Rows of the only field inside of an array.
fn child(parts: &mut Parts<'_>, field: &Field, ids: &IpcField, rows: Range<usize>) -> Result<Box<dyn Array>, Damage> {
    let ids = ids.fields.first().ok_or(Damage::Schema("a list without a field"))?;
    decode(parts, &field.dtype, ids, rows)
}

pub(super) fn list<O: Offset>(
    parts: &mut Parts<'_>,
    field: &Field,
    ids: &IpcField,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let node = parts.node(rows.end)?;
    let validity = parts.validity(&node, &rows)?;
    let (offsets, range) = offsets::<O>(parts, &rows)?;
    let values = child(parts, field, ids, range)?;
    let field = Box::new(decoded(field, &*values));
    let dtype = if O::IS_LARGE { ArrowDataType::LargeList(field) } else { ArrowDataType::List(field) };
    Ok(ListArray::<O>::try_new(dtype, offsets, values, validity)?.boxed())
}

pub(super) fn array_of_lists(
    parts: &mut Parts<'_>,
    field: &Field,
    size: usize,
    ids: &IpcField,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let node = parts.node(rows.end)?;
    let validity = parts.validity(&node, &rows)?;
    let too_many = || Damage::Rows { expected: usize::MAX, found: node.rows };
    let start = rows.start.checked_mul(size).ok_or_else(too_many)?;
    let end = rows.end.checked_mul(size).ok_or_else(too_many)?;
    let values = child(parts, field, ids, start..end)?;
    let dtype = ArrowDataType::FixedSizeList(Box::new(decoded(field, &*values)), size);
    Ok(FixedSizeListArray::try_new(dtype, rows.len(), values, validity)?.boxed())
}

pub(super) fn structs(
    parts: &mut Parts<'_>,
    fields: &[Field],
    ids: &IpcField,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let node = parts.node(rows.end)?;
    let validity = parts.validity(&node, &rows)?;
    let values = fields.iter().zip(&ids.fields).map(|(field, ids)| decode(parts, &field.dtype, ids, rows.clone()));
    let values = values.collect::<Result<Vec<_>, Damage>>()?;
    let fields = fields.iter().zip(&values).map(|(field, values)| decoded(field, &**values));
    let dtype = ArrowDataType::Struct(fields.collect());
    Ok(StructArray::try_new(dtype, rows.len(), values, validity)?.boxed())
}

pub(super) fn map(
    parts: &mut Parts<'_>,
    entries: &Field,
    is_sorted: bool,
    ids: &IpcField,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let node = parts.node(rows.end)?;
    let validity = parts.validity(&node, &rows)?;
    let (offsets, range) = offsets::<i32>(parts, &rows)?;
    let values = child(parts, entries, ids, range)?;
    let dtype = ArrowDataType::Map(Box::new(decoded(entries, &*values)), is_sorted);
    Ok(MapArray::try_new(dtype, offsets, values, validity)?.boxed())
}

pub(super) fn dictionary(
    parts: &mut Parts<'_>,
    keys: IntegerType,
    is_ordered: bool,
    ids: &IpcField,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let values = parts.dictionaries.values(ids)?;
    let keys = self::keys(parts, keys, values.len(), &rows)?;
    let dtype = ArrowDataType::Dictionary(IntegerType::UInt32, Box::new(values.dtype().clone()), is_ordered);
    // Nulls have a key as well, which must be one.
    let values = if values.is_empty() { new_null_array(values.dtype().clone(), 1) } else { values };
    Ok(DictionaryArray::<u32>::try_new(dtype, keys, values)?.boxed())
}

/// The next array as keys of a dictionary with so many values; zero behind nulls.
pub(super) fn keys(
    parts: &mut Parts<'_>,
    keys: IntegerType,
    values: usize,
    rows: &Range<usize>,
) -> Result<PrimitiveArray<u32>, Damage> {
    match keys {
        IntegerType::Int8 => keys_of::<i8>(parts, values, rows),
        IntegerType::Int16 => keys_of::<i16>(parts, values, rows),
        IntegerType::Int32 => keys_of::<i32>(parts, values, rows),
        IntegerType::Int64 => keys_of::<i64>(parts, values, rows),
        IntegerType::UInt8 => keys_of::<u8>(parts, values, rows),
        IntegerType::UInt16 => keys_of::<u16>(parts, values, rows),
        IntegerType::UInt32 => keys_of::<u32>(parts, values, rows),
        IntegerType::UInt64 => keys_of::<u64>(parts, values, rows),
        IntegerType::Int128 | IntegerType::UInt128 => Err(Damage::Schema("a dictionary with keys of 128 bits")),
    }
}

fn keys_of<T: NativeType + Into<i128>>(
    parts: &mut Parts<'_>,
    count: usize,
    rows: &Range<usize>,
) -> Result<PrimitiveArray<u32>, Damage> {
    let (found, validity) = values::<T>(parts, rows)?;
    let mut keys = Vec::with_capacity(found.len());
    for (row, key) in found.iter().enumerate() {
        let key: i128 = (*key).into();
        let is_valid = || validity.as_ref().is_none_or(|validity| validity.get(row).unwrap_or(false));
        match u32::try_from(key) {
            Ok(key) if (key as usize) < count => keys.push(key),
            _ if !is_valid() => keys.push(0),
            _ => return Err(Damage::Key { key, values: count }),
        }
    }
    Ok(PrimitiveArray::from_vec(keys).with_validity(validity))
}
