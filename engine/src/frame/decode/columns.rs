//! Arrays of one column, by type.

use std::ops::RangeInclusive;

use polars_arrow::array::{
    BinaryViewArrayGeneric, BooleanArray, FixedSizeListArray, ListArray, NullArray, PrimitiveArray, StructArray, View,
    ViewType,
};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_arrow::offset::OffsetsBuffer;
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_core::prelude::{ArrayRef, CatNative, CategoricalPhysical, DataType, Field};

use super::categories;
use super::reader::{Checks, Reader};
use crate::frame::MAX_ROWS_WITHOUT_BYTES;
use crate::frame::error::{Damage, FrameError};
use crate::frame::validate;

/// The next array, in the physical form of `dtype`.
pub(super) fn read(reader: &mut Reader, dtype: &DataType, rows: usize) -> Result<ArrayRef, FrameError> {
    match dtype {
        DataType::Null => {
            without_bytes(reader, rows)?;
            reader.built(NullArray::try_new(ArrowDataType::Null, rows))
        },
        DataType::Boolean => {
            let validity = reader.validity(rows)?;
            let bits = reader.bits("bits", rows)?;
            reader.built(BooleanArray::try_new(ArrowDataType::Boolean, bits, validity))
        },
        DataType::Int8 => Ok(values::<i8>(reader, rows)?.boxed()),
        DataType::Int16 => Ok(values::<i16>(reader, rows)?.boxed()),
        DataType::Int32 => Ok(values::<i32>(reader, rows)?.boxed()),
        DataType::Int64 | DataType::Duration(_) => Ok(values::<i64>(reader, rows)?.boxed()),
        DataType::UInt8 => Ok(values::<u8>(reader, rows)?.boxed()),
        DataType::UInt16 => Ok(values::<u16>(reader, rows)?.boxed()),
        DataType::UInt32 => Ok(values::<u32>(reader, rows)?.boxed()),
        DataType::UInt64 => Ok(values::<u64>(reader, rows)?.boxed()),
        DataType::Int128 => Ok(values::<i128>(reader, rows)?.boxed()),
        DataType::UInt128 => Ok(values::<u128>(reader, rows)?.boxed()),
        DataType::Float32 => Ok(values::<f32>(reader, rows)?.boxed()),
        DataType::Float64 => Ok(values::<f64>(reader, rows)?.boxed()),
        DataType::Date => in_range::<i32>(reader, rows, validate::DAYS),
        DataType::Time => in_range::<i64>(reader, rows, validate::TIMES),
        DataType::Datetime(unit, _) => in_range::<i64>(reader, rows, validate::datetimes(*unit)),
        DataType::Decimal(precision, _) => in_range::<i128>(reader, rows, validate::decimals(*precision)),
        DataType::String => {
            let validity = reader.validity(rows)?;
            let views = reader.values("views", rows)?;
            Ok(text::<str>(reader, views, validity)?.boxed())
        },
        DataType::Binary => {
            let validity = reader.validity(rows)?;
            let views = reader.values("views", rows)?;
            Ok(text::<[u8]>(reader, views, validity)?.boxed())
        },
        DataType::List(inner) => list(reader, inner, rows),
        DataType::Array(inner, width) => array(reader, inner, *width, rows),
        DataType::Struct(fields) => structure(reader, fields, rows),
        DataType::Enum(categories, _) => {
            let count = categories.categories().len();
            match categories.physical() {
                CategoricalPhysical::U8 => enumeration::<u8>(reader, count, rows),
                CategoricalPhysical::U16 => enumeration::<u16>(reader, count, rows),
                CategoricalPhysical::U32 => enumeration::<u32>(reader, count, rows),
            }
        },
        DataType::Categorical(categories, mapping) => match categories.physical() {
            CategoricalPhysical::U8 => categories::read::<u8>(reader, mapping, rows),
            CategoricalPhysical::U16 => categories::read::<u16>(reader, mapping, rows),
            CategoricalPhysical::U32 => categories::read::<u32>(reader, mapping, rows),
        },
        other => Err(FrameError::Unsupported { column: reader.column.clone(), dtype: other.to_string() }),
    }
}

/// Validity and values.
pub(super) fn values<T: NativeType>(reader: &mut Reader, rows: usize) -> Result<PrimitiveArray<T>, FrameError> {
    let validity = reader.validity(rows)?;
    let values = reader.values("values", rows)?;
    PrimitiveArray::try_new(T::PRIMITIVE.into(), values, validity).map_err(|error| reader.refused(error))
}

fn in_range<T: NativeType + PartialOrd>(
    reader: &mut Reader,
    rows: usize,
    range: RangeInclusive<T>,
) -> Result<ArrayRef, FrameError> {
    let array = values::<T>(reader, rows)?;
    reader.check(|| validate::in_range(array.values(), array.validity(), range))?;
    Ok(array.boxed())
}

fn enumeration<T: NativeType + CatNative>(
    reader: &mut Reader,
    categories: usize,
    rows: usize,
) -> Result<ArrayRef, FrameError> {
    let array = values::<T>(reader, rows)?;
    reader.check(|| validate::codes(array.values(), array.validity(), categories))?;
    Ok(array.boxed())
}

/// The text of `views`, and with it the array.
pub(super) fn text<T: ViewType + ?Sized>(
    reader: &mut Reader,
    views: Buffer<View>,
    validity: Option<Bitmap>,
) -> Result<BinaryViewArrayGeneric<T>, FrameError> {
    let text = reader.buffer()?;
    reader.check(|| validate::views(&views, &text, T::IS_UTF8))?;
    let length = text.len();
    let buffers = if text.is_empty() { Buffer::new() } else { Buffer::from(vec![text]) };
    // SAFETY: `validate::views` has checked that each view lies within the text, that its prefix or its bytes in place are
    // well formed, and that strings are UTF-8; where checks are off, the caller of `decode_unchecked` vouches for it. The
    // validity has one bit for each view: both were sized by the same number of rows, or there is none.
    Ok(unsafe {
        BinaryViewArrayGeneric::new_unchecked_unknown_md(T::DATA_TYPE, views, buffers, validity, Some(length))
    })
}

fn list(reader: &mut Reader, inner: &DataType, rows: usize) -> Result<ArrayRef, FrameError> {
    let validity = reader.validity(rows)?;
    let offsets: Buffer<i64> = reader.values("offsets", rows.saturating_add(1))?;
    let ends = offsets.first().zip(offsets.last()).filter(|(first, _)| **first == 0);
    let items = ends.and_then(|(_, last)| usize::try_from(*last).ok());
    let items = items.ok_or_else(|| reader.damaged(Damage::Offsets))?;
    let offsets = match reader.checks {
        Checks::On => OffsetsBuffer::try_from(offsets).map_err(|_| reader.damaged(Damage::Offsets))?,
        // SAFETY: the caller of `decode_unchecked` vouches for ascending offsets.
        Checks::Off => unsafe { OffsetsBuffer::new_unchecked(offsets) },
    };
    let items = read(reader, inner, items)?;
    let dtype = ListArray::<i64>::default_datatype(items.dtype().clone());
    reader.built(ListArray::<i64>::try_new(dtype, offsets, items, validity))
}

fn array(reader: &mut Reader, inner: &DataType, width: usize, rows: usize) -> Result<ArrayRef, FrameError> {
    if width == 0 {
        without_bytes(reader, rows)?;
    }
    let validity = reader.validity(rows)?;
    let items = rows.checked_mul(width).ok_or_else(|| reader.damaged(Damage::Rows(rows as u64)))?;
    let items = read(reader, inner, items)?;
    let dtype = FixedSizeListArray::default_datatype(items.dtype().clone(), width);
    reader.built(FixedSizeListArray::try_new(dtype, rows, items, validity))
}

fn structure(reader: &mut Reader, fields: &[Field], rows: usize) -> Result<ArrayRef, FrameError> {
    if fields.is_empty() {
        without_bytes(reader, rows)?;
    }
    let validity = reader.validity(rows)?;
    let mut types = Vec::with_capacity(fields.len());
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let array = read(reader, field.dtype(), rows)?;
        types.push(ArrowField::new(field.name().clone(), array.dtype().clone(), true));
        values.push(array);
    }
    reader.built(StructArray::try_new(ArrowDataType::Struct(types), rows, values, validity))
}

/// Rows that no bytes vouch for.
fn without_bytes(reader: &Reader, rows: usize) -> Result<(), FrameError> {
    if rows > MAX_ROWS_WITHOUT_BYTES { Err(reader.damaged(Damage::Rows(rows as u64))) } else { Ok(()) }
}
