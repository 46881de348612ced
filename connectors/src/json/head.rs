//! What the first rows of a file tell.

use super::block::Block;
use super::error::JsonError;
use super::infer::{Fields, fields, merge};
use super::keys::Keys;
use super::options::JsonOptions;
use super::rows::Rows;
use super::syntax::skip_blanks;
use crate::text::{BadRows, TextFile};

/// Bytes that are read at first to infer types.
const FIRST: usize = 64 * 1024;
/// Bytes that are read at a time at most.
const STEP: usize = 8 << 20;

/// What the first rows of a file tell.
#[derive(Default)]
pub(super) struct Head {
    pub(super) fields: Fields,
    pub(super) rows: usize,
    /// Bytes of these rows.
    pub(super) bytes: u64,
}

/// What up to `rows` rows at the start of the file tell, all if `None`. Rows that are wrong tell nothing, unless they
/// are to be an error.
pub(super) fn head(file: &TextFile, rows: Option<usize>, options: &JsonOptions) -> Result<Head, JsonError> {
    let mut head = Head::default();
    let mut block = Block::default();
    let mut input = file.open(0)?;
    let (mut bytes, mut found, mut keys) = (FIRST, Rows::default(), Keys::new(std::iter::empty()));
    loop {
        let goes_on = block.next(file, &mut input, bytes)?;
        bytes = (2 * bytes).min(STEP);
        let text = block.text();
        let mut at = block.start();
        while at < text.length && rows.is_none_or(|rows| head.rows < rows) {
            // All rows are gone over one by one, as each starts somewhere.
            let policy = if options.bad_rows == BadRows::Fail { BadRows::Fail } else { BadRows::Skip };
            let scanned = found.scan(text, at, 1, 0, &mut keys, policy);
            let (next, _) = scanned.map_err(|bad| block.syntax_error(file, bad))?;
            if found.len() > 0 {
                let start = skip_blanks(text.bytes, found.start(0));
                if let Ok((new, _)) = fields(text.bytes, start, options.try_parse_dates) {
                    merge(&mut head.fields, new);
                }
                head.rows += 1;
                head.bytes += (next - found.start(0)) as u64;
            }
            at = next;
        }
        if !goes_on || rows.is_some_and(|rows| head.rows >= rows) {
            return Ok(head);
        }
    }
}
