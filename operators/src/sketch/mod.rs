//! Small summaries of many values, which merge.

mod distinct;
mod keys;
mod quantile;
mod ranks;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub(crate) use distinct::with_own_sketches;
pub(crate) use keys::Key;
pub use quantile::{ApproximateExpr, QuantileOptions, approximate_quantile, approximate_quantiles};
pub(crate) use quantile::{Quantiles, has_order, is_wide, recognize};
pub(crate) use ranks::Ranks;
