//! Definition levels of flat columns: which rows are null.

use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_buffer::Buffer;

use super::hybrid::{Hybrid, Run};
use crate::parquet::error::Damage;

/// The rows of a page that are not null, one bit a row; `None` if no row is. `levels` has one bit a row, from the byte
/// `start` on.
pub(super) fn validity(levels: Buffer<u8>, start: usize, rows: usize) -> Result<Option<Bitmap>, Damage> {
    let mut runs = Hybrid::new(levels, start, 1)?;
    let mut validity: Option<BitmapBuilder> = None;
    let mut valid = 0;
    runs.read(rows, |run| {
        match (&mut validity, run) {
            (None, Run::Equal(1, count)) => valid += count,
            (validity, run) => {
                let validity = validity.get_or_insert_with(|| {
                    let mut validity = BitmapBuilder::with_capacity(rows);
                    validity.extend_constant(valid, true);
                    validity
                });
                match run {
                    Run::Equal(level @ (0 | 1), count) => validity.extend_constant(count, level == 1),
                    Run::Equal(..) => return Err(Damage::Page("definition levels that are too large")),
                    Run::Different(levels) => {
                        for bits in levels.chunks(64) {
                            let word = bits.iter().rev().fold(0, |word, bit| word << 1 | u64::from(*bit));
                            push(validity, word, bits.len());
                        }
                    },
                }
            },
        }
        Ok(())
    })?;
    let validity = validity.map(BitmapBuilder::freeze);
    Ok(validity.filter(|validity| validity.unset_bits() > 0))
}

/// Appends the lowest bits of a word.
fn push(bits: &mut BitmapBuilder, word: u64, count: usize) {
    bits.extend_from_slice(&word.to_le_bytes(), 0, count);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn read(bytes: &[u8], rows: usize) -> Result<Option<Vec<bool>>, Damage> {
        let validity = validity(Buffer::from(bytes.to_vec()), 0, rows)?;
        Ok(validity.map(|validity| validity.iter().collect()))
    }

    #[test]
    fn runs_of_levels() {
        // 5 times 1
        assert_eq!(read(&[10, 1], 5).unwrap(), None);
        // 8 packed levels that are all 1
        assert_eq!(read(&[3, 0xff], 8).unwrap(), None);
        // twice 1, then 8 packed, then twice 0
        let expected = [1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0].map(|bit| bit == 1);
        assert_eq!(read(&[4, 1, 3, 0b0000_0101, 4, 0], 12).unwrap().unwrap(), expected);
    }

    #[test]
    fn levels_that_cannot_be() {
        assert!(matches!(read(&[10, 2], 5), Err(Damage::Page(_))));
        assert!(matches!(read(&[10, 1], 6), Err(Damage::Ends)));
    }
}
