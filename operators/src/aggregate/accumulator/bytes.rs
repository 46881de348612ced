//! Smallest and largest strings and byte strings.

use polars_arrow::array::{BinaryViewArray, MutableBinaryViewArray, Utf8ViewArray};
use polars_core::prelude::{Column, DataType, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, unexpected};

/// Smallest or largest string by its bytes. State: that string, null if there is none.
pub(crate) struct BytesExtremum {
    largest: bool,
    /// `String` or `Binary`.
    dtype: DataType,
    best: Vec<Option<Box<[u8]>>>,
    /// Bytes of all strings in `best`.
    held: usize,
}

impl BytesExtremum {
    pub fn new(largest: bool, dtype: DataType) -> Self {
        Self { largest, dtype, best: Vec::new(), held: 0 }
    }

    fn fold(&mut self, rows: Rows<'_>, array: &BinaryViewArray) {
        for (row, value) in array.iter().enumerate() {
            let Some(value) = value else { continue };
            let best = &mut self.best[rows.groups.map_or(0, |groups| groups[row] as usize)];
            let beats = match best.as_deref() {
                None => true,
                Some(best) if self.largest => value > best,
                Some(best) => value < best,
            };
            if beats {
                self.held = self.held + value.len() - best.as_ref().map_or(0, |best| best.len());
                *best = Some(value.into());
            }
        }
    }
}

impl Accumulator for BytesExtremum {
    fn resize(&mut self, groups: usize) {
        self.best.resize(groups, None);
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let series = input.as_materialized_series().rechunk();
            let array = series.chunks()[0].as_any();
            if let Some(array) = array.downcast_ref::<BinaryViewArray>() {
                self.fold(rows, array);
            } else if let Some(array) = array.downcast_ref::<Utf8ViewArray>() {
                self.fold(rows, &array.to_binview());
            } else {
                return Err(unexpected(input));
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let best = std::mem::take(&mut self.best);
        self.held = 0;
        let array: BinaryViewArray =
            MutableBinaryViewArray::<[u8]>::from_iter(best.iter().map(Option::as_deref)).freeze();
        let array = match self.dtype {
            DataType::String => array.to_utf8view()?.boxed(),
            _ => array.boxed(),
        };
        Ok(vec![Series::from_arrow(PlSmallStr::EMPTY, array)?])
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * size_of::<Option<Box<[u8]>>>() + self.held
    }
}
