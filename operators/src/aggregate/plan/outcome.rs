//! From merged states to the values of aggregates.

use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{Column, DataType, IDX_DTYPE, IdxSize, IntoColumn, Series};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::expr::decimal::mean_from_sum_count;
use quokka_engine::physical::physical_dtype;

use crate::aggregate::accumulator::{cast, each_image, estimates, native, read_ranks, series_of};
use crate::sketch::{Key, Quantiles, Ranks, is_wide};

/// How the value of an aggregate follows from state columns, which are given by their index among the states.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The state itself, in the given type.
    State { column: usize, dtype: DataType },
    /// A count, in Polars' index type.
    Count { column: usize },
    /// A sum divided by a count, in the given type; null if the count is 0. `days`: the sum is one of dates.
    Mean { sum: usize, count: usize, days: bool, dtype: DataType },
    /// Variance or, as its root, standard deviation, of the moments from `column` on; null if there are no more than
    /// `ddof` values.
    Variance { column: usize, ddof: u8, root: bool, dtype: DataType },
    /// Quantiles of values of type `input`, from sketches of size `k`.
    Quantiles { column: usize, k: u16, quantiles: Quantiles, input: DataType },
    /// The number of distinct values, from sketches, in Polars' index type.
    Distinct { column: usize },
}

/// A count that Polars' index type cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("a group has {0} rows, more than the {limit} that a count can express", limit = IdxSize::MAX)]
struct CountOverflow(u64);

const MICROSECONDS_A_DAY: f64 = 86_400_000_000.0;

impl Outcome {
    /// Type of the value.
    pub fn dtype(&self) -> DataType {
        match self {
            Outcome::Count { .. } | Outcome::Distinct { .. } => IDX_DTYPE,
            Outcome::Quantiles { quantiles, input, .. } => quantiles.dtype(input),
            Outcome::State { dtype, .. } | Outcome::Mean { dtype, .. } | Outcome::Variance { dtype, .. } => {
                dtype.clone()
            },
        }
    }

    /// The values for groups whose states are the rows of `states`.
    pub fn finish(&self, states: &[Column], name: &PlSmallStr) -> Result<Column, OperatorError> {
        let column = match self {
            Outcome::State { column, dtype } => cast(&states[*column], &physical_dtype(dtype))?,
            Outcome::Count { column } => count(&states[*column])?.into_column(),
            Outcome::Mean { sum, count, days, dtype } => mean(&states[*sum], &states[*count], *days, dtype)?,
            Outcome::Variance { column, ddof, root, dtype } => {
                let variance = variance(&states[*column], &states[*column + 2], *ddof, *root)?;
                cast(&variance.into_column(), dtype)?
            },
            Outcome::Quantiles { column, k, quantiles, input } => {
                let lies = physical_dtype(input);
                if is_wide(&lies) {
                    quantiles.of(&sketches::<i128>(&states[*column], *k)?, input, &lies)?
                } else {
                    quantiles.of(&sketches::<i64>(&states[*column], *k)?, input, &lies)?
                }
            },
            Outcome::Distinct { column } => in_index_type(&estimates(&states[*column])?)?.into_column(),
        };
        Ok(column.with_name(name.clone()))
    }
}

fn count(column: &Column) -> Result<Series, OperatorError> {
    in_index_type(native::<u64>(column)?.values())
}

/// Counts in Polars' index type.
fn in_index_type(counts: &[u64]) -> Result<Series, OperatorError> {
    let counts: Result<Vec<IdxSize>, CountOverflow> =
        counts.iter().map(|&count| IdxSize::try_from(count).map_err(|_| CountOverflow(count))).collect();
    let counts = counts.map_err(|error| OperatorError::new(ErrorKind::Overflow, error))?;
    Ok(series_of(counts, None, &IDX_DTYPE))
}

/// The sketches whose images are in a column.
fn sketches<T: Key>(images: &Column, k: u16) -> Result<Vec<Ranks<T>>, OperatorError> {
    let mut sketches = Vec::with_capacity(images.len());
    each_image(images, |_, image| {
        sketches.push(read_ranks(k, image)?);
        Ok(())
    })?;
    Ok(sketches)
}

fn mean(sum: &Column, count: &Column, days: bool, dtype: &DataType) -> Result<Column, OperatorError> {
    if dtype.is_decimal() {
        return mean_from_sum_count(sum, count);
    }
    let (sums, counts) = (native::<f64>(sum)?, native::<u64>(count)?);
    let counts = counts.values().as_slice();
    let validity = counts.contains(&0).then(|| Bitmap::from_trusted_len_iter(counts.iter().map(|&count| count != 0)));
    let unit = if days { MICROSECONDS_A_DAY } else { 1.0 };
    let means = sums.values().iter().zip(counts).map(|(&sum, &count)| sum * unit / count as f64);
    if dtype.is_temporal() {
        return Ok(series_of(means.map(|mean| mean as i64).collect(), validity, dtype).into_column());
    }
    cast(&series_of(means.collect(), validity, &DataType::Float64).into_column(), dtype)
}

fn variance(counts: &Column, squares: &Column, ddof: u8, root: bool) -> Result<Series, OperatorError> {
    let (counts, squares) = (native::<u64>(counts)?, native::<f64>(squares)?);
    let ddof = u64::from(ddof);
    let counts = counts.values().as_slice();
    let values = counts.iter().zip(squares.values().iter()).map(|(&count, &squares)| {
        let variance = squares / count.saturating_sub(ddof) as f64;
        if root { variance.sqrt() } else { variance }
    });
    let enough = Bitmap::from_trusted_len_iter(counts.iter().map(|&count| count > ddof));
    Ok(series_of(values.collect(), Some(enough), &DataType::Float64))
}
