//! Variance and standard deviation.

use polars_arrow::array::{Array, PrimitiveArray};
use polars_compute::float_sum::sum_arr_as_f64;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::OperatorError;

use super::{Accumulator, Rows, cast, native, nulls, series_of};

/// Count, mean and sum of squared distances from the mean of a group's values.
#[derive(Clone, Copy, Default)]
struct Moment {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moment {
    /// Welford's update.
    #[inline(always)]
    fn insert(&mut self, value: f64) {
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// The moment of all values that are not null, in two passes.
    fn of(array: &PrimitiveArray<f64>) -> Self {
        let count = (array.len() - array.null_count()) as u64;
        if count == 0 {
            return Self::default();
        }
        let mean = sum_arr_as_f64(array) / count as f64;
        let distances = array.values().iter().map(|value| (value - mean) * (value - mean)).collect::<Vec<f64>>();
        let distances = PrimitiveArray::from_vec(distances).with_validity(array.validity().cloned());
        Self { count, mean, squares: sum_arr_as_f64(&distances) }
    }

    /// Merges two groups (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    /// variances", 1979).
    fn merge(&mut self, other: Moment) {
        if other.count == 0 {
            return;
        }
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        let weight = other.count as f64 / count as f64;
        self.mean += distance * weight;
        self.squares += other.squares + distance * distance * self.count as f64 * weight;
        self.count = count;
    }
}

/// What variance and standard deviation are made of. State: count, mean, and sum of squared distances from the mean.
#[derive(Default)]
pub(crate) struct Moments {
    groups: Vec<Moment>,
}

impl Accumulator for Moments {
    fn resize(&mut self, groups: usize) {
        self.groups.resize(groups, Moment::default());
    }

    fn update(&mut self, rows: Rows<'_>, input: &[Column]) -> Result<(), OperatorError> {
        for input in input {
            let array = native::<f64>(&cast(input, &DataType::Float64)?)?;
            let values = array.values().as_slice();
            match (rows.groups, nulls(&array)) {
                (None, _) => {
                    if let Some(group) = self.groups.first_mut() {
                        group.merge(Moment::of(&array));
                    }
                },
                (Some(groups), None) => {
                    groups.iter().zip(values).for_each(|(&group, &value)| self.groups[group as usize].insert(value));
                },
                (Some(groups), Some(validity)) => {
                    validity.true_idx_iter().for_each(|row| self.groups[groups[row] as usize].insert(values[row]));
                },
            }
        }
        Ok(())
    }

    fn merge(&mut self, rows: Rows<'_>, state: &[Column]) -> Result<(), OperatorError> {
        let [count, mean, squares] = state else { return Ok(()) };
        let (counts, means, squares) = (native::<u64>(count)?, native::<f64>(mean)?, native::<f64>(squares)?);
        let values = counts.values().iter().zip(means.values().iter()).zip(squares.values().iter());
        for (row, ((&count, &mean), &squares)) in values.enumerate() {
            let group = rows.groups.map_or(0, |groups| groups[row] as usize);
            self.groups[group].merge(Moment { count, mean, squares });
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<Series>, OperatorError> {
        let groups = std::mem::take(&mut self.groups);
        Ok(vec![
            series_of(groups.iter().map(|group| group.count).collect(), None, &DataType::UInt64),
            series_of(groups.iter().map(|group| group.mean).collect(), None, &DataType::Float64),
            series_of(groups.iter().map(|group| group.squares).collect(), None, &DataType::Float64),
        ])
    }

    fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<Moment>()
    }
}
