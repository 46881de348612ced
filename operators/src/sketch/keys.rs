//! Values of columns as integers that stand in the same order.

use polars_arrow::array::PrimitiveArray;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::types::NativeType;
use polars_core::prelude::{Column, DataType, Series};
use quokka_engine::error::{ErrorKind, OperatorError};

use super::ranks::Item;
use crate::aggregate::{native, series_of};

/// An integer that stands for a value of a column. NaN stands above all other numbers, as in Polars' order, and the two
/// zeros are one.
pub(crate) trait Key: Item + NativeType {
    /// The keys of a column as it lies in batches.
    fn of(column: &Column) -> Result<PrimitiveArray<Self>, OperatorError>;

    /// The column of type `dtype`, as it lies in batches, whose keys these are.
    fn column(keys: &[Option<Self>], dtype: &DataType) -> Result<Series, OperatorError>;
}

impl Key for i64 {
    fn of(column: &Column) -> Result<PrimitiveArray<i64>, OperatorError> {
        Ok(match column.dtype().to_physical() {
            DataType::Int8 => map(&native::<i8>(column)?, i64::from),
            DataType::Int16 => map(&native::<i16>(column)?, i64::from),
            DataType::Int32 => map(&native::<i32>(column)?, i64::from),
            DataType::Int64 => native::<i64>(column)?,
            DataType::UInt8 => map(&native::<u8>(column)?, i64::from),
            DataType::UInt16 => map(&native::<u16>(column)?, i64::from),
            DataType::UInt32 => map(&native::<u32>(column)?, i64::from),
            DataType::UInt64 => map(&native::<u64>(column)?, |value| (value ^ TOP_BIT) as i64),
            DataType::Float32 => map(&native::<f32>(column)?, |value| of_float(f64::from(value))),
            DataType::Float64 => map(&native::<f64>(column)?, of_float),
            other => return Err(unordered(&other)),
        })
    }

    fn column(keys: &[Option<i64>], dtype: &DataType) -> Result<Series, OperatorError> {
        Ok(match dtype.to_physical() {
            DataType::Int8 => series(keys, dtype, |key| key as i8),
            DataType::Int16 => series(keys, dtype, |key| key as i16),
            DataType::Int32 => series(keys, dtype, |key| key as i32),
            DataType::Int64 => series(keys, dtype, |key| key),
            DataType::UInt8 => series(keys, dtype, |key| key as u8),
            DataType::UInt16 => series(keys, dtype, |key| key as u16),
            DataType::UInt32 => series(keys, dtype, |key| key as u32),
            DataType::UInt64 => series(keys, dtype, |key| key as u64 ^ TOP_BIT),
            DataType::Float32 => series(keys, dtype, |key| to_float(key) as f32),
            DataType::Float64 => series(keys, dtype, to_float),
            other => return Err(unordered(&other)),
        })
    }
}

impl Key for i128 {
    fn of(column: &Column) -> Result<PrimitiveArray<i128>, OperatorError> {
        native(column)
    }

    fn column(keys: &[Option<i128>], dtype: &DataType) -> Result<Series, OperatorError> {
        Ok(series(keys, dtype, |key| key))
    }
}

const TOP_BIT: u64 = 1 << 63;

fn of_float(value: f64) -> i64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !TOP_BIT } else { (value + 0.0).to_bits() } as i64;
    // The larger the magnitude of a negative number, the smaller it is.
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

fn to_float(key: i64) -> f64 {
    f64::from_bits((if key < 0 { key ^ i64::MAX } else { key }) as u64)
}

fn map<T: NativeType>(array: &PrimitiveArray<T>, key: impl Fn(T) -> i64) -> PrimitiveArray<i64> {
    let keys = array.values().iter().map(|value| key(*value)).collect::<Vec<i64>>();
    PrimitiveArray::from_vec(keys).with_validity(array.validity().cloned())
}

fn series<K: Copy + Default, T: NativeType>(keys: &[Option<K>], dtype: &DataType, value: impl Fn(K) -> T) -> Series {
    let validity = Bitmap::from_trusted_len_iter(keys.iter().map(Option::is_some));
    let values = keys.iter().map(|key| value(key.unwrap_or_default())).collect();
    series_of(values, Some(validity), dtype)
}

fn unordered(dtype: &DataType) -> OperatorError {
    OperatorError::message(ErrorKind::Internal, format!("no quantiles of values of type `{dtype}`"))
}
