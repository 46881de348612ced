//! The unit that travels through a dataflow.

use std::ops::Deref;

use polars_core::frame::DataFrame;

/// One Polars [`DataFrame`] on its way between two operators, with the worker that sent it.
///
/// Its columns lie as [`physical`](crate::physical) says: short decimals are 64-bit integers.
///
/// Cloning a batch is cheap: columns are reference counted. A batch without rows is never sent; the schema of an edge
/// stands in the plan.
#[derive(Clone, Debug)]
pub struct Batch {
    frame: DataFrame,
    origin: usize,
}

impl Batch {
    /// A batch that the worker with global index `origin` produced.
    pub fn new(frame: DataFrame, origin: usize) -> Self {
        Self { frame, origin }
    }

    /// Global index of the worker that sent the batch. Batches of one origin arrive in the order in which they were sent.
    pub fn origin(&self) -> usize {
        self.origin
    }

    /// The rows.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// The rows, by value.
    pub fn into_frame(self) -> DataFrame {
        self.frame
    }
}

impl Deref for Batch {
    type Target = DataFrame;

    fn deref(&self) -> &DataFrame {
        &self.frame
    }
}
