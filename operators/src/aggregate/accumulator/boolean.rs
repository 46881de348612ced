//! Whether any or all values are true.

use polars_arrow::array::BooleanArray;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_core::prelude::{Column, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, nulls, unexpected};

const FALSE: u8 = 0;
const NULL: u8 = 1;
const TRUE: u8 = 2;

/// `any` and `all` in Kleene's logic, where false < null < true: the largest and the smallest value. State: that value.
pub(crate) struct Truth {
    any: bool,
    ignore_nulls: bool,
    values: Vec<u8>,
}

impl Truth {
    /// `any`: the operator, rather than `all`.
    pub fn new(any: bool, ignore_nulls: bool) -> Self {
        Self { any, ignore_nulls, values: Vec::new() }
    }

    /// What no row leaves.
    fn neutral(&self) -> u8 {
        if self.any { FALSE } else { TRUE }
    }

    #[inline(always)]
    fn fold(&mut self, rows: Rows<'_>, values: impl Iterator<Item = u8>) {
        for (row, value) in values.enumerate() {
            let held = &mut self.values[rows.groups.map_or(0, |groups| groups[row] as usize)];
            *held = if self.any { value.max(*held) } else { value.min(*held) };
        }
    }
}

impl Accumulator for Truth {
    fn resize(&mut self, groups: usize) {
        self.values.resize(groups, self.neutral());
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let series = input.as_materialized_series().rechunk();
            let Some(array) = series.chunks()[0].as_any().downcast_ref::<BooleanArray>() else {
                return Err(unexpected(input));
            };
            let values = array.values().iter().map(|value| if value { TRUE } else { FALSE });
            match nulls(array) {
                None => self.fold(rows, values),
                Some(validity) => {
                    let null = if self.ignore_nulls { self.neutral() } else { NULL };
                    self.fold(rows, values.zip(validity.iter()).map(|(value, valid)| if valid { value } else { null }));
                },
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let held = std::mem::take(&mut self.values);
        let values = Bitmap::from_trusted_len_iter(held.iter().map(|&value| value == TRUE));
        let validity =
            held.contains(&NULL).then(|| Bitmap::from_trusted_len_iter(held.iter().map(|&value| value != NULL)));
        let array = BooleanArray::new(ArrowDataType::Boolean, values, validity);
        Ok(vec![Series::from_arrow(PlSmallStr::EMPTY, array.boxed())?])
    }

    fn bytes(&self) -> usize {
        self.values.capacity()
    }
}
