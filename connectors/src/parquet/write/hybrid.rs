//! Small integers as runs of equal ones and groups of eight packed ones (Parquet's hybrid of RLE and bit-packing).

/// Bits that the numbers up to `largest` need; one at least, as some readers expect.
pub(super) fn width_of(largest: u32) -> u32 {
    (u32::BITS - largest.leading_zeros()).max(1)
}

/// Appends `values`, all of which have at most `width` bits.
pub(super) fn write_hybrid(values: &[u32], width: u32, bytes: &mut Vec<u8>) {
    let (mut packed_from, mut at) = (0, 0);
    while at + 8 <= values.len() {
        let length = run_length(&values[at..]);
        // A shorter run costs more than its place among the packed ones.
        if length < 24 {
            at += 8;
            continue;
        }
        write_packed(&values[packed_from..at], width, bytes);
        write_run(values[at], length, width, bytes);
        at += length;
        packed_from = at;
    }
    write_packed(&values[packed_from..], width, bytes);
}

/// Appends a run of `length` equal values.
pub(super) fn write_run(value: u32, length: usize, width: u32, bytes: &mut Vec<u8>) {
    write_varint(length << 1, bytes);
    bytes.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends bits that are packed already, eight to a byte.
pub(super) fn write_bits(bits: &[u8], bytes: &mut Vec<u8>) {
    write_varint((bits.len() << 1) | 1, bytes);
    bytes.extend_from_slice(bits);
}

/// How many values at the front are equal; 0 if the first eight are not.
fn run_length(values: &[u32]) -> usize {
    let (first, groups) = (values[0], values.chunks_exact(8));
    let is_run = |group: &[u32]| group.iter().fold(0, |bits, value| bits | (value ^ first)) == 0;
    let whole = 8 * groups.take_while(|group| is_run(group)).count();
    if whole == 0 {
        return 0;
    }
    whole + values[whole..].iter().take_while(|value| **value == first).count()
}

fn write_packed(values: &[u32], width: u32, bytes: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    write_varint((groups << 1) | 1, bytes);
    let start = bytes.len();
    let width = width as usize;
    // A group is written with what stands behind it as zeros, over which the next one is written.
    bytes.resize(start + groups * width + 32, 0);
    for (index, group) in values.chunks(8).enumerate() {
        let place = &mut bytes[start + index * width..];
        match <&[u32; 8]>::try_from(group) {
            Ok(group) => pack(group, width, place),
            Err(_) => {
                let mut padded = [0; 8];
                padded[..group.len()].copy_from_slice(group);
                pack(&padded, width, place);
            },
        }
    }
    bytes.truncate(start + groups * width);
}

#[inline(always)]
fn pack(group: &[u32; 8], width: usize, place: &mut [u8]) {
    if width <= 8 {
        let mut bits = 0;
        for (index, value) in group.iter().enumerate() {
            bits |= u64::from(*value) << (index * width);
        }
        place[..8].copy_from_slice(&bits.to_le_bytes());
    } else if width <= 16 {
        let half = |half: &[u32]| {
            let mut bits = 0;
            for (index, value) in half.iter().enumerate() {
                bits |= u64::from(*value) << (index * width);
            }
            u128::from(bits)
        };
        let bits = half(&group[..4]) | (half(&group[4..]) << (4 * width));
        place[..16].copy_from_slice(&bits.to_le_bytes());
    } else {
        let (mut bits, mut filled, mut at) = (0u64, 0, 0);
        for value in group {
            bits |= u64::from(*value) << filled;
            filled += width;
            while filled >= 8 {
                place[at] = bits as u8;
                bits >>= 8;
                filled -= 8;
                at += 1;
            }
        }
    }
}

fn write_varint(mut number: usize, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit.
    fn read(mut bytes: &[u8], width: usize, length: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < length {
            let (mut header, mut shift) = (0usize, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let bit = |bytes: &[u8], at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
            let value = |bytes: &[u8], at: usize| (0..width).map(|index| bit(bytes, at + index) << index).sum::<u32>();
            if header & 1 == 1 {
                let count = (header >> 1) * 8;
                values.extend((0..count).map(|index| value(bytes, index * width)));
                bytes = &bytes[count / 8 * width..];
            } else {
                values.extend(std::iter::repeat_n(value(bytes, 0), header >> 1));
                bytes = &bytes[width.div_ceil(8)..];
            }
        }
        assert!(bytes.is_empty() && values[length..].iter().all(|value| *value == 0));
        values.truncate(length);
        values
    }

    #[test]
    fn all_widths_and_runs_come_back() {
        let mut state = 1u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        for width in 1..=32 {
            for length in [0, 1, 7, 8, 9, 64, 1000] {
                for long in [false, true] {
                    let mut values = Vec::new();
                    while values.len() < length {
                        let value = random() & (u32::MAX >> (32 - width));
                        let run = if long { random() as usize % 100 } else { 1 };
                        values.extend(std::iter::repeat_n(value, run));
                    }
                    values.truncate(length);
                    let mut bytes = vec![7];
                    write_hybrid(&values, width, &mut bytes);
                    assert_eq!(read(&bytes[1..], width as usize, length), values, "{width} {length}");
                }
            }
        }
        let mut bytes = Vec::new();
        write_hybrid(&[5; 1_000_000], 3, &mut bytes);
        assert_eq!(bytes.len(), 4);
    }

    #[test]
    fn widths() {
        for (largest, width) in [(0, 1), (1, 1), (2, 2), (255, 8), (256, 9), (u32::MAX, 32)] {
            assert_eq!(width_of(largest), width);
        }
    }
}
