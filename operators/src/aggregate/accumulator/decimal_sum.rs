//! Sums of decimals.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::physical::{magnitude_bits, narrow};

use super::few_groups::{FEW, sum_by_group};
use super::{Accumulator, Rows, cast, native, nulls, series_of};

/// Sum of the decimals that are not null, 0 if there are none; exact or an error. State: the sum, of 38 digits.
///
/// Values of 64 bits are added to sums of 64 bits, which is as fast as for integers. From the magnitude of a batch's
/// values follows a bound of what a sum can have become; before it reaches 2^63 all sums move on to 128 bits.
pub(crate) struct DecimalSum {
    dtype: DataType,
    /// The sum of each group, less what has moved on.
    low: Vec<i64>,
    /// What has moved on; empty if nothing has.
    high: Vec<i128>,
    /// The magnitude of no low sum is greater.
    bound: u64,
}

/// A sum has more digits than its type.
#[derive(Debug, thiserror::Error)]
#[error("a sum does not fit its type `{0}`: cast the column to `Float64` before summing it")]
struct SumOverflow(DataType);

const LIMIT: u64 = i64::MAX as u64;

impl DecimalSum {
    pub fn new(dtype: DataType) -> Self {
        Self { dtype, low: Vec::new(), high: Vec::new(), bound: 0 }
    }

    fn fold_narrow(&mut self, rows: Rows<'_>, values: &[i64], validity: Option<&Bitmap>) -> Result<(), OperatorError> {
        let masked: Vec<i64>;
        let values = match validity {
            None => values,
            Some(validity) => {
                let values = values.iter().zip(validity.iter());
                masked = values.map(|(value, valid)| if valid { *value } else { 0 }).collect();
                &masked
            },
        };
        // At most 2^32 rows of magnitudes of at most 2^63.
        let most = (values.len() as u128) << magnitude_bits(values);
        let Some(added) = u64::try_from(most).ok().filter(|added| *added <= LIMIT) else {
            return self.fold_wide(rows, values.iter().map(|value| i128::from(*value)));
        };
        if self.bound + added > LIMIT {
            self.move_on()?;
        }
        self.bound += added;
        match rows.groups {
            None => {
                if let Some(low) = self.low.first_mut() {
                    *low += values.iter().sum::<i64>();
                }
            },
            Some(groups) if self.low.len() <= FEW => {
                for (low, sum) in self.low.iter_mut().zip(sum_by_group(groups, values)) {
                    *low += sum;
                }
            },
            Some(groups) => {
                for (&group, &value) in groups.iter().zip(values) {
                    self.low[group as usize] += value;
                }
            },
        }
        Ok(())
    }

    fn fold_wide(&mut self, rows: Rows<'_>, values: impl Iterator<Item = i128>) -> Result<(), OperatorError> {
        self.high.resize(self.low.len(), 0);
        let mut overflow = false;
        for (row, value) in values.enumerate() {
            let sum = &mut self.high[rows.groups.map_or(0, |groups| groups[row] as usize)];
            let overflowed;
            (*sum, overflowed) = sum.overflowing_add(value);
            overflow |= overflowed;
        }
        if overflow { Err(self.overflow()) } else { Ok(()) }
    }

    /// Makes all low sums zero.
    #[cold]
    fn move_on(&mut self) -> Result<(), OperatorError> {
        self.high.resize(self.low.len(), 0);
        self.bound = 0;
        let mut overflow = false;
        for (low, high) in self.low.iter_mut().zip(&mut self.high) {
            let overflowed;
            (*high, overflowed) = high.overflowing_add(i128::from(std::mem::take(low)));
            overflow |= overflowed;
        }
        if overflow { Err(self.overflow()) } else { Ok(()) }
    }

    fn fits(&self, sum: i128) -> bool {
        match &self.dtype {
            DataType::Decimal(precision, _) => {
                10u128.checked_pow(*precision as u32).is_none_or(|limit| sum.unsigned_abs() < limit)
            },
            _ => true,
        }
    }

    fn overflow(&self) -> OperatorError {
        OperatorError::new(ErrorKind::Overflow, SumOverflow(self.dtype.clone()))
    }
}

impl Accumulator for DecimalSum {
    fn resize(&mut self, groups: usize) {
        self.low.resize(groups, 0);
        if !self.high.is_empty() {
            self.high.resize(groups, 0);
        }
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            if input.dtype() == &DataType::Int64 {
                let array = native::<i64>(input)?;
                self.fold_narrow(rows, array.values(), nulls(&array))?;
                continue;
            }
            let array: PrimitiveArray<i128> = native(&cast(input, &self.dtype)?)?;
            match (narrow(array.values(), array.validity()), nulls(&array)) {
                (Some(values), validity) => self.fold_narrow(rows, &values, validity)?,
                (None, None) => self.fold_wide(rows, array.values().iter().copied())?,
                (None, Some(validity)) => {
                    let values = array.values().iter().zip(validity.iter());
                    self.fold_wide(rows, values.map(|(value, valid)| if valid { *value } else { 0 }))?;
                },
            }
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let low = std::mem::take(&mut self.low);
        let high = std::mem::take(&mut self.high);
        self.bound = 0;
        let sums: Option<Vec<i128>> = if high.is_empty() {
            Some(low.into_iter().map(i128::from).collect())
        } else {
            low.into_iter().zip(high).map(|(low, high)| high.checked_add(i128::from(low))).collect()
        };
        match sums {
            Some(sums) if sums.iter().all(|sum| self.fits(*sum)) => Ok(vec![series_of(sums, None, &self.dtype)]),
            _ => Err(self.overflow()),
        }
    }

    fn bytes(&self) -> usize {
        self.low.capacity() * size_of::<i64>() + self.high.capacity() * size_of::<i128>()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::{Int64Chunked, Int128Chunked, IntoColumn, NewChunkedArray};
    use proptest::prelude::*;

    use super::*;

    /// Groups and values, and whether the values take 128 bits.
    type Rows = (Vec<(u32, Option<i128>)>, bool);

    /// Batches of few digits or many.
    fn batches(groups: u32) -> impl Strategy<Value = Vec<Rows>> {
        let batch = (0u32..40).prop_flat_map(move |power| {
            let bound = 10i128.pow(power.min(37)) / if power > 18 { 1000 } else { 1 } + 1;
            let value = prop::option::weighted(0.9, -bound..bound);
            (prop::collection::vec((0..groups, value), 0..40), any::<bool>())
        });
        prop::collection::vec(batch, 0..12)
    }

    fn column(rows: &[(u32, Option<i128>)], wide: bool) -> Column {
        let narrow: Option<Vec<Option<i64>>> =
            rows.iter().map(|(_, value)| value.map(i64::try_from).transpose().ok()).collect();
        match narrow.filter(|_| !wide) {
            Some(values) => Int64Chunked::from_iter_options("v".into(), values.into_iter()).into_column(),
            None => Int128Chunked::from_iter_options("v".into(), rows.iter().map(|(_, value)| *value))
                .into_decimal_unchecked(38, 2)
                .into_column(),
        }
    }

    fn sums(groups: u32, batches: &[Rows], grouped: bool) -> Result<Vec<i128>, OperatorError> {
        let mut accumulator = DecimalSum::new(DataType::Decimal(38, 2));
        for (at, (rows, wide)) in batches.iter().enumerate() {
            // Groups come one after the other.
            accumulator.resize(if at == 0 { 1 } else { groups as usize });
            let of_rows: Vec<u32> = rows.iter().map(|(group, _)| if at == 0 { 0 } else { *group }).collect();
            let of_rows = grouped.then_some(of_rows.as_slice());
            let rows_of = super::Rows { len: rows.len(), groups: of_rows, counts: None, founders: &[], origin: 0 };
            accumulator.update(rows_of, &[column(rows, *wide)])?;
        }
        accumulator.resize(groups as usize);
        let state = accumulator.take()?;
        Ok(state[0].decimal()?.physical().into_no_null_iter().collect())
    }

    fn expected(groups: u32, batches: &[Rows], grouped: bool) -> Vec<i128> {
        let mut sums = vec![0; groups as usize];
        for (at, (rows, _)) in batches.iter().enumerate() {
            for (group, value) in rows {
                sums[if at == 0 || !grouped { 0 } else { *group as usize }] += value.unwrap_or(0);
            }
        }
        sums
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn sums_are_exact(
            (groups, batches) in prop::sample::select(vec![1u32, 6, 64, 65, 200]).prop_flat_map(|g| (Just(g), batches(g))),
        ) {
            prop_assert_eq!(sums(groups, &batches, true).unwrap(), expected(groups, &batches, true));
            prop_assert_eq!(sums(1, &batches, false).unwrap(), expected(1, &batches, false));
        }
    }

    #[test]
    fn a_sum_of_more_digits_is_an_error() {
        let nines = 10i128.pow(38) - 1;
        let batch = |values: &[i128]| -> Rows { (values.iter().map(|value| (0, Some(*value))).collect(), true) };
        assert_eq!(sums(1, &[batch(&[nines]), batch(&[0])], true).unwrap(), [nines]);
        for batches in [vec![batch(&[nines, 1])], vec![batch(&[nines]), batch(&[1])], vec![batch(&[nines; 4])]] {
            assert_eq!(sums(1, &batches, true).unwrap_err().kind(), ErrorKind::Overflow);
            assert_eq!(sums(1, &batches, false).unwrap_err().kind(), ErrorKind::Overflow);
        }
    }
}
