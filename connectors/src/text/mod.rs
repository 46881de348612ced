//! Values in text, and how they are found: what the formats of text share.

mod bad_rows;
mod compress;
mod encoder;
mod file;
pub(crate) mod masks;
mod memory;
pub(crate) mod number;
mod options;
mod place;
mod sample;
mod slice;
mod source;
mod table;
pub(crate) mod temporal;
pub(crate) mod texts;
pub(crate) mod write;

pub use bad_rows::BadRows;
pub(crate) use compress::Extensions;
pub use compress::TextCompression;
pub(crate) use encoder::{TextEncoder, WriteRows};
pub(crate) use file::{BEHIND, Range, TextFile};
pub(crate) use options::{TextOptions, with_text_options};
pub use place::Place;
pub(crate) use sample::{Peek, Peeked, Place as SamplePlace, TextSample, sample, sampled_rows, statistics};
pub(crate) use slice::{Columns, read_rows};
pub(crate) use source::{Asked, TextReader, TextSource, TextTable};
pub(crate) use table::{FoundFiles, Measured, TextFiles, unsupported};

/// Characters of a value that an error shows.
const SHOWN: usize = 100;

/// The start of a text, as an error shows it.
pub(crate) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
