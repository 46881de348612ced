//! Small values inside the [`State`](quokka_engine::operator::State) of an operator.

use polars_core::df;
use polars_core::frame::DataFrame;
use quokka_engine::error::{ErrorKind, OperatorError};

/// A number as an entry of a state.
pub(crate) fn number(name: &str, value: u64) -> Result<(String, DataFrame), OperatorError> {
    Ok((name.to_owned(), df!("value" => [value])?))
}

/// Reads the frame of an entry that [`number`] made.
pub(crate) fn read_number(frame: &DataFrame) -> Result<u64, OperatorError> {
    frame.column("value")?.u64()?.get(0).ok_or_else(|| foreign("a number without a value"))
}

/// The error for a state that another operator made.
pub(crate) fn foreign(what: &str) -> OperatorError {
    OperatorError::message(
        ErrorKind::InvalidData,
        format!("the checkpoint does not fit the query ({what}): restart without it, or with the query that wrote it"),
    )
}
