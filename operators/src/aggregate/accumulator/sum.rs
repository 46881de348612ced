//! Sums of integers and floats.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::types::NativeType;
use polars_compute::float_sum::sum_arr_as_f64;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, cast, native, nulls, series_of};

/// How numbers of a type are summed.
pub(crate) trait Addend: NativeType {
    fn add(&mut self, value: Self);

    /// The sum of all values that are not null.
    fn sum(array: &PrimitiveArray<Self>) -> Self {
        let mut sum = Self::default();
        match nulls(array) {
            None => array.values().iter().for_each(|&value| sum.add(value)),
            Some(_) => array.non_null_values_iter().for_each(|value| sum.add(value)),
        }
        sum
    }
}

macro_rules! wrapping_addend {
    ($($native:ty),*) => {$(
        /// Wraps around, as Polars does.
        impl Addend for $native {
            #[inline(always)]
            fn add(&mut self, value: Self) {
                *self = self.wrapping_add(value);
            }
        }
    )*};
}

wrapping_addend!(i32, i64, u32, u64);

impl Addend for f64 {
    #[inline(always)]
    fn add(&mut self, value: Self) {
        *self += value;
    }

    /// In pairs, which is both faster and closer than one by one.
    fn sum(array: &PrimitiveArray<Self>) -> Self {
        sum_arr_as_f64(array)
    }
}

/// Sum of the values that are not null, 0 if there are none. State: the sum, in the type `dtype`.
pub(crate) struct Sum<T> {
    dtype: DataType,
    sums: Vec<T>,
}

impl<T: Addend> Sum<T> {
    pub fn new(dtype: DataType) -> Self {
        Self { dtype, sums: Vec::new() }
    }

    fn fold(&mut self, rows: Rows<'_>, array: &PrimitiveArray<T>) {
        let Some(groups) = rows.groups else {
            return self.sums.iter_mut().take(1).for_each(|total| total.add(T::sum(array)));
        };
        match nulls(array) {
            None => {
                for (&group, &value) in groups.iter().zip(array.values().iter()) {
                    self.sums[group as usize].add(value);
                }
            },
            Some(validity) => {
                for ((&group, &value), valid) in groups.iter().zip(array.values().iter()).zip(validity.iter()) {
                    self.sums[group as usize].add(if valid { value } else { T::default() });
                }
            },
        }
    }
}

impl<T: Addend> Accumulator for Sum<T> {
    fn resize(&mut self, groups: usize) {
        self.sums.resize(groups, T::default());
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let array = native(&cast(input, &self.dtype)?)?;
            self.fold(rows, &array);
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        Ok(vec![series_of(std::mem::take(&mut self.sums), None, &self.dtype)])
    }

    fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<T>()
    }
}
