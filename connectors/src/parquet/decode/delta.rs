//! Integers that are stored as differences.
//!
//! Source: "Delta Encoding" of <https://github.com/apache/parquet-format/blob/master/Encodings.md>

use crate::parquet::error::Damage;

/// Integers of a block; writers use 128.
const LARGEST_BLOCK: u64 = 1 << 16;

/// Decodes the integers from the start of `bytes`, of which there must be `values`, and tells where they end.
pub(super) fn integers(bytes: &[u8], values: usize) -> Result<(Vec<i64>, usize), Damage> {
    let mut bits = Bytes { bytes, at: 0 };
    let block = bits.varint()?;
    let parts = bits.varint()?;
    let count = bits.varint()?;
    let mut value = bits.zigzag()?;
    if count != values as u64 {
        return Err(Damage::Count { what: "integers in the page", expected: values as u64, found: count });
    }
    if !(1..=LARGEST_BLOCK).contains(&block) || !(1..=block).contains(&parts) || !block.is_multiple_of(parts * 8) {
        return Err(Damage::Page("blocks of differences of a size that cannot be"));
    }
    let part = (block / parts) as usize;
    let mut integers = Vec::new();
    if values > 0 {
        integers.push(value);
    }
    while integers.len() < values {
        let least = bits.zigzag()?;
        let widths = bits.take(parts as usize)?;
        for width in widths {
            if integers.len() >= values {
                // The widths of parts that hold nothing may be anything, and no bytes stand for them.
                break;
            }
            let width = u32::from(*width);
            if width > 64 {
                return Err(Damage::Page("differences of more than 64 bits"));
            }
            let packed = bits.take_some(part / 8 * width as usize);
            let wanted = part.min(values - integers.len());
            if packed.len() < (wanted * width as usize).div_ceil(8) {
                return Err(Damage::Ends);
            }
            integers.extend((0..wanted).map(|index| {
                value = value.wrapping_add(least).wrapping_add(packed_at(packed, index * width as usize, width) as i64);
                value
            }));
        }
    }
    Ok((integers, bits.at))
}

/// The integer of `width` bits at a bit.
fn packed_at(bytes: &[u8], bit: usize, width: u32) -> u64 {
    let mut word = [0; 16];
    let bytes = bytes.get(bit / 8..).unwrap_or_default();
    let length = bytes.len().min(9);
    word[..length].copy_from_slice(&bytes[..length]);
    let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
    (u128::from_le_bytes(word) >> (bit % 8)) as u64 & mask
}

struct Bytes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let end = self.at.checked_add(count).ok_or(Damage::Ends)?;
        let taken = self.bytes.get(self.at..end).ok_or(Damage::Ends)?;
        self.at = end;
        Ok(taken)
    }

    /// At most `count` bytes: some writers cut off what does not count at the end.
    fn take_some(&mut self, count: usize) -> &'a [u8] {
        let end = self.at.saturating_add(count).min(self.bytes.len());
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end;
        taken
    }

    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage::Page("an integer of more than 64 bits"))
    }

    fn zigzag(&mut self) -> Result<i64, Damage> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The example of the format's description: 7, 5, 3, 1, 2, 3, 4, 5 with blocks of 8 integers in one part.
    const EXAMPLE: [u8; 8] = [8, 1, 8, 14, 3, 2, 0b1100_0000, 0b0011_1111];

    #[test]
    fn the_example_of_the_format() {
        assert_eq!(integers(&EXAMPLE, 8).unwrap(), (vec![7, 5, 3, 1, 2, 3, 4, 5], 8));
        assert_eq!(integers(&[8, 1, 1, 13], 1).unwrap(), (vec![-7], 4));
        assert_eq!(integers(&[8, 1, 0, 0], 0).unwrap(), (vec![], 4));
    }

    #[test]
    fn integers_that_are_not_there() {
        assert!(matches!(integers(&EXAMPLE, 7), Err(Damage::Count { .. })));
        assert!(matches!(integers(&EXAMPLE[..7], 8), Err(Damage::Ends)));
        assert!(matches!(integers(&[0, 1, 8, 14, 3, 2], 8), Err(Damage::Page(_))));
        assert!(matches!(integers(&[8, 0, 8, 14, 3, 2], 8), Err(Damage::Page(_))));
        assert!(matches!(integers(&[8, 1, 8, 14, 3, 65, 0, 0, 0], 8), Err(Damage::Page(_))));
    }
}
