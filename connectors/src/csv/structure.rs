//! Finds where fields and rows end.
//!
//! A field that starts with the quote character is quoted up to the quote that ends it, and two quotes in it stand for
//! one; separators and newlines in it are text. A quote elsewhere in a field is text. So the bytes are those of an
//! automaton of three states: in quotes; out of them where a quote opens (at the start of a field, or right behind a quote
//! that closed, which makes two of them one); out of them where it does not.
//!
//! Blocks of 64 bytes are taken at once: what is in quotes has an odd number of quotes before it (Langdale, Lemire,
//! *Parsing Gigabytes of JSON per Second*, 2019), if all quotes that would open stand where quotes open. A block with
//! another quote is gone through byte by byte.

use std::ops::Range;

use crate::text::masks::{BLOCK, find, parity};

/// How rows and fields are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) separator: u8,
    pub(super) quote: Option<u8>,
    /// Lines that start with it are no rows.
    pub(super) comment: Option<Box<[u8]>>,
}

/// Bytes that must follow those that are scanned.
pub(super) const PADDING: usize = BLOCK;

/// Where fields end: the places of separators and newlines.
#[derive(Default)]
pub(super) struct Places {
    /// Those before `count`, and more room.
    places: Vec<u32>,
    count: usize,
}

impl Places {
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        self.places.get(..self.count).unwrap_or_default()
    }

    /// Forgets all behind the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }

    pub(super) fn push(&mut self, place: u32) {
        self.reserve();
        if let Some(next) = self.places.get_mut(self.count) {
            *next = place;
            self.count += 1;
        }
    }

    fn reserve(&mut self) {
        if self.places.len() < self.count + BLOCK {
            let room = (2 * self.places.len()).max(self.count + BLOCK).max(4096);
            self.places.resize(room, 0);
        }
    }

    /// Adds `start` plus the place of every bit.
    #[inline(always)]
    fn push_bits(&mut self, start: u32, mut bits: u64) {
        self.reserve();
        let count = bits.count_ones() as usize;
        let room = self.places.get_mut(self.count..).and_then(|room| room.first_chunk_mut::<BLOCK>());
        let Some(room) = room else { return };
        // A fixed number of steps has no branch to be guessed wrong; most blocks have few bits.
        let mut take = |places: &mut [u32]| {
            for place in places {
                *place = start.wrapping_add(bits.trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
        };
        let (first, rest) = room.split_at_mut(8);
        take(first);
        if count > 8 {
            let (second, rest) = rest.split_at_mut(8);
            take(second);
            if count > 16 {
                take(&mut rest[..count - 16]);
            }
        }
        self.count += count;
    }
}

/// What is known behind some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scanned {
    /// The end is in quotes.
    pub(super) is_quoted: bool,
    /// Rows that end.
    pub(super) newlines: usize,
}

/// Adds the ends of all fields in `range` of `bytes`, behind which at least [`PADDING`] bytes stand. The range starts at
/// the start of a row, or, if `is_quoted`, in quotes behind a newline.
pub(super) fn scan(
    bytes: &[u8],
    range: Range<usize>,
    dialect: &Dialect,
    is_quoted: bool,
    places: &mut Places,
) -> Scanned {
    if dialect.comment.is_some() {
        return scan_with_comments(bytes, range, dialect, is_quoted, places);
    }
    let mut state = State { is_quoted, opens: true };
    let (mut start, mut newlines) = (range.start, 0);
    while start < range.end {
        let Some(block) = bytes.get(start..).and_then(|bytes| bytes.first_chunk::<BLOCK>()) else { break };
        let rest = range.end - start;
        let within = if rest < BLOCK { (1 << rest) - 1 } else { u64::MAX };
        let newline = find(block, b'\n');
        let ends = (find(block, dialect.separator) | newline) & within;
        let quotes = dialect.quote.map_or(0, |quote| find(block, quote) & within);
        let ends = if quotes == 0 {
            let ends = if state.is_quoted { 0 } else { ends };
            state.opens = ends >> 63 != 0;
            ends
        } else {
            state.step(quotes, ends)
        };
        places.push_bits(start as u32, ends);
        newlines += (ends & newline).count_ones() as usize;
        start += BLOCK;
    }
    Scanned { is_quoted: state.is_quoted, newlines }
}

/// The state of the automaton between two bytes.
#[derive(Clone, Copy)]
struct State {
    is_quoted: bool,
    /// A quote here opens; without meaning in quotes.
    opens: bool,
}

impl State {
    /// Goes over a block and says which of the `ends` end a field.
    fn step(&mut self, quotes: u64, ends: u64) -> u64 {
        let before = if self.is_quoted { u64::MAX } else { 0 };
        // From a quote that opens up to before the one that closes.
        let quoted = parity(quotes) ^ before;
        let real = ends & !quoted;
        let behind = real | (quotes & !quoted);
        let may_open = behind << 1 | u64::from(self.opens);
        if quotes & quoted & !may_open != 0 {
            return self.step_by_byte(quotes, ends);
        }
        *self = Self { is_quoted: quoted >> 63 != 0, opens: behind >> 63 != 0 };
        real
    }

    /// As [`step`](Self::step), for any quotes.
    #[cold]
    fn step_by_byte(&mut self, quotes: u64, ends: u64) -> u64 {
        let mut real = 0;
        for bit in (0..BLOCK).map(|index| 1u64 << index) {
            if quotes & bit != 0 {
                self.quote();
            } else if !self.is_quoted {
                self.opens = ends & bit != 0;
                real |= ends & bit;
            }
        }
        real
    }

    fn quote(&mut self) {
        if self.is_quoted {
            *self = Self { is_quoted: false, opens: true };
        } else {
            self.is_quoted = self.opens;
        }
    }
}

/// As [`scan`], where a line that starts with the comment prefix is one field.
fn scan_with_comments(
    bytes: &[u8],
    range: Range<usize>,
    dialect: &Dialect,
    is_quoted: bool,
    places: &mut Places,
) -> Scanned {
    let prefix = dialect.comment.as_deref().unwrap_or_default();
    let bytes = bytes.get(..range.end).unwrap_or_default();
    let mut state = State { is_quoted, opens: true };
    let (mut at, mut newlines) = (range.start, 0);
    let mut is_row_start = !is_quoted;
    while let Some(byte) = bytes.get(at) {
        if is_row_start && is_comment(bytes, at, prefix) {
            match bytes[at..].iter().position(|byte| *byte == b'\n') {
                Some(length) => {
                    at += length;
                    places.push(at as u32);
                    newlines += 1;
                },
                None => at = bytes.len(),
            }
            at += 1;
            continue;
        }
        is_row_start = false;
        if Some(*byte) == dialect.quote {
            state.quote();
        } else if !state.is_quoted {
            state.opens = *byte == dialect.separator || *byte == b'\n';
            if state.opens {
                places.push(at as u32);
                is_row_start = *byte == b'\n';
                newlines += usize::from(is_row_start);
            }
        }
        at += 1;
    }
    Scanned { is_quoted: state.is_quoted, newlines }
}

/// Whether the row at `start` is a comment.
pub(super) fn is_comment(bytes: &[u8], start: usize, prefix: &[u8]) -> bool {
    bytes.get(start..).is_some_and(|row| row.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks with any quotes come to what a walk over the bytes does.
    #[test]
    fn blocks_and_bytes_agree() {
        let mut random = 3u64;
        for round in 0..4000 {
            let text: Vec<u8> = (0..round % 200 + PADDING)
                .map(|_| {
                    random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    let letters = if round % 3 == 0 { &b"aaaa,,\n\""[..] } else { &b"aaaaaaaaaaaaaa,\n"[..] };
                    letters[(random >> 33) as usize % letters.len()]
                })
                .collect();
            let length = text.len() - PADDING;
            let plain = Dialect { separator: b',', quote: Some(b'"'), comment: None };
            // No line starts with this.
            let byte_by_byte = Dialect { comment: Some([0].into()), ..plain.clone() };
            for (is_quoted, start) in [(false, 0), (true, 0), (false, 3.min(length)), (true, 70.min(length))] {
                let (mut found, mut expected) = (Places::default(), Places::default());
                let left = scan(&text, start..length, &plain, is_quoted, &mut found);
                let right = scan(&text, start..length, &byte_by_byte, is_quoted, &mut expected);
                assert_eq!((left, found.as_slice()), (right, expected.as_slice()));
            }
        }
    }
}
