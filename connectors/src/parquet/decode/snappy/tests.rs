//! Against the decompressor of Polars.

use polars_parquet::parquet::compression::{Compression, DecompressionContext, compress, decompress as oracle};
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

fn page(compressed: &[u8], size: usize, limit: usize) -> Result<Compressed, Damage> {
    Compressed::new(Buffer::from(compressed.to_vec()), size, limit, vec![1; 7])
}

fn all(compressed: &[u8], size: usize, limit: usize) -> Result<Vec<u8>, Damage> {
    page(compressed, size, limit)?.finish()
}

fn compress_with_polars(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    compress(CompressionOptions::Snappy, bytes, &mut compressed).unwrap();
    compressed
}

fn decompress_with_polars(compressed: &[u8], out: &mut [u8]) -> bool {
    let is_size = uncompressed_size(compressed).is_ok_and(|(size, _)| size == out.len() as u64);
    is_size && oracle(Compression::Snappy, compressed, out, &mut DecompressionContext::Unset).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_compressed_comes_back(bytes in bytes(), limit in 0..5000usize) {
        let compressed = compress_with_polars(&bytes);
        for limit in [limit, usize::MAX] {
            let found = all(&compressed, bytes.len(), limit).unwrap();
            prop_assert_eq!(&found[..], &bytes[..limit.min(bytes.len())]);
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
        prop_assert_eq!(all(&compressed, size, usize::MAX).unwrap(), expected);
    }

    #[test]
    fn damage(bytes in bytes(), changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        let mut compressed = compress_with_polars(&bytes);
        for (at, byte) in changes {
            let at = at % compressed.len();
            compressed[at] = byte;
        }
        let mut expected = vec![0; bytes.len()];
        let is_right = decompress_with_polars(&compressed, &mut expected);
        match all(&compressed, bytes.len(), usize::MAX) {
            Ok(found) => prop_assert!(is_right && found == expected),
            Err(_) => prop_assert!(!is_right),
        }
    }

    #[test]
    fn several_at_once(
        pages in proptest::collection::vec((bytes(), 0..9000usize, proptest::option::of((any::<usize>(), any::<u8>()))), 0..5),
    ) {
        // Each as it is alone, whatever becomes of the others.
        let compressed = pages.iter().map(|(bytes, limit, change)| {
            let mut compressed = compress_with_polars(bytes);
            if let Some((at, byte)) = change {
                let at = at % compressed.len();
                compressed[at] = *byte;
            }
            (compressed, bytes.len(), if *limit > 5000 { usize::MAX } else { *limit })
        });
        let compressed: Vec<_> = compressed.collect();
        let started = compressed.iter().enumerate();
        let started = started.filter_map(|(key, (bytes, size, limit))| Some((key, page(bytes, *size, *limit).ok()?)));
        let started: Vec<_> = started.collect();
        let mut missing: Vec<usize> = started.iter().map(|(key, _)| *key).collect();
        decompress_all(started, |key, found| {
            let (bytes, size, limit) = &compressed[key];
            let expected = all(bytes, *size, *limit).map_err(|damage| damage.to_string());
            assert_eq!(found.map_err(|damage| damage.to_string()), expected);
            missing.retain(|missing| *missing != key);
        });
        prop_assert!(missing.is_empty());
    }
}

#[test]
fn sizes_that_do_not_agree() {
    // "abc" as one literal
    let compressed = [3, 2 << 2, b'a', b'b', b'c'];
    assert_eq!(all(&compressed, 3, 9).unwrap(), b"abc");
    assert!(all(&compressed, 4, 9).is_err());
    assert!(all(&compressed[..4], 3, 9).is_err());
    assert!(all(&[4, 2 << 2, b'a', b'b', b'c'], 4, 9).is_err());
    // A literal that goes on behind the end, in an element of either size.
    assert!(all(&[2, 2 << 2, b'a', b'b', b'c'], 2, 9).is_err());
    for length in [3, 40, 300] {
        let mut compressed = vec![0x80 | (length - 1) as u8, ((length - 1) >> 7) as u8, 61 << 2];
        compressed.extend((length as u16 - 1).to_le_bytes());
        compressed.resize(compressed.len() + length, b'a');
        assert!(all(&compressed, length - 1, 999).is_err());
        assert_eq!(all(&compressed, length - 1, length - 2).unwrap(), vec![b'a'; length - 2]);
    }
    // Bytes that nobody needs, a copy of nothing, and nothing at all.
    assert!(all(&[3, 2 << 2, b'a', b'b', b'c', 0], 3, 9).is_err());
    assert!(all(&[4, 1, 0], 4, 9).is_err());
    assert!(all(&[], 0, 9).is_err());
}
