//! The built-in operators of quokka: one file each, a folder for a family.
//!
//! | module | operators |
//! |---|---|
//! | [`aggregate`] | group-by in two phases, distinct |
//! | [`join`] | hash join of every kind |
//! | [`filter`], [`project`], [`select`] | rows and columns of a batch, stateless |
//! | [`materialize`] | rows that are read several times |
//! | [`dataset`] | rows that are kept for later queries |
//! | [`nearest`] | rows whose vectors are near |
//! | [`moments`] | sums of products of columns |
//! | [`distinct`] | one row of each set of equal rows |
//! | [`explode`] | a row for each element of a list |
//! | [`row_index`] | a number for each row |
//! | [`sample`] | some rows by chance |
//! | [`limit`] | the first rows, or a slice |
//! | [`sketch`] | expressions for approximate aggregates |
//! | [`top_k`] | the first rows of a sort order |
//! | [`sort`] | all rows in a sort order |
//! | [`union`] | rows of several inputs |
//! | [`whole_frame`] | a function of all rows at once |

pub mod aggregate;
pub mod dataset;
mod detach;
pub mod distinct;
pub mod explode;
pub mod filter;
mod gather;
pub mod join;
mod kept_batches;
pub mod limit;
pub mod materialize;
pub mod moments;
pub mod nearest;
mod ordered_batches;
pub mod project;
pub mod row_index;
pub mod sample;
pub mod select;
pub mod sketch;
mod slices;
pub mod sort;
mod state;
pub mod top_k;
pub mod union;
pub mod whole_frame;
