//! Changes that damage a file.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Damage to the bytes of a file.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Byte(Index, u8),
    Fill(Index, usize, u8),
    Remove(Index, usize),
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    let byte = prop_oneof![any::<u8>(), select(vec![0, 1, 0x7f, 0x80, 0xff])];
    prop_oneof![
        8 => (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (any::<Index>(), 1..30usize, byte).prop_map(|(at, length, byte)| Change::Fill(at, length, byte)),
        1 => (any::<Index>(), 1..30usize).prop_map(|(at, length)| Change::Remove(at, length)),
    ]
}

/// Changes `bytes` behind the first `from`.
pub(crate) fn apply(bytes: &mut Vec<u8>, from: usize, change: &Change) {
    let place = |at: &Index, bytes: &Vec<u8>| from + at.index(bytes.len() - from);
    match change {
        Change::Byte(at, byte) => {
            let at = place(at, bytes);
            bytes[at] = *byte;
        },
        Change::Fill(at, length, byte) => {
            let at = place(at, bytes);
            let end = (at + length).min(bytes.len());
            bytes[at..end].fill(*byte);
        },
        Change::Remove(at, length) => {
            let at = place(at, bytes);
            let end = (at + length).min(bytes.len());
            bytes.drain(at..end);
        },
    }
}
