//! The nearest rows of another stream: operators with state, of which one side holds its rows.
//!
//! If the queries are held, on every worker, each looks at its own rows of the other stream, and what the workers found is
//! merged. If the rows are held, on every worker, the queries stay where they are.

mod held_queries;
mod held_rows;
mod merge;
mod number;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub(crate) use held_queries::HeldQueries;
pub(crate) use held_rows::HeldRows;
pub(crate) use merge::Merge;
pub(crate) use number::Number;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, Field, PlSmallStr, Schema};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_operators::nearest::{Metric, Neighbours};

use crate::user::{State, UserError};

/// How near rows are found and named.
#[derive(Clone, Debug)]
pub struct NearestOptions {
    pub(crate) metric: Metric,
    pub(crate) suffix: PlSmallStr,
}

impl Default for NearestOptions {
    /// [`Metric::Cosine`], and the suffix `_right`.
    fn default() -> Self {
        Self { metric: Metric::default(), suffix: PlSmallStr::from_static("_right") }
    }
}

impl NearestOptions {
    /// How far vectors are from each other.
    ///
    /// ```
    /// use quokka::prelude::*;
    /// let options = NearestOptions::default().metric(Metric::Euclidean).suffix("_near");
    /// ```
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// What is put behind the names of columns of the other stream that this one has, too.
    pub fn suffix(mut self, suffix: impl Into<PlSmallStr>) -> Self {
        self.suffix = suffix.into();
        self
    }
}

/// How far a row is from its query.
pub(crate) const DISTANCE: &str = "distance";
/// The place of a row among the neighbours of its query, from 1 on.
pub(crate) const RANK: &str = "rank";
/// What decides between equal distances.
const TIE: &str = "__tie";
/// The number of a query.
pub(crate) const QUERY: &str = "__query";

/// What is searched for.
#[derive(Clone, Debug)]
pub(crate) struct Nearest {
    pub(crate) metric: Metric,
    pub(crate) k: usize,
    /// The vectors of the queries.
    pub(crate) left_on: PlSmallStr,
    /// The vectors of the other rows.
    pub(crate) right_on: PlSmallStr,
}

impl Nearest {
    fn describe(&self) -> String {
        format!("{} to {}, {:?}, k={}", self.right_on, self.left_on, self.metric, self.k)
    }
}

fn field(name: &'static str, dtype: DataType) -> Field {
    Field::new(PlSmallStr::from_static(name), dtype)
}

/// The columns of queries, of rows, and some more.
fn joined(left: &Schema, right: &Schema, more: impl IntoIterator<Item = Field>) -> Schema {
    let both = left.iter().chain(right.iter());
    both.map(|(name, dtype)| Field::new(name.clone(), dtype.clone())).chain(more).collect()
}

/// The neighbours as rows, with the distance and what `last` says.
fn rows_of(
    neighbours: Neighbours,
    last: impl FnOnce(Vec<u64>, Vec<u32>) -> Column,
) -> Result<DataFrame, OperatorError> {
    let Neighbours { queries, rows, distances, ties, ranks } = neighbours;
    let height = queries.height();
    let mut columns = queries.into_columns();
    columns.extend(rows.into_columns());
    columns.push(Column::new(PlSmallStr::from_static(DISTANCE), distances));
    columns.push(last(ties, ranks));
    Ok(DataFrame::new(height, columns)?)
}

/// All rows of some frames with the columns of `schema`, in one chunk.
fn concatenate(frames: Vec<DataFrame>, schema: &Schema) -> Result<DataFrame, OperatorError> {
    let mut all = DataFrame::empty_with_schema(schema);
    for frame in frames {
        all.vstack_mut_owned(frame)?;
    }
    all.rechunk_mut();
    Ok(all)
}

/// Frames as entries of a state, all with one name.
fn entries<'a>(name: &str, frames: impl IntoIterator<Item = &'a DataFrame>) -> State {
    frames.into_iter().map(|frame| (name.to_owned(), frame.clone())).collect()
}

/// An entry of a state that something else wrote.
fn foreign(name: &str) -> UserError {
    OperatorError::message(ErrorKind::InvalidData, format!("a nearest join has no state named `{name}`")).into()
}
