//! Sums.

use std::ops::AddAssign;

use polars_arrow::array::PrimitiveArray;
use polars_arrow::types::NativeType;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::{ErrorKind, OperatorError};

use super::{Accumulator, Rows, cast, native, nulls, series_of};

/// With at most so many groups, every group has [`LANES`] running sums, so that an addition need not wait for the one
/// before to reach memory.
const FEW_GROUPS: usize = 256;
const LANES: usize = 4;

/// How numbers of a type are summed.
pub(crate) trait Addend: NativeType {
    /// Adds `value`; `true` if the sum left the range of its type and that matters.
    fn add(&mut self, value: Self) -> bool;

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
        self.add_assign(value);
        false
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
#[error("a sum does not fit its type `{0}`; cast the column to `Float64` before summing it")]
struct SumOverflow(DataType);

/// Sum of the values that are not null, 0 if there are none. State: the sum, in the type `dtype`.
pub(crate) struct Sum<T> {
    dtype: DataType,
    sums: Vec<T>,
    /// Scratch for few groups.
    lanes: Vec<[T; LANES]>,
}

impl<T: Addend> Sum<T> {
    pub fn new(dtype: DataType) -> Self {
        Self { dtype, sums: Vec::new(), lanes: Vec::new() }
    }

    fn fold(&mut self, rows: Rows<'_>, array: &PrimitiveArray<T>) -> bool {
        let values = array.values().as_slice();
        match (rows.groups, nulls(array)) {
            (None, None) => sum_all(&mut self.sums, values.iter().copied()),
            (None, Some(validity)) => {
                let values = values.iter().zip(validity.iter());
                sum_all(&mut self.sums, values.map(|(&value, valid)| if valid { value } else { T::default() }))
            },
            (Some(groups), None) => self.fold_groups(groups, values.iter().copied()),
            (Some(groups), Some(validity)) => {
                let values = values.iter().zip(validity.iter());
                self.fold_groups(groups, values.map(|(&value, valid)| if valid { value } else { T::default() }))
            },
        }
    }

    #[inline(always)]
    fn fold_groups(&mut self, groups: &[u32], values: impl ExactSizeIterator<Item = T>) -> bool {
        let mut overflow = false;
        if self.sums.len() > FEW_GROUPS || groups.len() < self.sums.len() * LANES {
            for (&group, value) in groups.iter().zip(values) {
                overflow |= self.sums[group as usize].add(value);
            }
            return overflow;
        }
        self.lanes.clear();
        self.lanes.resize(self.sums.len(), [T::default(); LANES]);
        for (row, (&group, value)) in groups.iter().zip(values).enumerate() {
            overflow |= self.lanes[group as usize][row % LANES].add(value);
        }
        for (sum, lanes) in self.sums.iter_mut().zip(&self.lanes) {
            for &lane in lanes {
                overflow |= sum.add(lane);
            }
        }
        overflow
    }

    fn overflow(&self) -> OperatorError {
        OperatorError::new(ErrorKind::Overflow, SumOverflow(self.dtype.clone()))
    }
}

/// Adds all values to the only group.
#[inline(always)]
fn sum_all<T: Addend>(sums: &mut [T], values: impl Iterator<Item = T>) -> bool {
    let Some(sum) = sums.first_mut() else { return false };
    let mut lanes = [T::default(); LANES];
    let mut overflow = false;
    for (row, value) in values.enumerate() {
        overflow |= lanes[row % LANES].add(value);
    }
    for lane in lanes {
        overflow |= sum.add(lane);
    }
    overflow
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
