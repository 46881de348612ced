//! Which column the value behind a key is of.
//!
//! Keys come in the same order in almost all objects. So each key remembers which one came behind it last, and that one is
//! tried first: a comparison of two words, with its quotes and the colon.

use polars_core::prelude::{InitHashMaps, PlHashMap};

use super::syntax::{JsonFault, Wrong, behind_colon, byte, string, unescape, wrong};

/// Keys of objects that are remembered; those beyond are looked up each time.
const REMEMBERED: usize = 4096;
/// Bytes of a key that are compared as words.
const WORDS: usize = 32;

/// The keys of the objects at one place.
pub(super) struct Keys {
    /// The columns that are wanted.
    columns: PlHashMap<Box<[u8]>, usize>,
    known: Vec<Key>,
    by_text: PlHashMap<Box<[u8]>, usize>,
}

/// A key as it stands in the text, and its colon.
#[derive(Clone)]
struct Key {
    words: [u128; 2],
    masks: [u128; 2],
    /// What does not fit the words.
    rest: Box<[u8]>,
    length: usize,
    column: Option<usize>,
    /// The key that came behind it last; none at first.
    next: usize,
}

/// A key that was found.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// To be handed back for the next key of the object.
    pub(super) key: usize,
    pub(super) column: Option<usize>,
    /// Where the value starts, or blanks before it.
    pub(super) at: usize,
}

impl Keys {
    /// What comes before the first key of an object.
    pub(super) const START: usize = 0;

    /// For objects of which the values behind these keys are wanted.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let columns = names.enumerate().map(|(index, name)| (name.as_bytes().into(), index)).collect();
        Self { columns, known: vec![Key::new(b"", None)], by_text: PlHashMap::new() }
    }

    /// The key that starts at `at`, behind the key `before`.
    #[inline(always)]
    pub(super) fn find(&mut self, bytes: &[u8], at: usize, before: usize) -> Result<Found, Wrong> {
        let guess = self.known.get(before).map_or(usize::MAX, |before| before.next);
        match self.known.get(guess).filter(|key| key.is_at(bytes, at)) {
            Some(key) => Ok(Found { key: guess, column: key.column, at: at + key.length }),
            None => self.look_up(bytes, at, before),
        }
    }

    #[inline(never)]
    fn look_up(&mut self, bytes: &[u8], at: usize, before: usize) -> Result<Found, Wrong> {
        if byte(bytes, at) != b'"' {
            return wrong(at, JsonFault::Key);
        }
        let end = string(bytes, at)?;
        let text = bytes.get(at..end.at).unwrap_or_default();
        let behind = behind_colon(bytes, end.at)?;
        let key = match self.by_text.get(text) {
            Some(key) => *key,
            None => {
                let column = self.column(text, end.is_escaped);
                if self.known.len() >= REMEMBERED {
                    return Ok(Found { key: usize::MAX, column, at: behind });
                }
                self.known.push(Key::new(text, column));
                self.by_text.insert(text.into(), self.known.len() - 1);
                self.known.len() - 1
            },
        };
        if let Some(before) = self.known.get_mut(before) {
            before.next = key;
        }
        Ok(Found { key, column: self.known.get(key).and_then(|key| key.column), at: behind })
    }

    fn column(&self, text: &[u8], is_escaped: bool) -> Option<usize> {
        let within = text.get(1..text.len() - 1)?;
        if !is_escaped {
            return self.columns.get(within).copied();
        }
        let mut name = Vec::new();
        unescape(within, &mut name);
        self.columns.get(name.as_slice()).copied()
    }
}

impl Key {
    fn new(text: &[u8], column: Option<usize>) -> Self {
        let mut text = text.to_vec();
        text.push(b':');
        let length = text.len();
        let rest = text.get(WORDS..).unwrap_or_default().into();
        text.resize(WORDS, 0);
        let mask = text.iter().enumerate().map(|(index, _)| if index < length { u8::MAX } else { 0 });
        let [words, masks] = [text.clone(), mask.collect::<Vec<u8>>()].map(|bytes| {
            let (words, _) = bytes.as_chunks::<16>();
            [0, 1].map(|index| words.get(index).map_or(0, |word| u128::from_le_bytes(*word)))
        });
        Self { words, masks, rest, length, column, next: usize::MAX }
    }

    #[inline(always)]
    fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let Some(text) = bytes.get(at..).and_then(|rest| rest.first_chunk::<WORDS>()) else { return false };
        let (words, _) = text.as_chunks::<16>();
        let differs = |index: usize| match words.get(index) {
            Some(word) => (u128::from_le_bytes(*word) ^ self.words[index]) & self.masks[index],
            None => 1,
        };
        (differs(0) | differs(1)) == 0
            && (self.rest.is_empty() || bytes.get(at + WORDS..).is_some_and(|rest| rest.starts_with(&self.rest)))
    }
}
