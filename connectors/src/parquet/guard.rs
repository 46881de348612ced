//! Turns panics of Polars' decoder into errors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars_core::error::PolarsResult;

use super::error::Damage;

/// Runs `decode` on bytes that may be damaged. Polars reports most damage as errors but some of it by panicking; nothing
/// that the closure borrows is written to, so a panic leaves nothing half done.
pub(super) fn guarded<T>(decode: impl FnOnce() -> PolarsResult<T>) -> Result<T, Damage> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(Damage::Polars),
        Err(panic) => Err(Damage::Panic(message(panic.as_ref()))),
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
