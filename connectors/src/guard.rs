//! Turns panics of Polars into errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars_core::error::{PolarsError, PolarsResult};

/// Why Polars could not do something.
pub(crate) enum Failure {
    Polars(PolarsError),
    /// The message of a panic.
    Panic(String),
}

/// Runs `decode` on bytes that may be damaged. Polars reports most damage as errors but some of it by panicking; nothing
/// that the closure borrows is written to, so a panic leaves nothing half done.
pub(crate) fn guarded<T, E: From<Failure>>(decode: impl FnOnce() -> PolarsResult<T>) -> Result<T, E> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| Failure::Polars(error).into()),
        Err(panic) => Err(Failure::Panic(message(panic.as_ref())).into()),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}
