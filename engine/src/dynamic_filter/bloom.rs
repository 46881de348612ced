//! A Bloom filter whose blocks are machine words: all bits of a key lie in one word, so a lookup touches memory once.

use std::sync::atomic::{AtomicU64, Ordering};

use polars_arrow::bitmap::Bitmap;

use super::set::{put, zeros};

/// Bits a key before the number of words is rounded up to a power of two, so 12 to 24 of them: about 1 % of the keys that
/// are not in the set pass.
const BITS_A_KEY: u64 = 12;
/// The largest filter has 4 M words, 32 MiB: beyond, a lookup costs what it saves.
const MOST_WORDS: u64 = 1 << 22;
/// Spreads hashes over the words. Those of one process share their highest bits.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A set of hashes that may seem to hold some more.
#[derive(Debug)]
pub(super) struct Bloom {
    /// A power of two.
    pub(super) words: Box<[AtomicU64]>,
}

impl Bloom {
    /// An empty set for `keys` hashes; `None` if that is too many.
    pub(super) fn new(keys: u64) -> Option<Self> {
        // A filter that is short of room by half still keeps most of what does not belong out.
        let wanted = (keys.saturating_mul(BITS_A_KEY) / 64).max(1);
        (wanted <= 2 * MOST_WORDS).then(|| Self { words: zeros(wanted.next_power_of_two().min(MOST_WORDS) as usize) })
    }

    pub(super) fn insert(&self, hashes: &[u64], exclusive: bool) {
        let shift = self.shift();
        for hash in hashes {
            put(&self.words[self.index(*hash, shift)], bits(*hash), exclusive);
        }
    }

    pub(super) fn mask(&self, hashes: &[u64]) -> Bitmap {
        let shift = self.shift();
        let mut bytes = Vec::with_capacity(hashes.len().div_ceil(64) * 8);
        for block in hashes.chunks(64) {
            let mut passing = 0u64;
            for (position, hash) in block.iter().enumerate() {
                let missing = bits(*hash) & !self.words[self.index(*hash, shift)].load(Ordering::Relaxed);
                passing |= u64::from(missing == 0) << position;
            }
            bytes.extend(passing.to_le_bytes());
        }
        Bitmap::from_u8_vec(bytes, hashes.len())
    }

    /// The hashes of both.
    pub(super) fn merge(self, other: Self) -> Self {
        let (large, small) = if self.words.len() < other.words.len() { (other, self) } else { (self, other) };
        // The index of a word is the first bits of a number, so each word of the small one stands for a run of the large.
        let run = large.words.len() / small.words.len();
        for (words, bits) in large.words.chunks(run).zip(small.words) {
            let bits = bits.into_inner();
            words.iter().for_each(|word| put(word, bits, true));
        }
        large
    }

    fn shift(&self) -> u32 {
        64 - self.words.len().trailing_zeros()
    }

    #[inline]
    fn index(&self, hash: u64, shift: u32) -> usize {
        // One word alone would shift by all 64 bits.
        hash.wrapping_mul(SPREAD).checked_shr(shift).unwrap_or(0) as usize
    }
}

/// Four bits by the lowest 24 bits of the hash.
#[inline]
fn bits(hash: u64) -> u64 {
    (1 << (hash & 63)) | (1 << ((hash >> 6) & 63)) | (1 << ((hash >> 12) & 63)) | (1 << ((hash >> 18) & 63))
}
