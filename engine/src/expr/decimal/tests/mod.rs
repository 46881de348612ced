#![expect(clippy::unwrap_used, reason = "tests")]

mod aggregates;
mod arithmetic;
mod big;
mod casts;
mod comparisons;
mod forms;
mod speed;
mod supertypes;

use polars_core::prelude::*;
use polars_plan::dsl::Expr;
use proptest::prelude::*;

use self::big::Big;
use super::column;
use super::types::DecimalType;
use crate::error::OperatorError;
use crate::expr::Projection;
use crate::physical::{to_logical, to_physical};

fn col(name: &str) -> Expr {
    polars_plan::dsl::functions::col(name)
}

/// A decimal column by its integers.
fn decimals(name: &str, values: &[Option<i128>], precision: usize, scale: usize) -> Column {
    let series = column::series(values.iter().copied(), DecimalType { precision, scale });
    series.with_name(name.into()).into_column()
}

fn frame(columns: Vec<Column>) -> DataFrame {
    DataFrame::new_infer_height(columns).unwrap()
}

/// A literal decimal by its integer.
fn literal(value: i128, precision: usize, scale: usize) -> Expr {
    use polars_plan::plans::Literal;
    column::decimal(Some(value), DecimalType { precision, scale }).lit()
}

fn evaluate(frame: &DataFrame, expr: Expr) -> Result<Column, OperatorError> {
    let projection = Projection::compile(&[expr.alias("out")], frame.schema())?;
    let batch = projection.evaluate(&to_physical(frame.clone())?)?;
    Ok(to_logical(batch, projection.schema())?.columns()[0].clone())
}

fn select(frame: &DataFrame, expr: Expr) -> Result<Column, OperatorError> {
    let projection = Projection::compile(&[expr.alias("out")], frame.schema())?;
    let batch = projection.select(&to_physical(frame.clone())?)?;
    Ok(to_logical(batch, projection.schema())?.columns()[0].clone())
}

/// The integers of a decimal column, and its type.
fn integers(column: &Column) -> (Vec<Option<i128>>, (usize, usize)) {
    let series = column.as_materialized_series();
    let decimals = series.decimal().unwrap();
    (decimals.physical().iter().collect(), (decimals.precision(), decimals.scale()))
}

/// Integers of at most `digits` digits: small ones, and those at the borders of 2^62, 2^63, 2^64 and 10^digits.
fn integer(digits: usize) -> impl Strategy<Value = i128> {
    let bound = 10i128.pow(digits as u32) - 1;
    let near = |at: i128| (-3i128..4).prop_map(move |offset| at + offset);
    prop_oneof![
        4 => -1000i128..1000,
        2 => -1_000_000_000_000i128..1_000_000_000_000,
        2 => near(1 << 62),
        1 => near(1 << 63),
        1 => near(1 << 64),
        1 => near(bound),
        1 => near(-bound),
        1 => near(-(1 << 62)),
        1 => any::<i128>(),
    ]
    .prop_map(move |value| if value.unsigned_abs() <= bound.unsigned_abs() { value } else { value % (bound + 1) })
}

/// A type, and a column of it.
fn column_of(rows: usize) -> impl Strategy<Value = (DecimalType, Vec<Option<i128>>)> {
    (1usize..=38).prop_flat_map(|precision| (Just(precision), 0..=precision)).prop_flat_map(
        move |(precision, scale)| {
            let value = prop_oneof![4 => integer(precision).prop_map(Some), 1 => Just(None)];
            (Just(DecimalType { precision, scale }), prop::collection::vec(value, rows))
        },
    )
}

/// Two columns of one length.
fn two_columns() -> impl Strategy<Value = [(DecimalType, Vec<Option<i128>>); 2]> {
    (0usize..12).prop_flat_map(|rows| [column_of(rows), column_of(rows)])
}

fn named(name: &str, (dtype, values): &(DecimalType, Vec<Option<i128>>)) -> Column {
    decimals(name, values, dtype.precision, dtype.scale)
}

/// `value` if 38 digits hold it.
fn fit(value: Big) -> Result<i128, ()> {
    value.to_i128().filter(|value| value.unsigned_abs() < 10u128.pow(38)).ok_or(())
}
