//! Sorts byte strings.
//!
//! Sort keys of any type are bytes (row-encoded), and their comparison by `memcmp` is what would cost most. Keys share
//! a prefix (a null flag, high bytes of small numbers, a range of a larger sort) and differ soon after it. So the eight bytes
//! behind the shared prefix are sorted as one number, without branches; only keys that agree in them are looked at again.

use polars_core::prelude::IdxSize;

/// After as many rounds of eight bytes, keys are compared as they are.
const ROUNDS: usize = 4;

/// Up to as many keys with equal words, comparing them is faster than another round.
const FEW: usize = 16;

/// The indices of `keys` in ascending order; equal keys stay in the order of their indices.
pub(super) fn sort_keys_by_words(keys: &[&[u8]]) -> Vec<IdxSize> {
    let mut rows: Vec<(u64, IdxSize)> = (0..keys.len() as IdxSize).map(|row| (0, row)).collect();
    sort_rows(&mut rows, keys, 0, ROUNDS);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Sorts rows whose keys agree in their first `depth` bytes.
fn sort_rows(rows: &mut [(u64, IdxSize)], keys: &[&[u8]], depth: usize, rounds: usize) {
    let key = |row: &(u64, IdxSize)| keys.get(row.1 as usize).copied().unwrap_or_default();
    if rounds == 0 || rows.len() <= FEW {
        rows.sort_by(|a, b| key(a).cmp(key(b)));
        return;
    }
    let mut depth = depth;
    let mut taken = take_words(rows, key, depth);
    if taken.differences == 0 {
        depth = shared_prefix(rows.iter().map(key), depth);
        taken = take_words(rows, key, depth);
    } else if taken.differences.leading_zeros() >= u8::BITS {
        depth += (taken.differences.leading_zeros() / u8::BITS) as usize;
        taken = take_words(rows, key, depth);
    }
    rows.sort_by_key(|row| row.0);
    // Keys are free of prefixes of each other: a key that ends inside a word equals no other with that word.
    if taken.longest <= depth + size_of::<u64>() {
        return;
    }
    for equal in rows.chunk_by_mut(|a, b| a.0 == b.0) {
        if equal.len() > 1 {
            sort_rows(equal, keys, depth + size_of::<u64>(), rounds - 1);
        }
    }
}

/// What is known of some keys after a look at one word of each.
struct Taken {
    /// Bits in which any two of the words differ.
    differences: u64,
    /// Length of the longest key.
    longest: usize,
}

/// Sets the word of each row to that of its key at `depth`.
fn take_words<'a>(rows: &mut [(u64, IdxSize)], key: impl Fn(&(u64, IdxSize)) -> &'a [u8], depth: usize) -> Taken {
    let first = rows.first().map_or(0, |row| word(key(row), depth));
    let mut taken = Taken { differences: 0, longest: 0 };
    for row in rows {
        let key = key(row);
        row.0 = word(key, depth);
        taken.differences |= row.0 ^ first;
        taken.longest = taken.longest.max(key.len());
    }
    taken
}

/// The number of bytes that all keys have in common, given that it is `known` at least.
fn shared_prefix<'a>(mut keys: impl Iterator<Item = &'a [u8]>, known: usize) -> usize {
    let Some(first) = keys.next() else { return known };
    let known = known.min(first.len());
    let mut shared = first;
    for key in keys {
        if !key.starts_with(shared) {
            let more = shared.iter().zip(key).skip(known).take_while(|(a, b)| a == b).count();
            shared = shared.split_at(known + more).0;
        }
    }
    shared.len()
}

/// The eight bytes of `key` from `depth` on, padded with zeros, as a number that compares as they do.
fn word(key: &[u8], depth: usize) -> u64 {
    let rest = key.get(depth..).unwrap_or_default();
    if let Some(word) = rest.first_chunk() {
        return u64::from_be_bytes(*word);
    }
    let mut word = [0; size_of::<u64>()];
    word.iter_mut().zip(rest).for_each(|(byte, value)| *byte = *value);
    u64::from_be_bytes(word)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ends keys with a byte that no key contains, so that none is the prefix of another.
    fn prefix_free(keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
        keys.iter().map(|key| key.iter().map(|byte| byte | 1).chain([0]).collect()).collect()
    }

    fn check(keys: &[Vec<u8>]) {
        let keys = prefix_free(keys);
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let mut expected: Vec<IdxSize> = (0..keys.len() as IdxSize).collect();
        expected.sort_by_key(|index| keys[*index as usize]);
        assert_eq!(sort_keys_by_words(&keys), expected);
    }

    #[test]
    fn keys_of_every_shape() {
        let pseudo_random = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
        check(&[]);
        check(&[vec![]]);
        check(&vec![b"all the same, and longer than any number of rounds takes up".repeat(20); 100]);
        check(&(0..500).map(|n| pseudo_random(n).to_be_bytes().to_vec()).collect::<Vec<_>>());
        check(&(0..500).map(|n| (pseudo_random(n) % 40).to_be_bytes().to_vec()).collect::<Vec<_>>());
        // Each key is longer than the one before, and begins with it.
        check(&(0..300).map(|n| vec![7; (n * 37) % 300]).collect::<Vec<_>>());
        let deep = |n| [vec![3; (n % 70) as usize], pseudo_random(n).to_be_bytes()[5..].to_vec()].concat();
        check(&(0..900).map(deep).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn any_keys(keys in proptest::collection::vec(proptest::collection::vec(0u8..6, 0..40), 0..200)) {
            check(&keys);
        }
    }
}
