//! Known answers, and how an answer is compared with them.

mod compare;
mod known;

use std::fmt;

use polars_core::frame::DataFrame;

use known::known_answer;

/// What the check of an answer found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The answer is the known one.
    Right,
    /// It is another; where it differs first.
    Wrong(String),
    /// There is no known answer at this scale.
    Unknown,
    /// There is no answer: the query failed.
    Failed,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Check::Right => "ok",
            Check::Wrong(_) => "wrong answer",
            Check::Unknown => "no known answer",
            Check::Failed => "failed",
        })
    }
}

/// Compares the answer to a query with the known one at a scale factor, row by row: exactly, but averages and ratios
/// within 1e-9 of their size.
pub fn check(query: u32, scale: f64, answer: &DataFrame) -> Check {
    match known_answer(query, scale) {
        None => Check::Unknown,
        Some(known) => match compare::compare(answer, known) {
            Ok(()) => Check::Right,
            Err(difference) => Check::Wrong(difference),
        },
    }
}
