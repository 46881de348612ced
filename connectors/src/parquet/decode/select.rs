//! Nulls and selections: which values go where.

use polars_arrow::bitmap::Bitmap;

use super::words::{BitReader, BitWriter, for_each_set, gather_bits, scatter_bits, words};

/// Moves the last `values` of `out` apart so that each stands at a set bit of `validity`, and puts a default value at the
/// others.
pub(super) fn spread<T: Copy + Default>(out: &mut Vec<T>, validity: &Bitmap, values: usize) {
    let start = out.len() - values;
    out.resize(start + validity.len(), T::default());
    let out = &mut out[start..];
    let mut left = values;
    for row in (0..validity.len()).rev() {
        if left == row + 1 {
            // No null stands before this row.
            return;
        }
        out[row] = if validity.get_bit(row) {
            left -= 1;
            out[left]
        } else {
            T::default()
        };
    }
}

/// Keeps those values of `out` from the place `start` on whose bit is set.
pub(super) fn keep_selected<T: Copy>(out: &mut Vec<T>, start: usize, selected: &Bitmap) {
    let mut kept = start;
    for_each_set(selected, |row| {
        out[kept] = out[start + row];
        kept += 1;
    });
    out.truncate(kept);
}

/// The bits of `bits` at the set bits of `at`, which is as long.
pub(in crate::parquet) fn pick(bits: &Bitmap, at: &Bitmap) -> Bitmap {
    let mut picked = BitWriter::with_capacity(at.set_bits());
    for (word, at) in words(bits).zip(words(at)) {
        picked.push(gather_bits(word, at), at.count_ones() as usize);
    }
    picked.finish()
}

/// `mask` without the bits for which `passed`, which has one bit a set bit of `mask`, is not set.
pub(in crate::parquet) fn narrow(mask: &Bitmap, passed: &Bitmap) -> Bitmap {
    let mut narrowed = BitWriter::with_capacity(mask.len());
    let mut passed = BitReader::new(passed);
    for (start, word) in (0..mask.len()).step_by(64).zip(words(mask)) {
        let passed = passed.next(word.count_ones() as usize);
        narrowed.push(scatter_bits(passed, word), (mask.len() - start).min(64));
    }
    narrowed.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(bits: &[u8]) -> Bitmap {
        bits.iter().map(|bit| *bit == 1).collect()
    }

    #[test]
    fn values_are_spread_over_the_set_bits() {
        for (validity, expected) in [
            (&[1, 1, 1][..], &[9, 1, 2, 3][..]),
            (&[0, 1, 1, 0, 0, 1, 0], &[9, 0, 1, 2, 0, 0, 3, 0]),
            (&[1, 1, 0, 1], &[9, 1, 2, 0, 3]),
        ] {
            let mut out = vec![9, 1, 2, 3];
            spread(&mut out, &bits(validity), 3);
            assert_eq!(out, expected);
        }
        let mut out = vec![9];
        spread(&mut out, &bits(&[0, 0]), 0);
        assert_eq!(out, [9, 0, 0]);
    }

    #[test]
    fn bits_are_picked() {
        assert_eq!(pick(&bits(&[1, 0, 1, 0, 1]), &bits(&[1, 1, 0, 0, 1])), bits(&[1, 0, 1]));
    }

    proptest! {
        #[test]
        fn masks_are_narrowed_and_picked(rows in proptest::collection::vec(any::<(bool, bool)>(), 0..300)) {
            let (mask, other): (Vec<bool>, Vec<bool>) = rows.into_iter().unzip();
            let expected = mask.iter().zip(&other).filter(|(mask, _)| **mask).map(|(_, other)| *other);
            let (mask, other) = (mask.iter().copied().collect(), other.iter().copied().collect());
            let picked = pick(&other, &mask);
            prop_assert!(picked.iter().eq(expected));
            prop_assert_eq!(narrow(&mask, &picked), &mask & &other);
        }
    }
}
