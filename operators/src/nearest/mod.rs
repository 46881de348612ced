//! The rows whose vectors are nearest to those of other rows.
//!
//! [`NearestRows`] holds queries, looks at batches of rows with vectors, and keeps the nearest of each query.

mod kernel;
mod rows;
mod search;
mod state;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod vectors;

pub use rows::{NearestRows, Neighbours};
pub use vectors::{VectorError, holds_vectors};

/// How far vectors are from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// 1 less the cosine of the angle between them: from 0 for one direction to 2 for opposite ones. A vector of length 0
    /// has no direction, and is near to nothing.
    #[default]
    Cosine,
    /// The length of their difference.
    Euclidean,
    /// Their inner product, negated, so that the largest is the nearest.
    NegativeInnerProduct,
}
