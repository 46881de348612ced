//! Rows of an array, from its buffers. Every value is checked that Polars relies on: texts, offsets, views, keys.

use std::ops::Range;

use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArrayGeneric, BooleanArray, FixedSizeBinaryArray, NullArray, PrimitiveArray,
    Utf8Array, View, ViewType,
};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::io::ipc::IpcField;
use polars_arrow::offset::{Offset, OffsetsBuffer};
use polars_arrow::types::{NativeType, i256};
use polars_buffer::Buffer;

use super::body::Parts;
use super::error::Damage;
use super::nested::{array_of_lists, dictionary, list, map, structs};
use super::typed::typed;

/// Some rows of the next array of `parts`, which is of type `dtype`. Decimals of any width become those of 128 bits, and keys
/// of dictionaries those of 32; all other types stay.
pub(super) fn decode(
    parts: &mut Parts<'_>,
    dtype: &ArrowDataType,
    ids: &IpcField,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    use ArrowDataType::*;
    Ok(match dtype {
        Null => {
            parts.node(rows.end)?;
            NullArray::try_new(Null, rows.len())?.boxed()
        },
        Boolean => {
            let node = parts.node(rows.end)?;
            let validity = parts.validity(&node, &rows)?;
            BooleanArray::try_new(Boolean, parts.bits(&rows)?, validity)?.boxed()
        },
        Int8 => primitive::<i8>(parts, dtype, rows)?,
        Int16 => primitive::<i16>(parts, dtype, rows)?,
        Int32 | Date32 | Time32(_) => primitive::<i32>(parts, dtype, rows)?,
        Int64 | Date64 | Time64(_) | Timestamp(..) | Duration(_) => primitive::<i64>(parts, dtype, rows)?,
        UInt8 => primitive::<u8>(parts, dtype, rows)?,
        UInt16 => primitive::<u16>(parts, dtype, rows)?,
        UInt32 => primitive::<u32>(parts, dtype, rows)?,
        UInt64 => primitive::<u64>(parts, dtype, rows)?,
        UInt128 => primitive::<u128>(parts, dtype, rows)?,
        Float32 => primitive::<f32>(parts, dtype, rows)?,
        Float64 => primitive::<f64>(parts, dtype, rows)?,
        Decimal(precision, scale) => decimals::<i128>(parts, *precision, *scale, rows, Some)?,
        Decimal32(precision, scale) => decimals::<i32>(parts, *precision, *scale, rows, |v| Some(v.into()))?,
        Decimal64(precision, scale) => decimals::<i64>(parts, *precision, *scale, rows, |v| Some(v.into()))?,
        Decimal256(precision, scale) => decimals::<i256>(parts, *precision, *scale, rows, |v| v.try_into().ok())?,
        FixedSizeBinary(width) => {
            let node = parts.node(rows.end)?;
            let validity = parts.validity(&node, &rows)?;
            let (start, end) = (rows.start.checked_mul(*width), rows.end.checked_mul(*width));
            let bytes = typed::<u8>(&parts.buffer()?, start.unwrap_or(0)..end.unwrap_or(usize::MAX))?;
            FixedSizeBinaryArray::try_new(dtype.clone(), bytes, validity)?.boxed()
        },
        Binary => binary::<i32>(parts, dtype, rows)?,
        LargeBinary => binary::<i64>(parts, dtype, rows)?,
        Utf8 => utf8::<i32>(parts, dtype, rows)?,
        LargeUtf8 => utf8::<i64>(parts, dtype, rows)?,
        BinaryView => views::<[u8]>(parts, dtype, rows)?,
        Utf8View => views::<str>(parts, dtype, rows)?,
        List(child) => list::<i32>(parts, child, ids, rows)?,
        LargeList(child) => list::<i64>(parts, child, ids, rows)?,
        FixedSizeList(child, size) => array_of_lists(parts, child, *size, ids, rows)?,
        Struct(fields) => structs(parts, fields, ids, rows)?,
        Map(entries, is_sorted) => map(parts, entries, *is_sorted, ids, rows)?,
        Dictionary(keys, _, is_ordered) => dictionary(parts, *keys, *is_ordered, ids, rows)?,
        _ => return Err(Damage::Schema("a type that Polars does not have")),
    })
}

/// Values of fixed width, and which of them are not null.
pub(super) fn values<T: NativeType>(
    parts: &mut Parts<'_>,
    rows: &Range<usize>,
) -> Result<(Buffer<T>, Option<Bitmap>), Damage> {
    let node = parts.node(rows.end)?;
    let validity = parts.validity(&node, rows)?;
    Ok((typed(&parts.buffer()?, rows.clone())?, validity))
}

fn primitive<T: NativeType>(
    parts: &mut Parts<'_>,
    dtype: &ArrowDataType,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let (values, validity) = values::<T>(parts, &rows)?;
    Ok(PrimitiveArray::try_new(dtype.clone(), values, validity)?.boxed())
}

fn decimals<T: NativeType>(
    parts: &mut Parts<'_>,
    precision: usize,
    scale: usize,
    rows: Range<usize>,
    widen: impl Fn(T) -> Option<i128>,
) -> Result<Box<dyn Array>, Damage> {
    let (values, validity) = values::<T>(parts, &rows)?;
    let end = u32::try_from(precision).ok().and_then(|digits| 10u128.checked_pow(digits)).unwrap_or(u128::MAX);
    let fits = |value: &T| widen(*value).filter(|value| value.unsigned_abs() < end);
    let mut wide = Vec::with_capacity(values.len());
    for (row, value) in values.iter().enumerate() {
        let is_valid = || validity.as_ref().is_none_or(|validity| validity.get(row).unwrap_or(false));
        match fits(value) {
            Some(value) => wide.push(value),
            // What stands behind a null is of no account.
            None if !is_valid() => wide.push(0),
            None => return Err(Damage::Decimal { row, precision }),
        }
    }
    Ok(PrimitiveArray::try_new(ArrowDataType::Decimal(precision, scale), wide.into(), validity)?.boxed())
}

/// The offsets of some rows, from zero on, and the range of values that they lead to.
pub(super) fn offsets<O: Offset>(
    parts: &mut Parts<'_>,
    rows: &Range<usize>,
) -> Result<(OffsetsBuffer<O>, Range<usize>), Damage> {
    let bytes = parts.buffer()?;
    if rows.is_empty() {
        // Old writers leave the one offset of no rows out.
        return Ok((OffsetsBuffer::default(), 0..0));
    }
    let found = typed::<O>(&bytes, rows.start..rows.end + 1)?;
    let checked = OffsetsBuffer::try_from(found).map_err(|_| Damage::Offsets)?;
    let (start, end) = (checked.first().to_usize(), checked.last().to_usize());
    if start == 0 {
        return Ok((checked, 0..end));
    }
    let first = *checked.first();
    let moved: Vec<O> = checked.buffer().iter().map(|offset| *offset - first).collect();
    Ok((OffsetsBuffer::try_from(moved).map_err(|_| Damage::Offsets)?, start..end))
}

/// Offsets, bytes, and which rows are not null.
type Bytes<O> = (OffsetsBuffer<O>, Buffer<u8>, Option<Bitmap>);

fn bytes<O: Offset>(parts: &mut Parts<'_>, rows: Range<usize>) -> Result<Bytes<O>, Damage> {
    let node = parts.node(rows.end)?;
    let validity = parts.validity(&node, &rows)?;
    let (offsets, range) = offsets::<O>(parts, &rows)?;
    let bytes = parts.buffer()?;
    match range.end <= bytes.len() {
        true => Ok((offsets, bytes.sliced(range), validity)),
        false => Err(Damage::Offsets),
    }
}

fn binary<O: Offset>(
    parts: &mut Parts<'_>,
    dtype: &ArrowDataType,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let (offsets, bytes, validity) = bytes::<O>(parts, rows)?;
    Ok(BinaryArray::<O>::try_new(dtype.clone(), offsets, bytes, validity)?.boxed())
}

fn utf8<O: Offset>(parts: &mut Parts<'_>, dtype: &ArrowDataType, rows: Range<usize>) -> Result<Box<dyn Array>, Damage> {
    let (offsets, bytes, validity) = bytes::<O>(parts, rows)?;
    Ok(Utf8Array::<O>::try_new(dtype.clone(), offsets, bytes, validity)?.boxed())
}

fn views<T: ViewType + ?Sized>(
    parts: &mut Parts<'_>,
    dtype: &ArrowDataType,
    rows: Range<usize>,
) -> Result<Box<dyn Array>, Damage> {
    let (views, validity) = values::<View>(parts, &rows)?;
    let texts = Buffer::from(parts.texts()?);
    let checked = |views| BinaryViewArrayGeneric::<T>::try_new(dtype.clone(), views, texts.clone(), validity.clone());
    match (checked(views.clone()), &validity) {
        (Ok(array), _) => Ok(array.boxed()),
        (Err(error), None) => Err(error.into()),
        (Err(_), Some(validity)) => {
            // Perhaps only what stands behind nulls is wrong, which is of no account.
            let valid = views.iter().zip(validity.iter());
            let valid = valid.map(|(view, is_valid)| if is_valid { *view } else { View::default() });
            Ok(checked(valid.collect())?.boxed())
        },
    }
}
