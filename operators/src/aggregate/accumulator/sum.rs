//! Sums.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::types::NativeType;
use polars_compute::float_sum::sum_arr_as_f64;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::{ErrorKind, OperatorError};

use super::{Accumulator, Rows, cast, native, nulls, series_of};

/// How numbers of a type are summed.
pub(crate) trait Addend: NativeType {
    /// Adds `value`; `true` if the sum left the range of its type and that matters.
    fn add(&mut self, value: Self) -> bool;

    /// The sum of all values that are not null, and whether it left the range of its type.
    fn sum(array: &PrimitiveArray<Self>) -> (Self, bool) {
        let mut sum = Self::default();
        let overflow = match nulls(array) {
            None => array.values().iter().fold(false, |overflow, &value| overflow | sum.add(value)),
            Some(_) => array.non_null_values_iter().fold(false, |overflow, value| overflow | sum.add(value)),
        };
        (sum, overflow)
    }

    /// Whether a sum may stand in a column of type `dtype`.
    fn fits(self, _dtype: &DataType) -> bool {
        true
    }
}

macro_rules! wrapping_addend {
    ($($native:ty),*) => {$(
        /// Wraps around, as Polars does.
        impl Addend for $native {
            #[inline(always)]
            fn add(&mut self, value: Self) -> bool {
                *self = self.wrapping_add(value);
                false
            }
        }
    )*};
}

wrapping_addend!(i32, i64, u32, u64);

impl Addend for f64 {
    #[inline(always)]
    fn add(&mut self, value: Self) -> bool {
        *self += value;
        false
    }

    /// In pairs, which is both faster and closer than one by one.
    fn sum(array: &PrimitiveArray<Self>) -> (Self, bool) {
        (sum_arr_as_f64(array), false)
    }
}

/// Decimals: exact or an error.
impl Addend for i128 {
    #[inline(always)]
    fn add(&mut self, value: Self) -> bool {
        let (sum, overflow) = self.overflowing_add(value);
        *self = sum;
        overflow
    }

    fn fits(self, dtype: &DataType) -> bool {
        match dtype {
            DataType::Decimal(precision, _) => {
                10u128.checked_pow(*precision as u32).is_none_or(|limit| self.unsigned_abs() < limit)
            },
            _ => true,
        }
    }
}

/// A sum has more digits than its type.
#[derive(Debug, thiserror::Error)]
#[error("a sum does not fit its type `{0}`: cast the column to `Float64` before summing it")]
struct SumOverflow(DataType);

/// Sum of the values that are not null, 0 if there are none. State: the sum, in the type `dtype`.
pub(crate) struct Sum<T> {
    dtype: DataType,
    sums: Vec<T>,
}

impl<T: Addend> Sum<T> {
    pub fn new(dtype: DataType) -> Self {
        Self { dtype, sums: Vec::new() }
    }

    /// Whether a sum left the range of its type.
    fn fold(&mut self, rows: Rows<'_>, array: &PrimitiveArray<T>) -> bool {
        let Some(groups) = rows.groups else {
            let (sum, overflow) = T::sum(array);
            return self.sums.first_mut().is_some_and(|total| total.add(sum)) | overflow;
        };
        let mut overflow = false;
        match nulls(array) {
            None => {
                for (&group, &value) in groups.iter().zip(array.values().iter()) {
                    overflow |= self.sums[group as usize].add(value);
                }
            },
            Some(validity) => {
                for ((&group, &value), valid) in groups.iter().zip(array.values().iter()).zip(validity.iter()) {
                    overflow |= self.sums[group as usize].add(if valid { value } else { T::default() });
                }
            },
        }
        overflow
    }

    fn overflow(&self) -> OperatorError {
        OperatorError::new(ErrorKind::Overflow, SumOverflow(self.dtype.clone()))
    }
}

impl<T: Addend> Accumulator for Sum<T> {
    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups, T::default());
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let array = native(&cast(input, &self.dtype)?)?;
            if self.fold(rows, &array) {
                return Err(self.overflow());
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let sums = std::mem::take(&mut self.sums);
        if !sums.iter().all(|sum| sum.fits(&self.dtype)) {
            return Err(self.overflow());
        }
        Ok(vec![series_of(sums, None, &self.dtype)])
    }

    fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<T>()
    }
}
