//! Bitmaps by words of 64 bits, the first bit lowest.

use polars_arrow::bitmap::Bitmap;

/// The words of `bits`; behind the last bit are zeros.
pub(super) fn words(bits: &Bitmap) -> impl Iterator<Item = u64> {
    let chunks = bits.chunks::<u64>();
    let remainder = (!bits.len().is_multiple_of(64)).then(|| chunks.remainder());
    chunks.chain(remainder)
}

/// Calls `visit` with the index of every set bit, in order.
#[inline(always)]
pub(super) fn for_each_set(bits: &Bitmap, mut visit: impl FnMut(usize)) {
    for (index, mut left) in words(bits).enumerate() {
        while left != 0 {
            visit(64 * index + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// The bits of `word` at the set bits of `at`, side by side.
#[inline(always)]
pub(super) fn gather_bits(word: u64, at: u64) -> u64 {
    #[cfg(all(target_arch = "x86_64", target_feature = "bmi2"))]
    {
        // SAFETY: the processor has the instruction, as it is one of those that the whole build may use.
        unsafe { std::arch::x86_64::_pext_u64(word, at) }
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "bmi2")))]
    gather_bits_one_by_one(word, at)
}

/// The lowest bits of `word`, each at a set bit of `at`.
#[inline(always)]
pub(super) fn scatter_bits(word: u64, at: u64) -> u64 {
    #[cfg(all(target_arch = "x86_64", target_feature = "bmi2"))]
    {
        // SAFETY: as above.
        unsafe { std::arch::x86_64::_pdep_u64(word, at) }
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "bmi2")))]
    scatter_bits_one_by_one(word, at)
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "bmi2"))))]
fn gather_bits_one_by_one(word: u64, mut at: u64) -> u64 {
    let (mut gathered, mut position) = (0, 0);
    while at != 0 {
        gathered |= (word >> at.trailing_zeros() & 1) << position;
        position += 1;
        at &= at - 1;
    }
    gathered
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "bmi2"))))]
fn scatter_bits_one_by_one(mut word: u64, mut at: u64) -> u64 {
    let mut scattered = 0;
    while at != 0 {
        scattered |= (word & 1) << at.trailing_zeros();
        word >>= 1;
        at &= at - 1;
    }
    scattered
}

/// Makes a bitmap of words.
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, which do not fill a word yet.
    word: u64,
    bits: usize,
}

impl BitWriter {
    pub(super) fn with_capacity(bits: usize) -> Self {
        Self { bytes: Vec::with_capacity(bits.div_ceil(64) * 8), word: 0, bits: 0 }
    }

    /// Appends the lowest `count` bits of `word`, at most 64; the others must be zero.
    #[inline(always)]
    pub(super) fn push(&mut self, word: u64, count: usize) {
        let filled = self.bits % 64;
        self.word |= word << filled;
        self.bits += count;
        if filled + count >= 64 {
            self.bytes.extend(self.word.to_le_bytes());
            self.word = if filled == 0 { 0 } else { word >> (64 - filled) };
        }
    }

    pub(super) fn finish(mut self) -> Bitmap {
        self.bytes.extend(self.word.to_le_bytes());
        Bitmap::from_u8_vec(self.bytes, self.bits)
    }
}

/// Reads a bitmap by any number of bits at once.
pub(super) struct BitReader {
    words: Vec<u64>,
    at: usize,
}

impl BitReader {
    pub(super) fn new(bits: &Bitmap) -> Self {
        Self { words: words(bits).collect(), at: 0 }
    }

    /// The next 64 bits, zeros behind the end; goes on by `count` of them.
    #[inline(always)]
    pub(super) fn next(&mut self, count: usize) -> u64 {
        let (index, shift) = (self.at / 64, self.at % 64);
        self.at += count;
        let word = |index: usize| self.words.get(index).copied().unwrap_or(0);
        if shift == 0 { word(index) } else { word(index) >> shift | word(index + 1) << (64 - shift) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_gathered_and_scattered(word: u64, at: u64) {
            prop_assert_eq!(gather_bits(word, at), gather_bits_one_by_one(word, at));
            prop_assert_eq!(scatter_bits(word, at), scatter_bits_one_by_one(word, at));
            prop_assert_eq!(scatter_bits(gather_bits(word, at), at), word & at);
        }

        #[test]
        fn words_hold_the_bits(bits in proptest::collection::vec(any::<bool>(), 0..300), start in 0..70usize) {
            let bits: Bitmap = bits.into_iter().collect();
            let bits = bits.clone().sliced(start.min(bits.len()), bits.len().saturating_sub(start));
            let mut set = Vec::new();
            for_each_set(&bits, |index| set.push(index));
            prop_assert!(set.into_iter().eq(bits.true_idx_iter()));
        }

        #[test]
        fn what_is_written_is_read(counts in proptest::collection::vec((any::<u64>(), 0..65usize), 0..20)) {
            let low = |word: u64, count: usize| if count == 64 { word } else { word & ((1 << count) - 1) };
            let mut writer = BitWriter::with_capacity(100);
            counts.iter().for_each(|(word, count)| writer.push(low(*word, *count), *count));
            let bits = writer.finish();
            prop_assert_eq!(bits.len(), counts.iter().map(|(_, count)| count).sum::<usize>());
            let mut reader = BitReader::new(&bits);
            for (word, count) in counts {
                prop_assert_eq!(low(reader.next(count), count), low(word, count));
            }
        }
    }
}
