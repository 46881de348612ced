//! Values as numbers, to see how far into a range one lies.

use polars_core::prelude::{AnyValue, DataType};
use polars_core::scalar::Scalar;

/// The place of a value on a line of numbers, for types that have one.
pub(super) fn number(value: &Scalar) -> Option<f64> {
    Some(match value.value() {
        AnyValue::Boolean(value) => f64::from(u8::from(*value)),
        AnyValue::Int8(value) => f64::from(*value),
        AnyValue::Int16(value) => f64::from(*value),
        AnyValue::Int32(value) | AnyValue::Date(value) => f64::from(*value),
        AnyValue::Int64(value)
        | AnyValue::Datetime(value, _, _)
        | AnyValue::DatetimeOwned(value, _, _)
        | AnyValue::Duration(value, _)
        | AnyValue::Time(value) => *value as f64,
        AnyValue::Int128(value) => *value as f64,
        AnyValue::UInt8(value) => f64::from(*value),
        AnyValue::UInt16(value) => f64::from(*value),
        AnyValue::UInt32(value) => f64::from(*value),
        AnyValue::UInt64(value) => *value as f64,
        AnyValue::Float32(value) => f64::from(*value),
        AnyValue::Float64(value) => *value,
        AnyValue::Decimal(value, _, scale) => *value as f64 / 10f64.powi(*scale as i32),
        _ => return None,
    })
    .filter(|number| number.is_finite())
}

/// How many different values of a type there are from `low` to `high`, if that is a bound worth having.
pub(super) fn values_between(dtype: &DataType, low: f64, high: f64) -> Option<f64> {
    let steps = match dtype {
        DataType::Boolean | DataType::Date => high - low,
        DataType::Decimal(_, scale) => (high - low) * 10f64.powi(*scale as i32),
        dtype if dtype.is_integer() => high - low,
        _ => return None,
    };
    Some(steps.max(0.0).round() + 1.0)
}
