//! The values of one column.

use polars_core::datatypes::{DataType, TimeUnit, TimeZone};
use polars_core::error::{PolarsError, PolarsResult};
use polars_core::prelude::*;

use super::text::write_text;
use super::{keys, write_object};
use crate::text::write::{write_date, write_decimal, write_digits, write_short_time};

/// Appends the value of a row.
pub(super) type Cell = Box<dyn Fn(usize, &mut Vec<u8>)>;

const DAY_NANOS: i128 = 86_400_000_000_000;

/// The values of a column that has type `dtype`, or lies as in batches.
pub(super) fn cell(series: &Series, dtype: &DataType) -> PolarsResult<Cell> {
    let series = &series.rechunk();
    Ok(match dtype {
        DataType::Null => Box::new(|_, bytes| bytes.extend_from_slice(NULL)),
        DataType::Boolean => {
            let values = series.bool()?.clone();
            let write = |value, bytes: &mut Vec<u8>| bytes.extend_from_slice(if value { b"true" } else { b"false" });
            value(move |row| values.get(row), write)
        },
        DataType::Int8 => integers(series.i8()?),
        DataType::Int16 => integers(series.i16()?),
        DataType::Int32 => integers(series.i32()?),
        DataType::Int64 => integers(series.i64()?),
        DataType::UInt8 => integers(series.u8()?),
        DataType::UInt16 => integers(series.u16()?),
        DataType::UInt32 => integers(series.u32()?),
        DataType::UInt64 => integers(series.u64()?),
        DataType::UInt128 => {
            let values = series.cast(&DataType::String)?;
            let values = values.str()?.clone();
            Box::new(move |row, bytes| match values.get(row) {
                Some(digits) => bytes.extend_from_slice(digits.as_bytes()),
                None => bytes.extend_from_slice(NULL),
            })
        },
        DataType::Float32 => floats(series.f32()?),
        DataType::Float64 => floats(series.f64()?),
        DataType::Decimal(_, scale) => {
            let scale = *scale;
            let write = move |value: i128, bytes: &mut Vec<u8>| {
                quoted(bytes, |bytes| write_decimal(value, scale, bytes));
            };
            match series.dtype() {
                DataType::Int64 => {
                    let values = series.i64()?.clone();
                    value(move |row| values.get(row).map(i128::from), write)
                },
                _ => {
                    let values = series.decimal()?.physical().clone();
                    value(move |row| values.get(row), write)
                },
            }
        },
        DataType::Date => {
            let values = series.date()?.physical().clone();
            let write = |days: i32, bytes: &mut Vec<u8>| quoted(bytes, |bytes| write_date(days.into(), bytes));
            value(move |row| values.get(row), write)
        },
        DataType::Time => {
            let values = series.time()?.physical().clone();
            let write = |nanos, bytes: &mut Vec<u8>| quoted(bytes, |bytes| write_short_time(nanos, bytes));
            value(move |row| values.get(row), write)
        },
        DataType::Datetime(unit, zone) => datetimes(series, *unit, zone.as_ref())?,
        DataType::Duration(unit) => {
            let (values, nanos) = (series.duration()?.physical().clone(), nanos_of(*unit));
            let write = move |units: i64, bytes: &mut Vec<u8>| {
                quoted(bytes, |bytes| write_duration(i128::from(units) * nanos, bytes));
            };
            value(move |row| values.get(row), write)
        },
        DataType::String => texts(series.str()?),
        DataType::Categorical(..) | DataType::Enum(..) => texts(series.cast(&DataType::String)?.str()?),
        DataType::List(inner) => {
            let lists = series.list()?;
            let array = lists.downcast_as_array();
            let offsets = array.offsets().clone();
            lists_of(series, lists.get_inner(), inner, move |row| offsets.start_end(row))?
        },
        DataType::Array(inner, width) => {
            let width = *width;
            lists_of(series, series.array()?.get_inner(), inner, move |row| (row * width, (row + 1) * width))?
        },
        DataType::Struct(fields) => {
            let values = series.struct_()?.fields_as_series();
            let cells = values.iter().zip(fields).map(|(values, field)| cell(values, &field.dtype));
            let cells = cells.collect::<PolarsResult<Vec<_>>>()?;
            let keys = keys(fields.iter().map(|field| field.name.as_str()));
            let nulls = series.is_null();
            Box::new(move |row, bytes| match nulls.get(row) {
                Some(true) => bytes.extend_from_slice(NULL),
                _ => write_object(&keys, &cells, row, bytes),
            })
        },
        other => {
            let reason = format!("values of type `{other}` have no form in JSON");
            return Err(PolarsError::InvalidOperation(reason.into()));
        },
    })
}

const NULL: &[u8] = b"null";

fn value<T: 'static>(get: impl Fn(usize) -> Option<T> + 'static, write: impl Fn(T, &mut Vec<u8>) + 'static) -> Cell {
    Box::new(move |row, bytes| match get(row) {
        Some(value) => write(value, bytes),
        None => bytes.extend_from_slice(NULL),
    })
}

fn quoted(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    bytes.push(b'"');
    write(bytes);
    bytes.push(b'"');
}

fn integers<T>(values: &ChunkedArray<T>) -> Cell
where
    T: PolarsNumericType,
    T::Native: itoa::Integer,
{
    let values = values.clone();
    let write = |value: T::Native, bytes: &mut Vec<u8>| {
        bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    };
    value(move |row| values.get(row), write)
}

/// What is not finite has no form in JSON and is null.
fn floats<T>(values: &ChunkedArray<T>) -> Cell
where
    T: PolarsNumericType,
    T::Native: zmij::Float + Into<f64>,
{
    let values = values.clone();
    let write = |value: T::Native, bytes: &mut Vec<u8>| {
        bytes.extend_from_slice(zmij::Buffer::new().format(value).as_bytes());
    };
    value(move |row| values.get(row).filter(|value| (*value).into().is_finite()), write)
}

fn texts(values: &StringChunked) -> Cell {
    let values = values.clone();
    Box::new(move |row, bytes| match values.get(row) {
        Some(text) => write_text(text, bytes),
        None => bytes.extend_from_slice(NULL),
    })
}

/// Nanoseconds of a unit.
fn nanos_of(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Nanoseconds => 1,
        TimeUnit::Microseconds => 1000,
        TimeUnit::Milliseconds => 1_000_000,
    }
}

fn datetimes(series: &Series, unit: TimeUnit, zone: Option<&TimeZone>) -> PolarsResult<Cell> {
    let is_utc = zone == Some(&TimeZone::UTC);
    if zone.is_some() && !is_utc {
        return Ok(texts(&series.datetime()?.to_string("%FT%H:%M:%S%.f%:z")?));
    }
    let (values, nanos) = (series.datetime()?.physical().clone(), nanos_of(unit));
    let write = move |units: i64, bytes: &mut Vec<u8>| {
        let nanos = i128::from(units) * nanos;
        quoted(bytes, |bytes| {
            write_date(nanos.div_euclid(DAY_NANOS) as i64, bytes);
            bytes.push(if is_utc { b'T' } else { b' ' });
            write_short_time(nanos.rem_euclid(DAY_NANOS) as i64, bytes);
            if is_utc {
                bytes.extend_from_slice(b"+00:00");
            }
        });
    };
    Ok(value(move |row| values.get(row), write))
}

/// Appends a length of time, as ISO 8601 has it.
fn write_duration(nanos: i128, bytes: &mut Vec<u8>) {
    if nanos == 0 {
        return bytes.extend_from_slice(b"P0D");
    }
    if nanos < 0 {
        bytes.push(b'-');
    }
    bytes.extend_from_slice(b"PT");
    let (seconds, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    write_digits(seconds, 1, bytes);
    if rest > 0 {
        bytes.push(b'.');
        write_digits(rest, 9, bytes);
        while bytes.last() == Some(&b'0') {
            bytes.pop();
        }
    }
    bytes.push(b'S');
}

fn lists_of(
    series: &Series,
    values: Series,
    inner: &DataType,
    range: impl Fn(usize) -> (usize, usize) + 'static,
) -> PolarsResult<Cell> {
    let nulls = series.is_null();
    let cell = cell(&values, inner)?;
    Ok(Box::new(move |row, bytes| {
        if nulls.get(row) == Some(true) {
            return bytes.extend_from_slice(NULL);
        }
        bytes.push(b'[');
        let (start, end) = range(row);
        for value in start..end {
            if value > start {
                bytes.push(b',');
            }
            cell(value, bytes);
        }
        bytes.push(b']');
    }))
}
