//! Unpacks integers that are stored with as few bits as they need.

/// Integers that are unpacked together. They take `4 * width` bytes.
pub(super) const GROUP: usize = 32;

/// Unpacks `GROUP` integers of `width` bits from the start of `bytes`, or what there is of them; the rest is made of
/// zeros.
pub(super) fn unpack(bytes: &[u8], width: u32, out: &mut [u32; GROUP]) {
    // An integer is read from the eight bytes that hold it, which may end behind the group.
    if let Some(bytes) = bytes.first_chunk::<{ 4 * 32 + 8 }>() {
        return unpack_whole(bytes, width, out);
    }
    let mut padded = [0; 4 * 32 + 8];
    let length = bytes.len().min(4 * width as usize);
    padded[..length].copy_from_slice(&bytes[..length]);
    unpack_whole(&padded, width, out);
}

fn unpack_whole(bytes: &[u8; 4 * 32 + 8], width: u32, out: &mut [u32; GROUP]) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_width::<$width>(bytes, out),)*
                _ => out.fill(0),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
}

/// The width is a constant, so that the compiler knows every shift and checks no index.
#[inline(always)]
fn unpack_width<const WIDTH: usize>(bytes: &[u8; 4 * 32 + 8], out: &mut [u32; GROUP]) {
    let mask = (u64::MAX >> (64 - WIDTH)) as u32;
    for (index, value) in out.iter_mut().enumerate() {
        let bit = index * WIDTH;
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[bit / 8..bit / 8 + 8]);
        *value = (u64::from_le_bytes(word) >> (bit % 8)) as u32 & mask;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Integers of `width` bits, packed.
    pub(in crate::parquet::decode) fn pack(values: &[u32], width: u32) -> Vec<u8> {
        let mut bytes = vec![0; (values.len() * width as usize).div_ceil(8)];
        for (index, value) in values.iter().enumerate() {
            for bit in 0..width as usize {
                let at = index * width as usize + bit;
                bytes[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            }
        }
        bytes
    }

    #[test]
    fn every_width() {
        for width in 0..=32 {
            let mask = u32::MAX.checked_shr(32 - width).unwrap_or(0);
            let values: Vec<u32> = (0..GROUP as u32).map(|i| (i * 0x9e37_79b9).rotate_left(i) & mask).collect();
            let mut bytes = pack(&values, width);
            let mut out = [7; GROUP];
            unpack(&bytes, width, &mut out);
            assert_eq!(out[..], values);
            // More bytes behind the group do not matter.
            bytes.extend([0xff; 200]);
            unpack(&bytes, width, &mut out);
            assert_eq!(out[..], values);
            // What is cut off is zero.
            unpack(&bytes[..width as usize], width, &mut out);
            assert_eq!(out[..8], values[..8]);
            assert_eq!(out[8..], [0; 24]);
        }
    }
}
