//! The smallest and the largest value of a key column.

use polars_core::error::PolarsResult;
use polars_core::prelude::{AnyValue, DataType};
use polars_core::series::Series;

/// Where the values of a column lie, nulls apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Extent {
    /// There are none.
    Nothing,
    /// Integers, and what is held as integers: dates, times, decimals. In units of the type.
    Integers {
        min: i128,
        max: i128,
    },
    /// Floats without NaN.
    Floats {
        min: f64,
        max: f64,
    },
    Texts {
        min: String,
        max: String,
    },
    /// Anywhere.
    Unknown,
}

impl Extent {
    /// Whether values of a type have an order that [`Extent`] knows.
    pub(super) fn is_known_for(dtype: &DataType) -> bool {
        dtype.is_integer()
            || dtype.is_float()
            || matches!(
                dtype,
                DataType::Date
                    | DataType::Datetime(..)
                    | DataType::Duration(_)
                    | DataType::Time
                    | DataType::Decimal(..)
                    | DataType::String
            )
    }

    pub(super) fn of(series: &Series) -> PolarsResult<Self> {
        if !Self::is_known_for(series.dtype()) {
            return Ok(Extent::Unknown);
        }
        if series.null_count() == series.len() {
            return Ok(Extent::Nothing);
        }
        if series.dtype() == &DataType::String {
            let (min, max) = (series.min_reduce()?, series.max_reduce()?);
            return Ok(match (min.value().get_str(), max.value().get_str()) {
                (Some(min), Some(max)) => Extent::Texts { min: min.to_owned(), max: max.to_owned() },
                _ => Extent::Unknown,
            });
        }
        let physical = series.to_physical_repr();
        if physical.dtype().is_float() && physical.is_nan()?.any() {
            return Ok(Extent::Unknown);
        }
        let (min, max) = (physical.min_reduce()?, physical.max_reduce()?);
        if physical.dtype().is_float() {
            return Ok(match (min.value().extract::<f64>(), max.value().extract::<f64>()) {
                (Some(min), Some(max)) => Extent::Floats { min, max },
                _ => Extent::Unknown,
            });
        }
        Ok(match (integer(min.value()), integer(max.value())) {
            (Some(min), Some(max)) => Extent::Integers { min, max },
            _ => Extent::Unknown,
        })
    }

    /// Grows to where the values of `other` lie.
    pub(super) fn merge(&mut self, other: &Extent) {
        match (&mut *self, other) {
            (_, Extent::Nothing) | (Extent::Unknown, _) => {},
            (Extent::Nothing, other) => *self = other.clone(),
            (Extent::Integers { min, max }, Extent::Integers { min: low, max: high }) => {
                (*min, *max) = ((*min).min(*low), (*max).max(*high));
            },
            (Extent::Floats { min, max }, Extent::Floats { min: low, max: high }) => {
                (*min, *max) = (min.min(*low), max.max(*high));
            },
            (Extent::Texts { min, max }, Extent::Texts { min: low, max: high }) => {
                if low < min {
                    min.clone_from(low);
                }
                if high > max {
                    max.clone_from(high);
                }
            },
            _ => *self = Extent::Unknown,
        }
    }

    /// Whether no value of one can be a value of the other.
    pub(super) fn is_disjoint(&self, other: &Extent) -> bool {
        match (self, other) {
            (Extent::Nothing, _) | (_, Extent::Nothing) => true,
            (Extent::Integers { min, max }, Extent::Integers { min: low, max: high }) => high < min || max < low,
            (Extent::Floats { min, max }, Extent::Floats { min: low, max: high }) => high < min || max < low,
            (Extent::Texts { min, max }, Extent::Texts { min: low, max: high }) => high < min || max < low,
            _ => false,
        }
    }
}

fn integer(value: &AnyValue<'_>) -> Option<i128> {
    Some(match value {
        AnyValue::Int8(v) => i128::from(*v),
        AnyValue::Int16(v) => i128::from(*v),
        AnyValue::Int32(v) => i128::from(*v),
        AnyValue::Int64(v) => i128::from(*v),
        AnyValue::Int128(v) => *v,
        AnyValue::UInt8(v) => i128::from(*v),
        AnyValue::UInt16(v) => i128::from(*v),
        AnyValue::UInt32(v) => i128::from(*v),
        AnyValue::UInt64(v) => i128::from(*v),
        _ => return None,
    })
}
