//! Categoricals: the codes of the sender become codes of this process.

use polars_arrow::array::{PrimitiveArray, Utf8ViewArray};
use polars_arrow::types::NativeType;
use polars_buffer::Buffer;
use polars_core::prelude::{ArrayRef, CatNative, CatSize, CategoricalMapping};

use super::columns::{text, values};
use super::reader::{Reader, typed};
use crate::frame::error::{Damage, FrameError};

pub(super) fn read<T: NativeType + CatNative>(
    reader: &mut Reader,
    mapping: &CategoricalMapping,
    rows: usize,
) -> Result<ArrayRef, FrameError> {
    let places = values::<T>(reader, rows)?;
    let categories = categories(reader, mapping, rows)?;
    let mut codes = Vec::with_capacity(rows);
    for (row, place) in places.iter().enumerate() {
        let code = match place {
            None => T::default(),
            Some(place) => match categories.get(place.as_cat() as usize) {
                Some(code) => T::from_cat(*code),
                None => return Err(reader.damaged(Damage::Code(row))),
            },
        };
        codes.push(code);
    }
    reader.built(PrimitiveArray::try_new(T::PRIMITIVE.into(), Buffer::from(codes), places.validity().cloned()))
}

/// What this process calls the categories of the frame, in the order of the frame.
fn categories(reader: &mut Reader, mapping: &CategoricalMapping, rows: usize) -> Result<Vec<CatSize>, FrameError> {
    let views = reader.buffer()?;
    // The sender lists the categories that it uses: there are no more of them than rows.
    let most = rows.saturating_mul(16);
    if !views.len().is_multiple_of(16) || views.len() > most {
        return Err(reader.damaged(Damage::Length { part: "categories", expected: most, found: views.len() }));
    }
    let strings: Utf8ViewArray = text(reader, typed(views), None)?;
    strings
        .values_iter()
        .map(|string| mapping.insert_cat(string))
        .collect::<Result<_, _>>()
        .map_err(|error| reader.refused(error))
}
