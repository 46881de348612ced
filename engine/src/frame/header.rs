//! The fixed part at the front of a frame.

use super::error::Damage;

const MARK: [u8; 4] = *b"QKFR";
const VERSION: u16 = 1;

/// Every buffer starts at a multiple of this, counted from the start of the frame.
///
/// timely aligns messages to 8 bytes, which suits every type but `i128`. With 16 inside of the frame, decimals are
/// decoded without a copy whenever the message itself happens to lie at a multiple of 16.
const ALIGNMENT: usize = 16;

/// `length` with the zeros that follow a buffer, or nothing if that leaves the address space.
pub(super) fn padded(length: usize) -> Option<usize> {
    length.checked_next_multiple_of(ALIGNMENT)
}

/// What the header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub columns: u32,
    pub buffers: u32,
    pub rows: u64,
    pub bytes: u64,
}

impl Header {
    pub(super) const SIZE: usize = 32;

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.columns.to_le_bytes());
        out.extend_from_slice(&self.buffers.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&self.bytes.to_le_bytes());
    }

    pub(super) fn parse(frame: &[u8]) -> Result<Self, Damage> {
        let short = || Damage::Bytes { expected: Self::SIZE as u64, found: frame.len() as u64 };
        let (mark, rest) = frame.split_first_chunk().ok_or_else(short)?;
        let (version, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (_reserved, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let (columns, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (buffers, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (rows, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (bytes, _table) = rest.split_first_chunk().ok_or_else(short)?;
        if *mark != MARK {
            return Err(Damage::Mark);
        }
        if u16::from_le_bytes(*version) != VERSION {
            return Err(Damage::Version(u16::from_le_bytes(*version)));
        }
        let header = Self {
            columns: u32::from_le_bytes(*columns),
            buffers: u32::from_le_bytes(*buffers),
            rows: u64::from_le_bytes(*rows),
            bytes: u64::from_le_bytes(*bytes),
        };
        if header.bytes != frame.len() as u64 {
            return Err(Damage::Bytes { expected: header.bytes, found: frame.len() as u64 });
        }
        Ok(header)
    }
}
