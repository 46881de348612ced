//! The dictionary of a column chunk of strings or binary values.

use polars_arrow::array::{Array, PrimitiveArray, View};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use super::select::pick;
use super::views::{Plain, array, view};
use crate::parquet::error::Damage;

#[derive(Default)]
pub(super) struct Dictionary {
    /// The values, as if their bytes were the first buffer.
    pub(super) views: Vec<View>,
    /// `None` if there is no dictionary.
    pub(super) bytes: Option<Buffer<u8>>,
}

impl Dictionary {
    /// The `values` values in `bytes`, or as many as there are if `is_part`.
    pub(super) fn new(bytes: Buffer<u8>, values: usize, is_text: bool, is_part: bool) -> Result<Self, Damage> {
        let mut plain = Plain::new(bytes, 0, None, is_text)?;
        let mut views = Vec::new();
        for _ in 0..values {
            let (start, length) = match plain.next() {
                Err(_) if is_part => break,
                next => next?,
            };
            plain.check(start, length)?;
            views.push(view(&plain.bytes, start, length, 0));
        }
        Ok(Self { views, bytes: Some(plain.bytes) })
    }

    /// The values, each once, and a null behind them.
    pub(super) fn with_null(&self, dtype: ArrowDataType) -> Box<dyn Array> {
        let mut views = self.views.clone();
        views.push(View::default());
        let validity = (0..views.len()).map(|index| index < self.views.len()).collect();
        // SAFETY: the views point into the bytes of the dictionary, which were checked to be UTF-8 if `dtype` says so: it is
        // the type that the dictionary was made for.
        unsafe { array(dtype, views, self.bytes.clone().into_iter().collect(), Some(validity)) }
    }

    /// The values of `codes`, or of those whose bit in `selected` is set.
    pub(super) fn gather(
        &self,
        codes: &PrimitiveArray<u32>,
        selected: Option<&Bitmap>,
        dtype: ArrowDataType,
    ) -> Box<dyn Array> {
        // A null has the code 0, which need not be in the dictionary.
        let view = |code: u32| self.views.get(code as usize).copied().unwrap_or_default();
        let stored = codes.values().as_slice();
        let (views, validity) = match selected {
            None => (stored.iter().map(|code| view(*code)).collect(), codes.validity().cloned()),
            Some(selected) => {
                let views = selected.true_idx_iter().map(|row| view(stored[row])).collect();
                (views, codes.validity().map(|validity| pick(validity, selected)))
            },
        };
        // SAFETY: as above.
        unsafe { array(dtype, views, self.bytes.clone().into_iter().collect(), validity) }
    }
}
