//! The different values of a column chunk, numbered as they come.

use polars_arrow::array::{Array, BinaryViewArray, View};

/// Slots that are found by hashes: 0 if free, else the number of a value and 1.
struct Slots {
    slots: Vec<u32>,
    shift: u32,
}

const FIRST_BITS: u32 = 10;

impl Slots {
    fn new() -> Self {
        Self { slots: vec![0; 1 << FIRST_BITS], shift: u64::BITS - FIRST_BITS }
    }

    /// The slot that holds the value with this hash, or the free one where it belongs.
    #[inline(always)]
    fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = (hash >> self.shift) as usize & mask;
        loop {
            match self.slots[place] {
                0 => return place,
                number if is_it(number as usize - 1) => return place,
                _ => place = (place + 1) & mask,
            }
        }
    }

    /// Puts the next number into a free slot, and makes more slots if half of them are taken.
    fn take(&mut self, place: usize, number: u32, hash_of: impl Fn(usize) -> u64) {
        self.slots[place] = number + 1;
        if (number as usize + 1) * 2 <= self.slots.len() {
            return;
        }
        self.shift -= 1;
        let length = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(length, 0);
        for number in 0..=number {
            let place = self.find(hash_of(number as usize), |_| false);
            self.slots[place] = number + 1;
        }
    }
}

/// Spreads the bits of a word over all of it.
#[inline(always)]
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93;
    (product >> 64) as u64 ^ product as u64
}

/// Numbers of a fixed width.
pub(super) struct WordDictionary {
    slots: Slots,
    values: Vec<u64>,
}

impl WordDictionary {
    pub(super) fn new() -> Self {
        Self { slots: Slots::new(), values: Vec::new() }
    }

    pub(super) fn values(&self) -> &[u64] {
        &self.values
    }

    /// The numbers of `words`. `false` if there are more than `most` different ones; then the dictionary is as before, but
    /// takes no more.
    pub(super) fn number_all(&mut self, words: &[u64], most: usize, numbers: &mut Vec<u32>) -> bool {
        numbers.clear();
        let before = self.values.len();
        for word in words {
            match self.number(*word, most) {
                Some(number) => numbers.push(number),
                None => {
                    self.values.truncate(before);
                    return false;
                },
            }
        }
        true
    }

    #[inline(always)]
    fn number(&mut self, word: u64, most: usize) -> Option<u32> {
        let place = self.slots.find(mix(word), |number| self.values[number] == word);
        match self.slots.slots[place].checked_sub(1) {
            None if self.values.len() >= most => None,
            None => {
                let number = self.values.len() as u32;
                self.values.push(word);
                self.slots.take(place, number, |number| mix(self.values[number]));
                Some(number)
            },
            number => number,
        }
    }
}

/// Texts and other bytes.
pub(super) struct BytesDictionary {
    slots: Slots,
    /// As a view lies in memory: values of up to 12 bytes with their length; of others length, first bytes, and in the upper
    /// half where they start in `bytes`.
    entries: Vec<u128>,
    /// Each value behind its length of four bytes, as in a page.
    bytes: Vec<u8>,
    most_bytes: usize,
}

impl BytesDictionary {
    /// Of values of at most so many bytes.
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { slots: Slots::new(), entries: Vec::new(), bytes: Vec::new(), most_bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The values, each behind its length of four bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The values, in the order of their numbers.
    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let (value, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = behind;
            Some(value)
        })
    }

    /// The numbers of the values of `array` that are not null. `false` if there are more than `most` different ones, or these
    /// too long; then the dictionary is as before, but takes no more.
    pub(super) fn number_all(&mut self, array: &BinaryViewArray, most: usize, numbers: &mut Vec<u32>) -> bool {
        numbers.clear();
        let (before, bytes_before) = (self.entries.len(), self.bytes.len());
        for (row, view) in array.views().iter().enumerate() {
            if !array.is_valid(row) {
                continue;
            }
            match self.number(*view, || array.value(row), most) {
                Some(number) => numbers.push(number),
                None => {
                    self.entries.truncate(before);
                    self.bytes.truncate(bytes_before);
                    return false;
                },
            }
        }
        true
    }

    #[inline(always)]
    fn number<'a>(&mut self, view: View, value: impl Fn() -> &'a [u8], most: usize) -> Option<u32> {
        let word = view.as_u128();
        let place = match view.is_inline() {
            true => self.slots.find(mix_short(word), |number| self.entries[number] == word),
            false => {
                let value = value();
                self.slots.find(mix_long(value), |number| {
                    let entry = self.entries[number];
                    entry as u64 == word as u64 && long_value(entry, &self.bytes) == value
                })
            },
        };
        match self.slots.slots[place].checked_sub(1) {
            None => self.add(place, word, value(), most),
            number => number,
        }
    }

    fn add(&mut self, place: usize, word: u128, value: &[u8], most: usize) -> Option<u32> {
        if self.entries.len() >= most || self.bytes.len() + value.len() + 4 > self.most_bytes {
            return None;
        }
        let number = self.entries.len() as u32;
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        let is_short = value.len() <= View::MAX_INLINE_SIZE as usize;
        let long = u128::from(word as u64) | (self.bytes.len() as u128) << 64;
        self.entries.push(if is_short { word } else { long });
        self.bytes.extend_from_slice(value);
        let hash_of = |number: usize| match self.entries[number] {
            entry if entry as u32 <= View::MAX_INLINE_SIZE => mix_short(entry),
            entry => mix_long(long_value(entry, &self.bytes)),
        };
        self.slots.take(place, number, hash_of);
        Some(number)
    }
}

#[inline(always)]
fn mix_short(word: u128) -> u64 {
    mix(word as u64 ^ mix((word >> 64) as u64))
}

fn mix_long(value: &[u8]) -> u64 {
    let (words, rest) = value.as_chunks::<8>();
    let hash = words.iter().fold(value.len() as u64, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash ^ u64::from_le_bytes(last))
}

fn long_value(entry: u128, bytes: &[u8]) -> &[u8] {
    let (start, length) = ((entry >> 64) as usize, entry as u32 as usize);
    &bytes[start..start + length]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use polars_arrow::array::BinaryViewArray;

    use super::*;

    #[test]
    fn words_are_numbered_as_they_come() {
        let words: Vec<u64> =
            (0..100_000u64).map(|step| (step * step).wrapping_mul(0x1234_5678_9ABC_DEF1) % 6_011).collect();
        let mut dictionary = WordDictionary::new();
        let mut oracle = HashMap::new();
        let mut numbers = Vec::new();
        for page in words.chunks(30_000) {
            assert!(dictionary.number_all(page, 7_000, &mut numbers));
            for (word, number) in page.iter().zip(&numbers) {
                let next = oracle.len() as u32;
                assert_eq!(*oracle.entry(*word).or_insert(next), *number);
            }
            assert_eq!((numbers.len(), dictionary.values().len()), (page.len(), oracle.len()));
        }
        let values = dictionary.values().to_vec();
        assert!(
            values.len() > 3_000 && values.iter().enumerate().all(|(number, value)| oracle[value] == number as u32)
        );
        let most = values.len() + 2;
        assert!(!dictionary.number_all(&[words[0], 10_000, 10_001, 10_001, 10_002], most, &mut numbers));
        assert_eq!(dictionary.values(), values);
    }

    #[test]
    fn texts_are_numbered_as_they_come() {
        // Short and long ones, some with the same first bytes and length, some null.
        let text = |n: usize| match n % 4 {
            0 => Some(format!("{n}")),
            1 => Some(format!("the same beginning {n:06} and end")),
            2 => Some(String::new()),
            _ => None,
        };
        let texts: Vec<Option<String>> = (0..20_000).map(|n| text(n * 7 % 4_001)).collect();
        let array = |texts: &[Option<String>]| {
            BinaryViewArray::from_slice(
                texts.iter().map(|text| text.as_ref().map(String::as_bytes)).collect::<Vec<_>>(),
            )
        };
        let mut dictionary = BytesDictionary::new(usize::MAX);
        let mut oracle: HashMap<&str, u32> = HashMap::new();
        let (mut page, mut numbers) = (Vec::new(), Vec::new());
        for texts in texts.chunks(7_000) {
            assert!(dictionary.number_all(&array(texts), usize::MAX, &mut numbers));
            let mut expected = Vec::new();
            for text in texts.iter().flatten() {
                let next = oracle.len() as u32;
                expected.push(*oracle.entry(text).or_insert_with(|| {
                    page.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    page.extend_from_slice(text.as_bytes());
                    next
                }));
            }
            assert_eq!(numbers, expected);
        }
        assert_eq!((dictionary.len(), dictionary.bytes()), (oracle.len(), page.as_slice()));
        assert!(
            dictionary
                .values()
                .enumerate()
                .all(|(number, value)| { oracle[std::str::from_utf8(value).unwrap_or_default()] == number as u32 })
        );
        let one_more = [None, Some("new".to_owned())];
        assert!(!dictionary.number_all(&array(&one_more), oracle.len(), &mut numbers));
        assert_eq!(dictionary.bytes(), page);
        let mut small = BytesDictionary::new(200);
        assert!(!small.number_all(&array(&texts), usize::MAX, &mut numbers));
        assert_eq!(small.len(), 0);
    }
}
