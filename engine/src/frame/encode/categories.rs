//! Categoricals: a code means something inside of one process only, so the strings travel with it.

use hashbrown::HashMap;
use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_core::prelude::{ArrayRef, CatNative, CatSize, CategoricalMapping, DataType};

use super::columns::{downcast, validity};
use super::views::{self, ViewChunk};
use super::{Layout, Piece};
use crate::frame::error::{Damage, FrameError};

/// Adds validity, codes that count the strings of this frame, and these strings in order of first use.
pub(super) fn lay_out<T: NativeType + CatNative>(
    layout: &mut Layout,
    dtype: &DataType,
    mapping: &CategoricalMapping,
    chunks: &[ArrayRef],
) -> Result<(), FrameError> {
    validity(layout, chunks);
    let arrays = downcast::<PrimitiveArray<T>>(layout, dtype, chunks)?;
    let mut places: HashMap<CatSize, CatSize, foldhash::fast::FixedState> = HashMap::default();
    let mut strings = Vec::new();
    let mut codes = Vec::with_capacity(arrays.iter().map(|array| array.len()).sum());
    for code in arrays.iter().flat_map(|array| array.iter()) {
        let Some(code) = code else {
            codes.push(T::default());
            continue;
        };
        let fresh = places.len() as CatSize;
        let place = *places.entry(code.as_cat()).or_insert(fresh);
        if place == fresh {
            let Some(string) = mapping.cat_to_str(code.as_cat()) else {
                return Err(FrameError::Column { column: layout.column.clone(), damage: Damage::Code(codes.len()) });
            };
            strings.push(string);
        }
        codes.push(T::from_cat(place));
    }
    layout.buffer([Piece::of(Buffer::from(codes))]);
    views::lay_out(layout, vec![ViewChunk::of(&Utf8ViewArray::from_slice_values(strings))])
}
