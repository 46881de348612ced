//! Turns panics of Polars' decoder into errors.

use polars_core::error::PolarsResult;

use super::error::Damage;
use crate::guard::{self, Failure};

impl From<Failure> for Damage {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Polars(error) => Self::Polars(error),
            Failure::Panic(message) => Self::Panic(message),
        }
    }
}

/// Runs `decode` on bytes that may be damaged.
pub(super) fn guarded<T>(decode: impl FnOnce() -> PolarsResult<T>) -> Result<T, Damage> {
    guard::guarded(decode)
}
