//! The buffers of one column, by type.

use polars_arrow::array::{
    Array, BinaryViewArray, BooleanArray, FixedSizeListArray, ListArray, PrimitiveArray, StructArray, Utf8ViewArray,
};
use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_core::prelude::{ArrayRef, CategoricalPhysical, DataType, Field};

use super::views::ViewChunk;
use super::{Layout, Piece, categories, views};
use crate::frame::MAX_ROWS_WITHOUT_BYTES;
use crate::frame::error::FrameError;

/// Adds the buffers of a column whose chunks are `chunks`, in their physical form.
pub(super) fn lay_out(layout: &mut Layout, dtype: &DataType, chunks: &[ArrayRef]) -> Result<(), FrameError> {
    match dtype {
        DataType::Null => without_bytes(layout, chunks),
        DataType::Boolean => boolean(layout, dtype, chunks),
        DataType::Int8 => values::<i8>(layout, dtype, chunks),
        DataType::Int16 => values::<i16>(layout, dtype, chunks),
        DataType::Int32 | DataType::Date => values::<i32>(layout, dtype, chunks),
        DataType::Int64 | DataType::Datetime(..) | DataType::Duration(_) | DataType::Time => {
            values::<i64>(layout, dtype, chunks)
        },
        DataType::UInt8 => values::<u8>(layout, dtype, chunks),
        DataType::UInt16 => values::<u16>(layout, dtype, chunks),
        DataType::UInt32 => values::<u32>(layout, dtype, chunks),
        DataType::UInt64 => values::<u64>(layout, dtype, chunks),
        DataType::Float32 => values::<f32>(layout, dtype, chunks),
        DataType::Float64 => values::<f64>(layout, dtype, chunks),
        DataType::Decimal(..) | DataType::Int128 => values::<i128>(layout, dtype, chunks),
        DataType::UInt128 => values::<u128>(layout, dtype, chunks),
        DataType::String => {
            validity(layout, chunks);
            let arrays = downcast::<Utf8ViewArray>(layout, dtype, chunks)?;
            views::lay_out(layout, arrays.into_iter().map(ViewChunk::of).collect())
        },
        DataType::Binary => {
            validity(layout, chunks);
            let arrays = downcast::<BinaryViewArray>(layout, dtype, chunks)?;
            views::lay_out(layout, arrays.into_iter().map(ViewChunk::of).collect())
        },
        DataType::List(inner) => list(layout, dtype, inner, chunks),
        DataType::Array(inner, width) => array(layout, dtype, inner, *width, chunks),
        DataType::Struct(fields) => structure(layout, dtype, fields, chunks),
        DataType::Enum(categories, _) => match categories.physical() {
            CategoricalPhysical::U8 => values::<u8>(layout, dtype, chunks),
            CategoricalPhysical::U16 => values::<u16>(layout, dtype, chunks),
            CategoricalPhysical::U32 => values::<u32>(layout, dtype, chunks),
        },
        DataType::Categorical(categories, mapping) => match categories.physical() {
            CategoricalPhysical::U8 => categories::lay_out::<u8>(layout, dtype, mapping, chunks),
            CategoricalPhysical::U16 => categories::lay_out::<u16>(layout, dtype, mapping, chunks),
            CategoricalPhysical::U32 => categories::lay_out::<u32>(layout, dtype, mapping, chunks),
        },
        other => Err(layout.unsupported(other)),
    }
}

/// The chunks as arrays of the physical type that `dtype` has.
pub(super) fn downcast<'a, A: Array>(
    layout: &Layout,
    dtype: &DataType,
    chunks: &'a [ArrayRef],
) -> Result<Vec<&'a A>, FrameError> {
    let arrays = chunks.iter().map(|chunk| chunk.as_any().downcast_ref::<A>());
    arrays.collect::<Option<_>>().ok_or_else(|| layout.unsupported(dtype))
}

/// The validity of all chunks as one buffer, empty without nulls.
pub(super) fn validity(layout: &mut Layout, chunks: &[ArrayRef]) {
    let nulls = chunks.iter().any(|chunk| chunk.validity().is_some_and(|validity| validity.unset_bits() > 0));
    let parts: Vec<_> = chunks.iter().map(|chunk| (chunk.validity(), chunk.len())).collect();
    layout.buffer(nulls.then(|| Piece::Bytes(joined(&parts))));
}

/// One run of bits that starts at a whole byte; a missing bitmap stands for ones.
fn joined(parts: &[(Option<&Bitmap>, usize)]) -> Buffer<u8> {
    if let [(Some(bitmap), _)] = parts {
        let (bytes, offset, _) = bitmap.as_buffer();
        if offset == 0 {
            return bytes;
        }
    }
    let mut builder = BitmapBuilder::with_capacity(parts.iter().map(|(_, length)| length).sum());
    for (bitmap, length) in parts {
        match bitmap {
            Some(bitmap) => builder.extend_from_bitmap(bitmap),
            None => builder.extend_constant(*length, true),
        }
    }
    builder.freeze().as_buffer().0
}

fn without_bytes(layout: &mut Layout, chunks: &[ArrayRef]) -> Result<(), FrameError> {
    let rows: usize = chunks.iter().map(|chunk| chunk.len()).sum();
    if rows > MAX_ROWS_WITHOUT_BYTES { Err(layout.too_large()) } else { Ok(()) }
}

fn boolean(layout: &mut Layout, dtype: &DataType, chunks: &[ArrayRef]) -> Result<(), FrameError> {
    validity(layout, chunks);
    let arrays = downcast::<BooleanArray>(layout, dtype, chunks)?;
    let parts: Vec<_> = arrays.iter().map(|array| (Some(array.values()), array.len())).collect();
    layout.buffer([Piece::Bytes(joined(&parts))]);
    Ok(())
}

fn values<T: NativeType>(layout: &mut Layout, dtype: &DataType, chunks: &[ArrayRef]) -> Result<(), FrameError> {
    validity(layout, chunks);
    let arrays = downcast::<PrimitiveArray<T>>(layout, dtype, chunks)?;
    layout.buffer(arrays.into_iter().map(|array| Piece::of(array.values().clone())));
    Ok(())
}

fn list(layout: &mut Layout, dtype: &DataType, inner: &DataType, chunks: &[ArrayRef]) -> Result<(), FrameError> {
    validity(layout, chunks);
    let arrays = downcast::<ListArray<i64>>(layout, dtype, chunks)?;
    let mut items = Vec::with_capacity(arrays.len());
    for array in &arrays {
        let (first, last) = (*array.offsets().first(), *array.offsets().last());
        items.push(array.values().sliced(first as usize, (last - first) as usize));
    }
    match arrays.as_slice() {
        [array] if *array.offsets().first() == 0 => layout.buffer([Piece::of(array.offsets().buffer().clone())]),
        _ => {
            let mut offsets = vec![0i64];
            let mut base = 0;
            for array in arrays {
                let (first, last) = (*array.offsets().first(), *array.offsets().last());
                offsets.extend(array.offsets().as_slice().iter().skip(1).map(|offset| offset - first + base));
                base += last - first;
            }
            layout.buffer([Piece::of(Buffer::from(offsets))]);
        },
    }
    lay_out(layout, inner, &items)
}

fn array(
    layout: &mut Layout,
    dtype: &DataType,
    inner: &DataType,
    width: usize,
    chunks: &[ArrayRef],
) -> Result<(), FrameError> {
    if width == 0 {
        without_bytes(layout, chunks)?;
    }
    validity(layout, chunks);
    let arrays = downcast::<FixedSizeListArray>(layout, dtype, chunks)?;
    let items: Vec<ArrayRef> = arrays.iter().map(|array| array.values().clone()).collect();
    lay_out(layout, inner, &items)
}

fn structure(layout: &mut Layout, dtype: &DataType, fields: &[Field], chunks: &[ArrayRef]) -> Result<(), FrameError> {
    if fields.is_empty() {
        without_bytes(layout, chunks)?;
    }
    validity(layout, chunks);
    let arrays = downcast::<StructArray>(layout, dtype, chunks)?;
    for (position, field) in fields.iter().enumerate() {
        let values = arrays.iter().map(|array| array.values().get(position).cloned());
        let values: Vec<_> = values.collect::<Option<_>>().ok_or_else(|| layout.unsupported(dtype))?;
        lay_out(layout, field.dtype(), &values)?;
    }
    Ok(())
}
