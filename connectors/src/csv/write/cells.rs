//! The fields of one column.

use std::io::Write;

use polars_core::datatypes::{DataType, TimeUnit};
use polars_core::error::PolarsError;
use polars_core::prelude::*;

use super::options::{CsvWriteOptions, QuoteStyle};
use super::text::write_text;
use crate::csv::error::CsvError;
use crate::text::write::{write_date, write_decimal, write_time};

/// Appends the field of a row.
pub(super) type Cells = Box<dyn Fn(usize, &mut Vec<u8>)>;

const DAY_SECONDS: i64 = 86_400;

/// The fields of a column that has type `dtype`, or lies as in batches.
pub(super) fn cells(
    column: &Column,
    name: &PlSmallStr,
    dtype: &DataType,
    options: &CsvWriteOptions,
) -> Result<Cells, CsvError> {
    let unsupported =
        |source| CsvError::UnsupportedText { column: name.to_string(), dtype: Box::new(dtype.clone()), source };
    let series = column.as_materialized_series().rechunk();
    fields(&series, dtype, options).map_err(unsupported)
}

/// A field of a value, which is in quotes if all that are not text are to be.
fn value<T: 'static>(
    get: impl Fn(usize) -> Option<T> + 'static,
    write: impl Fn(T, &mut Vec<u8>) + 'static,
    is_number: bool,
    options: &CsvWriteOptions,
) -> Cells {
    let quote = match options.quote_style {
        QuoteStyle::Always => Some(options.quote_char),
        QuoteStyle::NonNumeric if !is_number => Some(options.quote_char),
        _ => None,
    };
    let null = options.null_value.clone();
    Box::new(move |row, bytes| match get(row) {
        Some(value) => {
            bytes.extend(quote);
            write(value, bytes);
            bytes.extend(quote);
        },
        None => bytes.extend_from_slice(null.as_bytes()),
    })
}

fn text(strings: &StringChunked, options: &CsvWriteOptions) -> Cells {
    let (strings, options) = (strings.rechunk().into_owned(), options.clone());
    Box::new(move |row, bytes| match strings.get(row) {
        Some(text) => write_text(text, &options, bytes),
        None => bytes.extend_from_slice(options.null_value.as_bytes()),
    })
}

fn fields(series: &Series, dtype: &DataType, options: &CsvWriteOptions) -> PolarsResult<Cells> {
    Ok(match dtype {
        DataType::Boolean => {
            let values = series.bool()?.clone();
            let write = |value, bytes: &mut Vec<u8>| bytes.extend_from_slice(if value { b"true" } else { b"false" });
            value(move |row| values.get(row), write, false, options)
        },
        DataType::Float32 => {
            let values = series.f32()?.clone();
            let precision = options.float_precision;
            value(move |row| values.get(row), move |value, bytes| write_float(value, precision, bytes), true, options)
        },
        DataType::Float64 => {
            let values = series.f64()?.clone();
            let precision = options.float_precision;
            value(move |row| values.get(row), move |value, bytes| write_float(value, precision, bytes), true, options)
        },
        DataType::Decimal(_, scale) => {
            let scale = *scale;
            let write = move |value: i128, bytes: &mut Vec<u8>| write_decimal(value, scale, bytes);
            match series.dtype() {
                DataType::Int64 => {
                    let values = series.i64()?.clone();
                    value(move |row| values.get(row).map(i128::from), write, true, options)
                },
                _ => {
                    let values = series.decimal()?.physical().clone();
                    value(move |row| values.get(row), write, true, options)
                },
            }
        },
        DataType::Date => match &options.date_format {
            Some(format) => text(&series.date()?.to_string(format)?, options),
            None => {
                let values = series.date()?.physical().clone();
                let write = |days: i32, bytes: &mut Vec<u8>| write_date(days.into(), bytes);
                value(move |row| values.get(row), write, false, options)
            },
        },
        DataType::Datetime(unit, zone) => {
            let digits = match unit {
                TimeUnit::Nanoseconds => 9,
                TimeUnit::Microseconds => 6,
                TimeUnit::Milliseconds => 3,
            };
            match (&options.datetime_format, zone) {
                (Some(format), _) => text(&series.datetime()?.to_string(format)?, options),
                (None, Some(_)) => text(&series.datetime()?.to_string(&format!("%FT%H:%M:%S.%{digits}f%:z"))?, options),
                (None, None) => {
                    let values = series.datetime()?.physical().clone();
                    let day = DAY_SECONDS * 10i64.pow(digits);
                    let write = move |units: i64, bytes: &mut Vec<u8>| {
                        write_date(units.div_euclid(day), bytes);
                        bytes.push(b'T');
                        write_time(units.rem_euclid(day), digits as usize, bytes);
                    };
                    value(move |row| values.get(row), write, false, options)
                },
            }
        },
        DataType::Time => match &options.time_format {
            Some(format) => text(&series.time()?.to_string(format), options),
            None => {
                let values = series.time()?.physical().clone();
                let write = |nanos: i64, bytes: &mut Vec<u8>| write_time(nanos, 9, bytes);
                value(move |row| values.get(row), write, false, options)
            },
        },
        DataType::String => text(series.str()?, options),
        DataType::Categorical(..) | DataType::Enum(..) => text(series.cast(&DataType::String)?.str()?, options),
        DataType::UInt128 => {
            let values = series.cast(&DataType::String)?;
            let values = values.str()?.clone();
            let write = |value: String, bytes: &mut Vec<u8>| bytes.extend_from_slice(value.as_bytes());
            value(move |row| values.get(row).map(str::to_owned), write, true, options)
        },
        DataType::Int8 => integers(series.i8()?, options),
        DataType::Int16 => integers(series.i16()?, options),
        DataType::Int32 => integers(series.i32()?, options),
        DataType::Int64 => integers(series.i64()?, options),
        DataType::UInt8 => integers(series.u8()?, options),
        DataType::UInt16 => integers(series.u16()?, options),
        DataType::UInt32 => integers(series.u32()?, options),
        DataType::UInt64 => integers(series.u64()?, options),
        other => {
            let reason = format!("values of type `{other}` have no text of one field");
            return Err(PolarsError::InvalidOperation(reason.into()));
        },
    })
}

fn integers<T>(values: &ChunkedArray<T>, options: &CsvWriteOptions) -> Cells
where
    T: PolarsNumericType,
    T::Native: itoa::Integer,
{
    let write = |value: T::Native, bytes: &mut Vec<u8>| {
        bytes.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    };
    let values = values.clone();
    value(move |row| values.get(row), write, true, options)
}

fn write_float<F: zmij::Float + std::fmt::Display>(value: F, precision: Option<usize>, bytes: &mut Vec<u8>) {
    match precision {
        // Writing to memory cannot fail.
        Some(digits) => drop(write!(bytes, "{value:.digits$}")),
        None => bytes.extend_from_slice(zmij::Buffer::new().format(value).as_bytes()),
    }
}
