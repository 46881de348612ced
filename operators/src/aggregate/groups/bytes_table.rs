//! Open addressing over keys of any length.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::byte_strings::ByteStrings;
use super::prefetch::prefetch;

const VACANT: u64 = u64::MAX;
const SMALLEST: usize = 512;
const SEED: u64 = 0x6b65_7973_6279_7465;
/// How many rows ahead slots are fetched.
const AHEAD: usize = 16;

/// Maps byte strings to dense group numbers. A slot holds half of the hash beside the group, so that the key itself is
/// only read when it is almost certainly equal.
pub(super) struct BytesTable {
    /// The high half is the high half of the hash, the low half the group; [`VACANT`] in an empty slot.
    slots: Vec<u64>,
    /// The key of each group.
    keys: ByteStrings,
    /// The group of the missing key.
    null: Option<u32>,
    /// Hashes of the current batch.
    hashes: Vec<u64>,
}

impl BytesTable {
    pub fn new() -> Self {
        Self { slots: vec![VACANT; SMALLEST], keys: ByteStrings::default(), null: None, hashes: Vec::new() }
    }

    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>() + self.keys.bytes()
    }

    /// Appends the group of every key to `groups`, and the index of each key that founded a group to `founders`. The
    /// caller makes sure that there are fewer than `u32::MAX` groups afterwards.
    pub fn lookup<'a, I>(&mut self, keys: I, groups: &mut Vec<u32>, founders: &mut Vec<u32>)
    where
        I: Iterator<Item = Option<&'a [u8]>> + Clone,
    {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        let state = FixedState::with_seed(SEED);
        hashes.extend(keys.clone().map(|key| key.map_or(0, |key| state.hash_one(key))));
        groups.reserve(hashes.len());
        for (row, (key, &hash)) in keys.zip(&hashes).enumerate() {
            if let Some(&later) = hashes.get(row + AHEAD) {
                prefetch(&self.slots, self.home(later));
            }
            let known = self.keys.len() as u32;
            let group = match (key, self.null) {
                (Some(key), _) => self.find_or_insert(key, hash),
                (None, Some(group)) => group,
                (None, None) => {
                    self.keys.push(&[]);
                    *self.null.insert(known)
                },
            };
            if group == known {
                founders.push(row as u32);
            }
            groups.push(group);
        }
        self.hashes = hashes;
    }

    #[inline]
    fn find_or_insert(&mut self, key: &[u8], hash: u64) -> u32 {
        let mask = self.slots.len() - 1;
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == VACANT {
                break;
            }
            let group = slot as u32;
            if slot >> 32 == hash >> 32 && self.keys.get(group as usize) == key {
                return group;
            }
            at = (at + 1) & mask;
        }
        let group = self.keys.len() as u32;
        self.slots[at] = (hash >> 32 << 32) | u64::from(group);
        self.keys.push(key);
        if self.keys.len() * 4 > self.slots.len() * 3 {
            self.grow();
        }
        group
    }

    /// Where the search for a hash starts. Uses the high half alone, which is what a slot remembers.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        let position = u64::BITS - self.slots.len().trailing_zeros();
        (hash >> position.max(32)) as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![VACANT; slots]);
        let mask = self.slots.len() - 1;
        for slot in old.into_iter().filter(|&slot| slot != VACANT) {
            let mut at = self.home(slot);
            while self.slots[at] != VACANT {
                at = (at + 1) & mask;
            }
            self.slots[at] = slot;
        }
    }
}
