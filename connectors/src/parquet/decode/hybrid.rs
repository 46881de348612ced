//! Runs of equal integers and of packed integers, in turns: how levels, booleans and dictionary codes are stored.
//!
//! Source: "Run Length Encoding / Bit-Packing Hybrid" of
//! <https://github.com/apache/parquet-format/blob/master/Encodings.md>

use polars_buffer::Buffer;

use super::unpack::{GROUP, unpack};
use crate::parquet::error::Damage;

/// Integers that are handed out at once.
const BLOCK: usize = 1024;

/// Some of the integers.
pub(super) enum Run<'a> {
    /// One integer, some times.
    Equal(u32, usize),
    /// Integers, at most [`BLOCK`].
    Different(&'a [u32]),
}

/// A place in a sequence of runs.
pub(super) struct Hybrid {
    bytes: Buffer<u8>,
    /// Where the next run starts.
    next: usize,
    /// Bits of an integer.
    width: u32,
    current: Current,
}

#[derive(Clone, Copy)]
enum Current {
    Equal { value: u32, left: usize },
    Packed { start: usize, taken: usize, left: usize },
}

impl Hybrid {
    /// Starts at the byte `start`; the integers have `width` bits.
    pub(super) fn new(bytes: Buffer<u8>, start: usize, width: u32) -> Result<Self, Damage> {
        if width > 32 {
            return Err(Damage::Page("integers of more than 32 bits"));
        }
        Ok(Self { bytes, next: start, width, current: Current::Equal { value: 0, left: 0 } })
    }

    /// Starts at the byte `start`, which tells the bits of an integer.
    pub(super) fn with_width(bytes: Buffer<u8>, start: usize) -> Result<Self, Damage> {
        match bytes.get(start) {
            Some(width) => Self::new(bytes.clone(), start + 1, u32::from(*width)),
            None => Err(Damage::Ends),
        }
    }

    /// Gives the bytes back.
    pub(super) fn into_bytes(self) -> Buffer<u8> {
        self.bytes
    }

    /// Integers left in the current run; reads the header of the next one if there are none.
    fn left(&mut self) -> Result<usize, Damage> {
        loop {
            match self.current {
                Current::Equal { left, .. } | Current::Packed { left, .. } if left > 0 => return Ok(left),
                _ => self.start_run()?,
            }
        }
    }

    fn start_run(&mut self) -> Result<(), Damage> {
        let header = self.header()?;
        let count = usize::try_from(header >> 1).map_err(|_| Damage::Page("a run that is too long"))?;
        if header & 1 == 0 {
            let mut value = [0; 4];
            let length = self.width.div_ceil(8) as usize;
            let end = self.next + length;
            value[..length].copy_from_slice(self.bytes.get(self.next..end).ok_or(Damage::Ends)?);
            self.next = end;
            self.current = Current::Equal { value: u32::from_le_bytes(value), left: count };
        } else {
            let bytes = count.checked_mul(self.width as usize).ok_or(Damage::Ends)?;
            let start = self.next;
            // Some writers cut off the last run behind the last integer that counts, but no byte more.
            self.next = start.checked_add(bytes).ok_or(Damage::Ends)?.min(self.bytes.len());
            let there = match self.width {
                0 => count.checked_mul(8).ok_or(Damage::Ends)?,
                width => (self.next - start).saturating_mul(8) / width as usize,
            };
            self.current = Current::Packed { start, taken: 0, left: there.min(count.saturating_mul(8)) };
        }
        Ok(())
    }

    fn header(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.next).ok_or(Damage::Ends)?;
            self.next += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage::Page("a run that is too long"))
    }

    /// Steps over integers.
    pub(super) fn skip(&mut self, mut integers: usize) -> Result<(), Damage> {
        while integers > 0 {
            let skipped = self.left()?.min(integers);
            integers -= skipped;
            match &mut self.current {
                Current::Equal { left, .. } => *left -= skipped,
                Current::Packed { taken, left, .. } => {
                    *taken += skipped;
                    *left -= skipped;
                },
            }
        }
        Ok(())
    }

    /// Hands the next integers to `each`, in order.
    pub(super) fn read(
        &mut self,
        mut integers: usize,
        mut each: impl FnMut(Run<'_>) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        let mut block = [0; BLOCK];
        while integers > 0 {
            let available = self.left()?.min(integers);
            match &mut self.current {
                Current::Equal { value, left } => {
                    *left -= available;
                    integers -= available;
                    each(Run::Equal(*value, available))?;
                },
                Current::Packed { start, taken, left } => {
                    // Groups start at whole bytes; the first may have been taken in part.
                    let before = *taken % GROUP;
                    let some = available.min(BLOCK - before);
                    let mut at = *start + *taken / GROUP * 4 * self.width as usize;
                    let (groups, _) = block[..(before + some).next_multiple_of(GROUP)].as_chunks_mut::<GROUP>();
                    for group in groups {
                        unpack(self.bytes.get(at..).unwrap_or_default(), self.width, group);
                        at += 4 * self.width as usize;
                    }
                    *taken += some;
                    *left -= some;
                    integers -= some;
                    each(Run::Different(&block[before..before + some]))?;
                },
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::unpack::tests::pack;
    use super::*;

    /// `count` times `value` as a run of equal integers.
    fn equal(value: u32, count: u8, width: u32) -> Vec<u8> {
        let mut bytes = vec![count << 1];
        bytes.extend(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
        bytes
    }

    fn packed(values: &[u32], width: u32) -> Vec<u8> {
        [vec![(values.len() / 8) as u8 * 2 + 1], pack(values, width)].concat()
    }

    fn read(hybrid: &mut Hybrid, integers: usize) -> Result<Vec<u32>, Damage> {
        let mut all = Vec::new();
        hybrid.read(integers, |run| {
            match run {
                Run::Equal(value, count) => all.extend(std::iter::repeat_n(value, count)),
                Run::Different(values) => all.extend(values),
            }
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn reads_and_skips_of_any_size() {
        for width in [0, 1, 3, 8, 13, 17, 32] {
            let mask = u32::MAX.checked_shr(32 - width).unwrap_or(0);
            let values: Vec<u32> = (0..400).map(|i: u32| i.wrapping_mul(0x9e37_79b9) & mask).collect();
            let bytes = [packed(&values, width), equal(5 & mask, 40, width), packed(&values[..8], width)].concat();
            let all = [&values[..], &[5 & mask; 40], &values[..8]].concat();
            for step in [1, 7, 32, 33, 100, 448] {
                for skip in [0, 1, 31, 64] {
                    let mut hybrid = Hybrid::new(Buffer::from(bytes.clone()), 0, width).unwrap();
                    let mut at = 0;
                    while at + skip + step <= all.len() {
                        hybrid.skip(skip).unwrap();
                        at += skip;
                        assert_eq!(read(&mut hybrid, step).unwrap(), all[at..at + step]);
                        at += step;
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        let bytes = packed(&[1, 2, 3, 4, 5, 6, 7, 8], 10);
        // Cut off: three integers are whole.
        let mut hybrid = Hybrid::new(Buffer::from(bytes[..5].to_vec()), 0, 10).unwrap();
        assert_eq!(read(&mut hybrid, 3).unwrap(), [1, 2, 3]);
        assert!(matches!(read(&mut hybrid, 1), Err(Damage::Ends)));
        let mut hybrid = Hybrid::new(Buffer::from(vec![0xff; 20]), 0, 10).unwrap();
        assert!(matches!(hybrid.skip(1), Err(Damage::Page(_))));
        // Runs of no integers end with the bytes.
        let mut hybrid = Hybrid::new(Buffer::from(vec![0; 20]), 0, 0).unwrap();
        assert!(matches!(hybrid.skip(1), Err(Damage::Ends)));
        assert!(Hybrid::new(Buffer::new(), 0, 33).is_err());
        assert!(Hybrid::with_width(Buffer::new(), 0).is_err());
    }
}
