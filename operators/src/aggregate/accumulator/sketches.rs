//! Sketches of groups, as a column of bytes.

use polars_arrow::array::{BinaryViewArray, MutableBinaryViewArray};
use polars_core::prelude::{Column, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};

/// Rows that come, at least, before the sketches are weighed again.
const WEIGHED_ROWS: usize = 1 << 12;

/// The bytes of many sketches, which are weighed once as many rows have come as there are sketches.
#[derive(Default)]
pub(crate) struct Weight {
    bytes: usize,
    rows: usize,
}

impl Weight {
    /// Notes that rows have come.
    pub fn add<S>(&mut self, rows: usize, sketches: &[S], bytes: impl Fn(&S) -> usize) {
        self.rows += rows;
        if self.rows >= sketches.len().max(WEIGHED_ROWS) {
            self.rows = 0;
            self.bytes = sketches.iter().map(bytes).sum();
        }
    }

    /// Bytes that sketches held when they were last weighed.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A column of one image a group.
pub(crate) fn images<B: AsRef<[u8]>>(images: impl Iterator<Item = B>) -> Result<Series, OperatorError> {
    let mut array = MutableBinaryViewArray::<[u8]>::new();
    images.for_each(|image| array.push_value(image.as_ref()));
    let array: BinaryViewArray = array.freeze();
    Ok(Series::from_arrow(PlSmallStr::EMPTY, Box::new(array))?)
}

/// Calls `each` with the row and bytes of every image of a column.
pub(crate) fn each_image(
    column: &Column,
    mut each: impl FnMut(usize, &[u8]) -> Result<(), OperatorError>,
) -> Result<(), OperatorError> {
    for (row, image) in column.as_materialized_series().binary()?.iter().enumerate() {
        each(row, image.ok_or_else(damaged)?)?;
    }
    Ok(())
}

/// An image that no sketch has.
pub(crate) fn damaged() -> OperatorError {
    OperatorError::message(ErrorKind::Internal, "a sketch of an aggregate is damaged".to_string())
}
