//! JSON, by `serde_json`.

use serde_json::Value;

use super::*;

/// The value of a type that a value of JSON is; `None` if it is none.
pub(super) fn any_value(value: &Value, dtype: &DataType) -> Option<AnyValue<'static>> {
    let found = match (dtype, value) {
        (_, Value::Null) => AnyValue::Null,
        (DataType::Int64 | DataType::UInt8, Value::Number(number)) if number.to_string() == "-0.0" => {
            any_value(&Value::from(0), dtype)?
        },
        (DataType::Int64, Value::Number(number)) => AnyValue::Int64(number.as_i64()?),
        (DataType::UInt8, Value::Number(number)) => AnyValue::UInt8(number.as_u64()?.try_into().ok()?),
        (DataType::Float64, Value::Number(number)) => AnyValue::Float64(number.as_f64()?),
        (DataType::Boolean, Value::Bool(value)) => AnyValue::Boolean(*value),
        (DataType::String, Value::String(text)) => AnyValue::StringOwned(text.as_str().into()),
        (DataType::String, other) => AnyValue::StringOwned(other.to_string().into()),
        (DataType::Date, Value::String(text)) => {
            let is_digit = |(index, byte): (usize, u8)| byte.is_ascii_digit() != matches!(index, 4 | 7);
            let is_date = text.len() == 10 && text.bytes().enumerate().all(is_digit) && text.split('-').count() == 3;
            is_date.then_some(())?;
            let days = Series::new("".into(), [text.as_str()]).cast(&DataType::Date).unwrap();
            AnyValue::Date(days.to_physical_repr().i32().unwrap().get(0)?)
        },
        (DataType::Decimal(precision, scale), Value::Number(number)) => {
            let scaled = (number.as_f64()? * 10f64.powi(*scale as i32)).round();
            (scaled.abs() < 10f64.powi(*precision as i32)).then_some(AnyValue::Decimal(
                scaled as i128,
                *precision,
                *scale,
            ))?
        },
        (DataType::List(inner), Value::Array(values)) => AnyValue::List(series("", values, inner)?),
        (DataType::Array(inner, width), Value::Array(values)) if values.len() == *width => {
            AnyValue::Array(series("", values, inner)?, *width)
        },
        (DataType::Struct(fields), Value::Object(object)) => {
            let values = fields.iter().map(|field| match object.get(field.name.as_str()) {
                Some(value) => any_value(value, &field.dtype),
                None => Some(AnyValue::Null),
            });
            AnyValue::StructOwned(Box::new((values.collect::<Option<Vec<_>>>()?, fields.clone())))
        },
        _ => return None,
    };
    Some(found)
}

/// A column of such values.
pub(super) fn series(name: &str, values: &[Value], dtype: &DataType) -> Option<Series> {
    let values: Option<Vec<AnyValue>> = values.iter().map(|value| any_value(value, dtype)).collect();
    Some(Series::from_any_values_and_dtype(name.into(), &values?, dtype, true).unwrap())
}

/// The object that a line is; `None` if it is blank.
pub(super) fn object(line: &[u8]) -> Option<serde_json::Result<serde_json::Map<String, Value>>> {
    if line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        return None;
    }
    Some(serde_json::from_slice(line))
}
