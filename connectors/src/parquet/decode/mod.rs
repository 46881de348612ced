//! Decodes flat columns page by page.
//!
//! A [`ColumnCursor`] goes through a column chunk row by row without starting again: batches come straight from the
//! pages, a worker holds one page of a column besides its batch, and pages of which nobody wants a row are not even
//! decompressed. Nested columns and rare types and encodings are left to Polars' decoder ([`column`](super::column)).

mod booleans;
mod codes;
mod cursor;
mod delta;
mod dictionary;
mod fixed;
mod hybrid;
mod levels;
mod look_up;
mod page;
mod select;
mod snappy;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod texts;
mod types;
mod unpack;
mod values;
mod views;
mod words;
mod zstandard;

pub(super) use codes::{CodedCursor, passing};
pub(super) use cursor::{ColumnCursor, Rows};
pub(super) use select::{narrow, pick};
pub(super) use snappy::{Compressed, decompress_all};
