//! Open addressing over packed keys.

use super::prefetch::prefetch;
use super::word::Word;

const VACANT: u32 = u32::MAX;
/// Few groups in many slots rarely collide, and the slots still fit the nearest cache.
const SMALLEST: usize = 512;
/// From this size on, in bytes, slots are fetched before they are needed: they do not fit the second cache.
const LARGE: usize = 1 << 20;
/// How many rows ahead.
const AHEAD: usize = 16;

/// Maps packed keys to dense group numbers. Linear probing; the key lies in its slot, so that a lookup touches one cache
/// line in the usual case.
pub(super) struct PackedTable<W> {
    slots: Vec<Slot<W>>,
    /// Bits of the hash that are not used as a position.
    shift: u32,
    groups: u32,
}

#[derive(Clone, Copy)]
struct Slot<W> {
    word: W,
    /// [`VACANT`] in an empty slot.
    group: u32,
}

impl<W: Word> PackedTable<W> {
    pub fn new() -> Self {
        let mut table = Self { slots: Vec::new(), shift: 0, groups: 0 };
        table.allocate(SMALLEST);
        table
    }

    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<W>>()
    }

    /// Forgets all groups, and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.fill(Slot { word: W::default(), group: VACANT });
        self.groups = 0;
    }

    /// Appends the group of every key to `groups`, and the index of each key that founded a group to `founders`. The
    /// caller makes sure that there are fewer than `u32::MAX` groups afterwards. Keys that equal the one before are not
    /// looked for: files are often sorted by what they are grouped by.
    pub fn lookup(&mut self, words: &[W], groups: &mut Vec<u32>, founders: &mut Vec<u32>) {
        let Some(&first) = words.first() else { return };
        let mut last = first;
        let mut group = self.group(0, first, founders);
        let is_large = self.bytes() >= LARGE;
        groups.extend(words.iter().enumerate().map(|(row, &word)| {
            if is_large && let Some(&later) = words.get(row + AHEAD) {
                prefetch(&self.slots, self.home(later));
            }
            if word != last {
                group = self.group(row, word, founders);
                last = word;
            }
            group
        }));
    }

    #[inline(always)]
    fn group(&mut self, row: usize, word: W, founders: &mut Vec<u32>) -> u32 {
        let at = self.find(word);
        let group = self.slots[at].group;
        if group != VACANT {
            return group;
        }
        founders.push(row as u32);
        self.insert(at, word)
    }

    /// Where the search for a key starts.
    #[inline(always)]
    fn home(&self, word: W) -> usize {
        (word.hash() >> self.shift) as usize & (self.slots.len() - 1)
    }

    /// The slot of `word`, or the vacant slot where it belongs.
    #[inline(always)]
    fn find(&self, word: W) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.home(word);
        loop {
            let slot = &self.slots[at];
            // The word of a vacant slot is arbitrary, so both conditions end the search.
            if slot.word == word || slot.group == VACANT {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, at: usize, word: W) -> u32 {
        let group = self.groups;
        self.slots[at] = Slot { word, group };
        self.groups += 1;
        if self.groups as usize * 4 > self.slots.len() * 3 {
            self.grow();
        }
        group
    }

    #[cold]
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.allocate(old.len() * 2);
        for slot in old.into_iter().filter(|slot| slot.group != VACANT) {
            let at = self.find(slot.word);
            self.slots[at] = slot;
        }
    }

    fn allocate(&mut self, slots: usize) {
        self.slots = vec![Slot { word: W::default(), group: VACANT }; slots];
        self.shift = u64::BITS - slots.trailing_zeros();
    }
}
