//! Where some byte stands in a block of 64.

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;

/// One bit a byte of `block`, the lowest for the first, set where it is `byte`.
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
#[inline(always)]
pub(crate) fn find(block: &[u8; BLOCK], byte: u8) -> u64 {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8};
    // SAFETY: the processor has AVX2, or this would not have been compiled; both loads read 32 of the 64 bytes, at no
    // alignment in particular.
    unsafe {
        let pattern = _mm256_set1_epi8(byte as i8);
        let bits = |half| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(half, pattern)) as u32);
        let low = bits(_mm256_loadu_si256(block.as_ptr().cast()));
        let high = bits(_mm256_loadu_si256(block.as_ptr().add(BLOCK / 2).cast()));
        low | high << 32
    }
}

/// One bit a byte of `block`, as of [`find`], set where it is a control character: less than a space.
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
#[inline(always)]
pub(crate) fn controls(block: &[u8; BLOCK]) -> u64 {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set1_epi8,
    };
    // SAFETY: as in `find`.
    unsafe {
        let last = _mm256_set1_epi8(b' ' as i8 - 1);
        let bits = |half| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(half, _mm256_min_epu8(half, last))) as u32);
        let low = bits(_mm256_loadu_si256(block.as_ptr().cast()));
        let high = bits(_mm256_loadu_si256(block.as_ptr().add(BLOCK / 2).cast()));
        low | high << 32
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) use portable::{controls, find};

/// The same for every processor.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "avx2"))))]
pub(crate) mod portable {
    use super::BLOCK;

    /// As [`find`](super::find), eight bytes at a time.
    pub(crate) fn find(block: &[u8; BLOCK], byte: u8) -> u64 {
        find_bits(block, byte, u8::MAX)
    }

    /// As [`controls`](super::controls), eight bytes at a time.
    pub(crate) fn controls(block: &[u8; BLOCK]) -> u64 {
        find_bits(block, 0, !(b' ' - 1))
    }

    /// Where those bits of a byte that are set in `mask` are those of `byte`.
    fn find_bits(block: &[u8; BLOCK], byte: u8, mask: u8) -> u64 {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let (pattern, mask) = (u64::from_ne_bytes([byte; 8]), u64::from_ne_bytes([mask; 8]));
        let (words, _) = block.as_chunks::<8>();
        words.iter().enumerate().fold(0, |bits, (index, word)| {
            let differs = (u64::from_le_bytes(*word) ^ pattern) & mask;
            // The high bit of each byte that does not differ; no carry leaves a byte.
            let same = !(((differs & LOW) + LOW) | differs | LOW);
            // The product moves the eight bits next to each other.
            let packed = (same >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            bits | packed << (8 * index)
        })
    }
}

/// For every bit whether an odd number of bits is set up to it, itself included.
#[inline(always)]
pub(crate) fn parity(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ (bits << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_by_both_twins() {
        let mut state = 7u64;
        for _ in 0..500 {
            let block: [u8; BLOCK] = std::array::from_fn(|_| {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                [b',', b'-', b'+', 0, 0x80, 0xff, 0x1f, b' '][(state >> 60) as usize % 8]
            });
            for byte in [b',', b' ', 0, 0x80, 0xff, b'x'] {
                let expected = (0..BLOCK).fold(0, |bits, i| bits | u64::from(block[i] == byte) << i);
                assert_eq!(find(&block, byte), expected);
                assert_eq!(portable::find(&block, byte), expected);
            }
            let expected = (0..BLOCK).fold(0, |bits, i| bits | u64::from(block[i] < 32) << i);
            assert_eq!((controls(&block), portable::controls(&block)), (expected, expected));
        }
    }

    #[test]
    fn parity_is_that_of_all_bits_before() {
        for bits in [0u64, 1, 0b1010, u64::MAX, 1 << 63, 0x8421_0f0f_dead_beef] {
            let expected = (0..64).fold(0, |all, i| all | u64::from((bits << (63 - i)).count_ones() % 2) << i);
            assert_eq!(parity(bits), expected);
        }
    }
}
