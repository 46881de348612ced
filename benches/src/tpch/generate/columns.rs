//! Columns of generated rows.

use std::fmt::{Display, Write};

use polars_core::prelude::{
    Column, Int32Chunked, Int64Chunked, Int128Chunked, IntoColumn, IntoSeries, NewChunkedArray, StringChunkedBuilder,
};
use tpchgen::dates::TPCHDate;
use tpchgen::decimal::TPCHDecimal;

/// Digits of a decimal, and those of them after the point.
const PRECISION: usize = 15;
const SCALE: usize = 2;

/// A column of type `Int64`.
pub(super) fn integers<R>(name: &str, rows: &[R], value: impl Fn(&R) -> i64) -> Column {
    Int64Chunked::from_iter_values(name.into(), rows.iter().map(value)).into_column()
}

/// A column of type `Decimal(15, 2)`.
pub(super) fn decimals<R>(name: &str, rows: &[R], value: impl Fn(&R) -> TPCHDecimal) -> Column {
    let hundredths = rows.iter().map(|row| i128::from(value(row).into_inner()));
    Int128Chunked::from_iter_values(name.into(), hundredths).into_decimal_unchecked(PRECISION, SCALE).into_column()
}

/// A column of type `Date`.
pub(super) fn dates<R>(name: &str, rows: &[R], value: impl Fn(&R) -> TPCHDate) -> Column {
    let days = rows.iter().map(|row| value(row).to_unix_epoch());
    Int32Chunked::from_iter_values(name.into(), days).into_date().into_series().into_column()
}

/// A column of type `String`.
pub(super) fn strings<'r, R, S: AsRef<str> + 'r>(name: &str, rows: &'r [R], value: impl Fn(&'r R) -> S) -> Column {
    let mut builder = StringChunkedBuilder::new(name.into(), rows.len());
    for row in rows {
        builder.append_value(value(row).as_ref());
    }
    builder.finish().into_column()
}

/// A column of type `String` whose values the generator only displays.
pub(super) fn displayed<'r, R, D: Display + 'r>(name: &str, rows: &'r [R], value: impl Fn(&'r R) -> D) -> Column {
    let mut builder = StringChunkedBuilder::new(name.into(), rows.len());
    let mut text = String::new();
    for row in rows {
        text.clear();
        // Writing to a string fails only if the value refuses to be displayed, and these do not.
        let _ = write!(text, "{}", value(row));
        builder.append_value(&text);
    }
    builder.finish().into_column()
}
