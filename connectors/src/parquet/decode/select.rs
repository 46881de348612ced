//! Nulls and selections: which values go where.

use polars_arrow::bitmap::{Bitmap, BitmapBuilder};

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
    for row in selected.true_idx_iter() {
        out[kept] = out[start + row];
        kept += 1;
    }
    out.truncate(kept);
}

/// The bits of `bits` at the set bits of `at`, which is as long.
pub(in crate::parquet) fn pick(bits: &Bitmap, at: &Bitmap) -> Bitmap {
    let mut picked = BitmapBuilder::with_capacity(at.set_bits());
    for index in at.true_idx_iter() {
        picked.push(bits.get_bit(index));
    }
    picked.freeze()
}

#[cfg(test)]
mod tests {
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
}
