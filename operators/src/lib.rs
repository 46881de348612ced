//! The built-in operators of quokka: one file each, a folder for a family.
//!
//! | module | operators |
//! |---|---|
//! | [`aggregate`] | grouped aggregates in two phases |
//! | [`join`] | hash joins |
//! | [`limit`] | the first rows, or a slice |
//! | [`select`] | columns of a batch, stateless |
//! | [`union`] | rows of several inputs |
//! | [`whole_frame`] | a function of all rows at once |

pub mod aggregate;
pub mod join;
pub mod limit;
mod ordered_batches;
pub mod select;
mod slices;
mod state;
pub mod union;
pub mod whole_frame;
