//! The raw columnar wire frame: how a batch travels between processes.
//!
//! A frame is the memory of the columns, one buffer after the other, behind a small header. The sender copies each buffer
//! once, into timely's send buffer; the receiver copies nothing: its columns point into the bytes that arrived.
//! Names and types are not in the frame: they stand in the plan, which every process has. Nothing else is believed:
//! [`decode`] checks every length, offset, view and code before Polars sees it, so that a damaged frame is an error.
//!
//! ```text
//! header   mark, version, columns, buffers, rows, bytes                  32 bytes
//! table    the length of each buffer in bytes                            8 bytes a buffer
//! body     the buffers, each filled up with zeros to a multiple of 16
//! ```
//!
//! All integers are little-endian. The columns write their buffers in the order of the schema, nested columns depth first:
//!
//! | type | buffers |
//! |---|---|
//! | null | none |
//! | boolean | validity, bits |
//! | integers, floats, decimal, date, datetime, duration, time, enum | validity, values |
//! | string, binary | validity, views, text: the bytes of all values longer than 12 |
//! | list | validity, 64-bit offsets from 0, then the buffers of the items |
//! | array | validity, then the buffers of the items, so many a row as the type says |
//! | struct | validity, then the buffers of each field |
//! | categorical | validity, codes, then views and text of the strings that the codes stand for |
//!
//! A validity without nulls is empty. Validity, bits, values and views are as Arrow defines them
//! (<https://arrow.apache.org/docs/format/Columnar.html>), except that every view points into the one text buffer.
//! Codes of a categorical are positions in the strings of the same frame, because codes of two processes differ.
//!
//! Sortedness and other hints about a column do not travel.

mod decode;
mod encode;
mod error;
mod header;
mod split;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod validate;

pub use decode::{decode, decode_unchecked};
pub use encode::FrameEncoder;
pub use error::{Damage, FrameError};
pub use split::split;

#[cfg(target_endian = "big")]
compile_error!("frames are little-endian memory: this needs a little-endian machine");

/// The length in bytes to which an exchange cuts its frames: larger messages make timely allocate larger buffers for good.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// Rows that a column without any bytes (nulls, a struct without fields) may claim: Polars builds their validity in memory.
const MAX_ROWS_WITHOUT_BYTES: usize = 1 << 26;
