//! Smallest and largest numbers.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, cast, native, nulls, series_of};

/// Numbers that have a smallest and a largest.
pub(crate) trait Ordered: NativeType {
    /// Whether `self` takes the place of `best`. `largest`: which end is looked for. `propagate_nans`: whether NaN takes the place of
    /// everything, rather than of nothing.
    fn beats(self, best: Self, largest: bool, propagate_nans: bool) -> bool;
}

macro_rules! ordered_integer {
    ($($native:ty),*) => {$(
        impl Ordered for $native {
            #[inline(always)]
            fn beats(self, best: Self, largest: bool, _propagate_nans: bool) -> bool {
                if largest { self > best } else { self < best }
            }
        }
    )*};
}

macro_rules! ordered_float {
    ($($native:ty),*) => {$(
        impl Ordered for $native {
            #[inline(always)]
            fn beats(self, best: Self, largest: bool, propagate_nans: bool) -> bool {
                let nan = if propagate_nans { self.is_nan() } else { best.is_nan() };
                nan || if largest { self > best } else { self < best }
            }
        }
    )*};
}

ordered_integer!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128);
ordered_float!(f32, f64);

/// Smallest or largest value that is not null. State: that value, null if there is none.
pub(crate) struct Extremum<T> {
    largest: bool,
    propagate_nans: bool,
    dtype: DataType,
    /// The type that the column is cast to for the comparison: `dtype`, or numbers for booleans.
    compared: DataType,
    best: Vec<T>,
    seen: Vec<bool>,
}

impl<T: Ordered> Extremum<T> {
    pub fn new(largest: bool, propagate_nans: bool, dtype: DataType, compared: DataType) -> Self {
        Self { largest, propagate_nans, dtype, compared, best: Vec::new(), seen: Vec::new() }
    }

    #[inline(always)]
    fn offer(&mut self, group: usize, value: T) {
        let (best, seen) = (&mut self.best[group], &mut self.seen[group]);
        if !*seen || value.beats(*best, self.largest, self.propagate_nans) {
            *best = value;
            *seen = true;
        }
    }

    /// Offers the best of `values` to the only group.
    fn offer_best(&mut self, values: impl Iterator<Item = T>) {
        let (largest, propagate_nans) = (self.largest, self.propagate_nans);
        let better = |best: T, value: T| if value.beats(best, largest, propagate_nans) { value } else { best };
        if let Some(best) = values.reduce(better) {
            self.offer(0, best);
        }
    }

    fn fold(&mut self, rows: Rows<'_>, array: &PrimitiveArray<T>) {
        let values = array.values().as_slice();
        match (rows.groups, nulls(array)) {
            (None, None) => self.offer_best(values.iter().copied()),
            (None, Some(_)) => self.offer_best(array.non_null_values_iter()),
            (Some(groups), None) => {
                groups.iter().zip(values).for_each(|(&group, &value)| self.offer(group as usize, value));
            },
            (Some(groups), Some(validity)) => {
                validity.true_idx_iter().for_each(|row| self.offer(groups[row] as usize, values[row]));
            },
        }
    }
}

impl<T: Ordered> Accumulator for Extremum<T> {
    fn resize(&mut self, groups: usize) {
        self.best.resize(groups, T::default());
        self.seen.resize(groups, false);
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let array = native(&cast(input, &self.compared)?)?;
            self.fold(rows, &array);
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let seen = std::mem::take(&mut self.seen);
        let validity = seen.contains(&false).then(|| Bitmap::from_trusted_len_iter(seen.iter().copied()));
        let best = series_of(std::mem::take(&mut self.best), validity, &self.compared);
        Ok(vec![if self.dtype == self.compared { best } else { best.cast(&self.dtype)? }])
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * size_of::<T>() + self.seen.capacity()
    }
}
