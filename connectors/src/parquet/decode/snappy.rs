//! Snappy, from the start of a page as far as it is wanted.
//!
//! The crate behind Polars decompresses whole pages only; a sample wants their first rows. And a page of numbers is a
//! long sequence of copies of eight bytes, which this decoder makes in about half the time: it branches by the kind of an
//! element, which is nearly always the same, where a page of text needs a table, as every kind may come next.
//!
//! Source: <https://github.com/google/snappy/blob/main/format_description.txt>

use crate::parquet::error::Damage;

/// The fast loop may read this many bytes from where an element starts, and write as many behind what is wanted.
const SLOP: usize = 80;

const ENDS_IN_ELEMENT: Damage = Damage::Page("compressed bytes that end too early");
const COPY_FROM_NOWHERE: Damage = Damage::Page("compressed bytes that repeat what is not there");

/// Puts the first `limit` bytes that `compressed` stands for into `out`, or all `size` of them. `IS_TEXT` tells what is
/// likely there; the result does not depend on it.
pub(super) fn decompress<const IS_TEXT: bool>(
    compressed: &[u8],
    size: usize,
    limit: usize,
    out: &mut Vec<u8>,
) -> Result<(), Damage> {
    let (announced, header) = uncompressed_size(compressed)?;
    if announced != size as u64 {
        return Err(Damage::Count { what: "bytes in a page", expected: size as u64, found: announced });
    }
    let wanted = size.min(limit);
    out.clear();
    out.reserve(wanted.checked_add(SLOP).ok_or(Damage::Ends)?);
    let mut place = Place { from: header, to: 0 };
    fast::<IS_TEXT>(compressed, wanted, out, &mut place)?;
    // SAFETY: `fast` has written the first `place.to` bytes, which are not more than there is room for.
    unsafe { out.set_len(place.to) };
    slow(compressed, wanted, out, &mut place)?;
    if wanted == size && (out.len() != size || place.from != compressed.len()) {
        return Err(Damage::Count { what: "bytes in a page", expected: size as u64, found: out.len() as u64 });
    }
    // The last element may have gone further.
    out.truncate(wanted);
    Ok(())
}

/// What a compressed page says of its size, and where its elements start.
fn uncompressed_size(compressed: &[u8]) -> Result<(u64, usize), Damage> {
    let mut size = 0;
    for (index, byte) in compressed.iter().take(5).enumerate() {
        size |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((size, index + 1));
        }
    }
    Err(Damage::Ends)
}

/// Bytes that were read and written.
struct Place {
    from: usize,
    to: usize,
}

/// The length of a copy, three high bits of its distance, and the number of bytes that hold the rest of the distance, by
/// the first byte of the element.
static COPIES: [u16; 256] = {
    let mut copies = [0; 256];
    let mut tag = 0;
    while tag < 256 {
        let (length, high, bytes) = match tag & 3 {
            1 => (((tag >> 2) & 7) + 4, tag >> 5, 1),
            2 => ((tag >> 2) + 1, 0, 2),
            _ => ((tag >> 2) + 1, 0, 4),
        };
        copies[tag] = (length | high << 8 | bytes << 11) as u16;
        tag += 1;
    }
    copies
};

/// By the number of bytes of a distance.
static DISTANCES: [u32; 5] = [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff];

/// Decompresses while there is room to be careless: elements are read and written in steps of 16 bytes, of which only as
/// many count as the element has.
fn fast<const IS_TEXT: bool>(
    compressed: &[u8],
    wanted: usize,
    out: &mut Vec<u8>,
    place: &mut Place,
) -> Result<(), Damage> {
    let Some(last) = compressed.len().checked_sub(SLOP) else { return Ok(()) };
    let start = out.as_mut_ptr();
    let Place { mut from, mut to } = *place;
    while from < last && to < wanted {
        // SAFETY: an element starts at `from`, behind which `SLOP` bytes can be read. Of `out`, `to` bytes are written and
        // `SLOP` more than `wanted` belong to it, so that at least `SLOP` can be written behind `to`. Elements of at most
        // 64 bytes, their header of at most 5, and the bytes by which steps of 16 go too far fit into that; longer
        // literals are cut and checked. A copy reads what is written already, as its distance is held against `to`, and
        // never less than the bytes that count.
        unsafe {
            let tag = *compressed.get_unchecked(from);
            let source = compressed.as_ptr().add(from + 1);
            let target = start.add(to);
            if tag & 3 == 0 {
                let length = (tag >> 2) as usize + 1;
                if length > 60 {
                    let bytes = length - 60;
                    let length = (read_u32(source) & DISTANCES[bytes]) as usize + 1;
                    from += 1 + bytes;
                    let literal = compressed.get(from..from.saturating_add(length)).ok_or(ENDS_IN_ELEMENT)?;
                    let length = length.min(wanted - to);
                    target.copy_from_nonoverlapping(literal.as_ptr(), length);
                    from += length;
                    to += length;
                    continue;
                }
                copy::<16>(source, target);
                if length > 16 {
                    copy::<16>(source.add(16), target.add(16));
                    copy::<16>(source.add(32), target.add(32));
                    copy::<16>(source.add(48), target.add(48));
                }
                from += 1 + length;
                to += length;
                continue;
            }
            let word = read_u32(source);
            let (length, distance) = if IS_TEXT || tag & 3 == 3 {
                let copy = COPIES[tag as usize];
                let bytes = usize::from(copy >> 11);
                from += 1 + bytes;
                (usize::from(copy & 0xff), (word & DISTANCES[bytes]) as usize + usize::from(copy & 0x700))
            } else if tag & 3 == 1 {
                from += 2;
                (usize::from(tag >> 2 & 7) + 4, usize::from(tag >> 5) << 8 | (word & 0xff) as usize)
            } else {
                from += 3;
                (usize::from(tag >> 2) + 1, (word & 0xffff) as usize)
            };
            if distance.wrapping_sub(1) >= to {
                return Err(COPY_FROM_NOWHERE);
            }
            let source = target.sub(distance).cast_const();
            if distance >= 8 && length <= 16 {
                // Not 16 at once: what was just written in parts would have to reach the cache before it can be read.
                copy::<8>(source, target);
                copy::<8>(source.add(8), target.add(8));
            } else {
                repeat(source, target, distance, length);
            }
            to += length;
        }
    }
    *place = Place { from, to };
    Ok(())
}

/// Decompresses what `fast` leaves: the last elements.
fn slow(compressed: &[u8], wanted: usize, out: &mut Vec<u8>, place: &mut Place) -> Result<(), Damage> {
    while out.len() < wanted {
        let tag = *compressed.get(place.from).ok_or(ENDS_IN_ELEMENT)?;
        place.from += 1;
        let bytes = match tag & 3 {
            0 => (usize::from(tag >> 2) + 1).saturating_sub(60),
            1 => 1,
            2 => 2,
            _ => 4,
        };
        let mut word = [0; 4];
        let stored = compressed.get(place.from..place.from + bytes).ok_or(ENDS_IN_ELEMENT)?;
        word[..bytes].copy_from_slice(stored);
        let word = u32::from_le_bytes(word) as usize;
        place.from += bytes;
        if tag & 3 == 0 {
            let length = if bytes == 0 { usize::from(tag >> 2) + 1 } else { word + 1 };
            let end = place.from.checked_add(length).ok_or(ENDS_IN_ELEMENT)?;
            let literal = compressed.get(place.from..end).ok_or(ENDS_IN_ELEMENT)?;
            let length = length.min(wanted - out.len());
            out.extend_from_slice(&literal[..length]);
            place.from += length;
            continue;
        }
        let copy = COPIES[usize::from(tag)];
        let distance = word + usize::from(copy & 0x700);
        let start = out.len().checked_sub(distance).filter(|_| distance > 0).ok_or(COPY_FROM_NOWHERE)?;
        for index in 0..usize::from(copy & 0xff) {
            out.push(out[start + index]);
        }
    }
    Ok(())
}

#[inline(always)]
unsafe fn read_u32(source: *const u8) -> u32 {
    // SAFETY: the caller's.
    u32::from_le_bytes(unsafe { source.cast::<[u8; 4]>().read_unaligned() })
}

#[inline(always)]
unsafe fn copy<const BYTES: usize>(source: *const u8, target: *mut u8) {
    // SAFETY: the caller's. All bytes are read before one is written, so the two may overlap.
    unsafe { target.cast::<[u8; BYTES]>().write_unaligned(source.cast::<[u8; BYTES]>().read_unaligned()) }
}

/// Copies `length` bytes, at most 64, from `distance` bytes before `target`, where `source` points; what is written is
/// read again if the distance is less than the length.
#[inline(always)]
unsafe fn repeat(source: *const u8, target: *mut u8, distance: usize, length: usize) {
    // SAFETY: the caller's: `distance` bytes before `target` are written, and `SLOP` behind it are to be written to.
    // Each step reads bytes before the place that it writes to.
    unsafe {
        if distance >= 16 {
            copy::<16>(source, target);
            copy::<16>(source.add(16), target.add(16));
            copy::<16>(source.add(32), target.add(32));
            copy::<16>(source.add(48), target.add(48));
            return;
        }
        // Bytes that are written before the distance is a multiple of itself that steps of eight can keep.
        let stride = match distance {
            8.. => distance,
            _ => {
                for index in 0..8 {
                    *target.add(index) = *source.add(index);
                }
                8usize.next_multiple_of(distance)
            },
        };
        let mut at = if distance < 8 { 8 } else { 0 };
        while at < length {
            copy::<8>(target.add(at).sub(stride), target.add(at));
            at += 8;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_parquet::parquet::compression::compress;
    use polars_parquet::write::CompressionOptions;
    use proptest::prelude::*;

    use super::*;

    /// Bytes with repetitions of many lengths and distances.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| (bytes, 1)),
            (proptest::collection::vec(any::<u8>(), 1..20), 1..200usize),
            (proptest::collection::vec(any::<u8>(), 60..300), 1..4usize),
        ];
        proptest::collection::vec(part, 0..20)
            .prop_map(|parts| parts.into_iter().flat_map(|(bytes, times)| bytes.repeat(times)).collect())
    }

    fn all(compressed: &[u8], size: usize, limit: usize) -> [Result<Vec<u8>, Damage>; 2] {
        let (mut text, mut numbers) = (vec![1; 7], Vec::new());
        let is_text = decompress::<true>(compressed, size, limit, &mut text);
        let is_numbers = decompress::<false>(compressed, size, limit, &mut numbers);
        [is_text.map(|()| text), is_numbers.map(|()| numbers)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_compressed_comes_back(bytes in bytes(), limit in 0..5000usize) {
            let mut compressed = Vec::new();
            compress(CompressionOptions::Snappy, &bytes, &mut compressed).unwrap();
            for limit in [limit, usize::MAX] {
                for found in all(&compressed, bytes.len(), limit) {
                    prop_assert_eq!(&found.unwrap()[..], &bytes[..limit.min(bytes.len())]);
                }
            }
        }

        #[test]
        fn elements_of_every_kind(parts in proptest::collection::vec((0..4u8, any::<u8>(), 1..70usize, 1..300usize), 1..80)) {
            // The elements that a compressor does not write as well: near and far copies of every length in every kind.
            let (mut elements, mut expected) = (Vec::new(), Vec::new());
            for (kind, byte, length, distance) in parts {
                let length = length.min(64);
                match kind {
                    0 => {
                        let literal: Vec<u8> = (0..length as u8).map(|index| byte.wrapping_add(index)).collect();
                        match length {
                            ..=60 => elements.push((length as u8 - 1) << 2),
                            _ => elements.extend([60 << 2, length as u8 - 1]),
                        }
                        elements.extend(&literal);
                        expected.extend(literal);
                    },
                    _ if expected.is_empty() => {},
                    kind => {
                        let distance = distance.min(expected.len());
                        let length = if kind == 1 { length % 8 + 4 } else { length };
                        match kind {
                            1 => elements.extend([(distance >> 8 << 5) as u8 | (length as u8 - 4) << 2 | 1, distance as u8]),
                            2 => {
                                elements.push((length as u8 - 1) << 2 | 2);
                                elements.extend((distance as u16).to_le_bytes());
                            },
                            _ => {
                                elements.push((length as u8 - 1) << 2 | 3);
                                elements.extend((distance as u32).to_le_bytes());
                            },
                        }
                        for _ in 0..length {
                            expected.push(expected[expected.len() - distance]);
                        }
                    },
                }
            }
            let size = expected.len();
            let mut compressed = vec![size as u8 | 0x80, (size >> 7) as u8 | 0x80, (size >> 14) as u8];
            compressed.extend(elements);
            for found in all(&compressed, size, usize::MAX) {
                prop_assert_eq!(&found.unwrap(), &expected);
            }
        }

        #[test]
        fn damage(bytes in bytes(), changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
            let mut compressed = Vec::new();
            compress(CompressionOptions::Snappy, &bytes, &mut compressed).unwrap();
            for (at, byte) in changes {
                let at = at % compressed.len();
                compressed[at] = byte;
            }
            let [text, numbers] = all(&compressed, bytes.len(), usize::MAX);
            prop_assert_eq!(text.ok(), numbers.ok());
        }
    }

    #[test]
    fn sizes_that_do_not_agree() {
        // "abc" as one literal
        let compressed = [3, 2 << 2, b'a', b'b', b'c'];
        assert_eq!(all(&compressed, 3, 9).map(Result::unwrap), [b"abc", b"abc"]);
        assert!(all(&compressed, 4, 9).iter().all(Result::is_err));
        assert!(all(&compressed[..4], 3, 9).iter().all(Result::is_err));
        assert!(all(&[4, 2 << 2, b'a', b'b', b'c'], 4, 9).iter().all(Result::is_err));
        // Bytes that nobody needs, a copy of nothing, and nothing at all.
        assert!(all(&[3, 2 << 2, b'a', b'b', b'c', 0], 3, 9).iter().all(Result::is_err));
        assert!(all(&[4, 1, 0], 4, 9).iter().all(Result::is_err));
        assert!(all(&[], 0, 9).iter().all(Result::is_err));
    }
}
