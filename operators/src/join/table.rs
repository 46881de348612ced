//! The hash table of one partition: a directory of buckets over an array of entries, one entry for each distinct key.
//!
//! Entries are sorted by bucket, so a bucket is a range between two neighbouring directory slots and a lookup touches two
//! places in memory: the directory and the entries ("unchained" layout: Birler, Schmidt, Fent, Neumann, *Simple, Efficient,
//! and Robust Hash Tables for Join Processing*, DaMoN 2024). A slot also holds a 32-bit filter with one bit for each key of
//! its bucket, so most keys that have no match never touch the entries. Build rows with equal keys share an entry: its rows
//! are consecutive in a separate array, so the cost of a lookup does not depend on how often a key is repeated.

use std::ops::ControlFlow;

use polars_arrow::bitmap::Bitmap;

use super::compare::KeyColumns;
use super::keys::Word;

/// Rows or buckets that one step of a build takes.
const STEP: usize = 1 << 18;

/// Matching rows of one distinct key.
#[derive(Clone, Copy, Default)]
pub(super) struct Entry<W> {
    pub(super) word: W,
    /// The row, or where its rows start in [`Table::rows`] if there are several.
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Finds the build rows of a key.
pub(super) struct Table<W> {
    mask: u64,
    directory: Vec<u64>,
    entries: Vec<Entry<W>>,
    rows: Vec<u32>,
}

impl<W: Word> Table<W> {
    /// First and last-but-one entry of the bucket of `hash`, and whether it may hold a key of that hash.
    #[inline]
    pub(super) fn bucket(&self, hash: u64) -> (u32, u32, bool) {
        let bucket = (hash & self.mask) as usize;
        let slot = self.directory[bucket];
        let next = self.directory[bucket + 1];
        (slot as u32, next as u32, slot & filter_bit(hash) != 0)
    }

    /// Asks the memory for the directory slot of `hash`.
    #[inline]
    pub(super) fn prefetch_bucket(&self, hash: u64) {
        prefetch(&self.directory, (hash & self.mask) as usize);
    }

    /// Asks the memory for the entry `start`.
    #[inline]
    pub(super) fn prefetch_entry(&self, start: u32) {
        prefetch(&self.entries, start as usize);
    }

    /// The entries `start..end` of a bucket.
    #[inline]
    pub(super) fn entries(&self, start: u32, end: u32) -> &[Entry<W>] {
        &self.entries[start as usize..end as usize]
    }

    /// The rows of an entry that has several.
    pub(super) fn rows(&self, first: u32, count: u32) -> &[u32] {
        &self.rows[first as usize..(first + count) as usize]
    }

    pub(super) fn bytes(&self) -> usize {
        self.directory.capacity() * 8 + self.entries.capacity() * size_of::<Entry<W>>() + self.rows.capacity() * 4
    }
}

#[inline]
fn prefetch<T>(values: &[T], index: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch changes nothing that a program can see, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(index).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, index);
}

/// The filter bit of a hash, in the upper half of a directory slot. The bucket comes from the lowest bits of the hash, the
/// worker from the highest ones, the filter from those between.
#[inline]
fn filter_bit(hash: u64) -> u64 {
    1 << (32 + ((hash >> 40) & 31))
}

/// Builds a [`Table`] in bounded steps: count the keys of each bucket, lay the buckets out, put the rows there, merge rows
/// of equal keys.
pub(super) struct TableBuilder<W> {
    hashes: Vec<u64>,
    words: Vec<W>,
    valid: Option<Bitmap>,
    phase: Phase,
    position: usize,
    /// Entries laid out or written so far.
    written: usize,
    /// End of the bucket before `position`, before rows of equal keys were merged.
    read: usize,
    table: Table<W>,
}

#[derive(Clone, Copy)]
enum Phase {
    Count,
    LayOut,
    Scatter,
    Merge,
}

impl<W: Word> TableBuilder<W> {
    /// A table over rows `0..hashes.len()` (at most 2^32 - 2), without those that are not `valid`.
    pub(super) fn new(hashes: Vec<u64>, words: Vec<W>, valid: Option<Bitmap>) -> Self {
        let buckets = hashes.len().next_power_of_two();
        let table =
            Table { mask: buckets as u64 - 1, directory: vec![0; buckets + 1], entries: Vec::new(), rows: Vec::new() };
        Self { hashes, words, valid, phase: Phase::Count, position: 0, written: 0, read: 0, table }
    }

    /// Goes on; breaks with the table when it is complete. `keys` tells apart different keys with equal words; `None` if
    /// there are none.
    pub(super) fn step(mut self, keys: Option<&KeyColumns>) -> ControlFlow<Table<W>, Self> {
        let buckets = self.table.directory.len();
        let length = match self.phase {
            Phase::Count | Phase::Scatter => self.hashes.len(),
            Phase::LayOut | Phase::Merge => buckets,
        };
        let end = length.min(self.position + STEP);
        match self.phase {
            Phase::Count => self.count(end),
            Phase::LayOut => self.lay_out(end),
            Phase::Scatter => self.scatter(end),
            Phase::Merge => self.merge(end, keys),
        }
        self.position = end;
        if end == length {
            self.position = 0;
            self.phase = match self.phase {
                Phase::Count => Phase::LayOut,
                Phase::LayOut => {
                    self.table.entries = vec![Entry::default(); self.written];
                    self.written = 0;
                    Phase::Scatter
                },
                Phase::Scatter => Phase::Merge,
                Phase::Merge => {
                    self.table.entries.truncate(self.written);
                    self.table.entries.shrink_to_fit();
                    self.table.rows.shrink_to_fit();
                    return ControlFlow::Break(self.table);
                },
            };
        }
        ControlFlow::Continue(self)
    }

    fn is_valid(&self, row: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid.get_bit(row))
    }

    fn count(&mut self, end: usize) {
        for row in self.position..end {
            if self.is_valid(row) {
                let hash = self.hashes[row];
                let slot = &mut self.table.directory[(hash & self.table.mask) as usize];
                *slot = (*slot + 1) | filter_bit(hash);
            }
        }
    }

    /// Turns the count in each slot into the start of its bucket.
    fn lay_out(&mut self, end: usize) {
        for slot in &mut self.table.directory[self.position..end] {
            let count = *slot as u32;
            *slot = (*slot & !u64::from(u32::MAX)) | self.written as u64;
            self.written += count as usize;
        }
    }

    /// Writes the rows; the start in each slot moves to the end of its bucket.
    fn scatter(&mut self, end: usize) {
        for row in self.position..end {
            if self.is_valid(row) {
                let slot = &mut self.table.directory[(self.hashes[row] & self.table.mask) as usize];
                let place = *slot as u32;
                *slot += 1;
                self.table.entries[place as usize] = Entry { word: self.words[row], first: row as u32, count: 1 };
            }
        }
    }

    /// Merges the rows of equal keys in each bucket, closes the gaps, and sets the slots to the starts of the buckets.
    fn merge(&mut self, end: usize, keys: Option<&KeyColumns>) {
        for bucket in self.position..end {
            let slot = self.table.directory[bucket];
            let (start, stop) = (self.read, slot as u32 as usize);
            self.read = stop;
            self.table.directory[bucket] = (slot & !u64::from(u32::MAX)) | self.written as u64;
            if stop - start > 1 {
                self.table.entries[start..stop].sort_unstable_by_key(|entry| (entry.word, entry.first));
            }
            let mut from = start;
            while from < stop {
                let word = self.table.entries[from].word;
                let run = self.table.entries[from..stop].iter().take_while(|entry| entry.word == word).count();
                match (run, keys) {
                    (1, _) => self.write(self.table.entries[from]),
                    (_, None) => self.write_group(from..from + run),
                    (_, Some(keys)) => self.write_equal(from..from + run, keys),
                }
                from += run;
            }
        }
    }

    fn write(&mut self, entry: Entry<W>) {
        self.table.entries[self.written] = entry;
        self.written += 1;
    }

    /// One entry for rows of equal keys. It is written at or before the first of them.
    fn write_group(&mut self, run: std::ops::Range<usize>) {
        let entry = Entry {
            word: self.table.entries[run.start].word,
            first: self.table.rows.len() as u32,
            count: run.len() as u32,
        };
        self.table.rows.extend(self.table.entries[run].iter().map(|entry| entry.first));
        self.write(entry);
    }

    /// One entry for each distinct key among rows of equal words.
    fn write_equal(&mut self, run: std::ops::Range<usize>, keys: &KeyColumns) {
        let word = self.table.entries[run.start].word;
        let mut rest: Vec<u32> = self.table.entries[run].iter().map(|entry| entry.first).collect();
        while let Some(&row) = rest.first() {
            let (equal, others): (Vec<u32>, Vec<u32>) =
                rest.into_iter().partition(|other| keys.equal(row as usize, keys, *other as usize));
            let (first, count) = match equal.as_slice() {
                [single] => (*single, 1),
                _ => (self.table.rows.len() as u32, equal.len() as u32),
            };
            if count > 1 {
                self.table.rows.extend(equal);
            }
            self.write(Entry { word, first, count });
            rest = others;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;

    use super::*;

    fn build<W: Word>(mut builder: TableBuilder<W>, keys: Option<&KeyColumns>) -> Table<W> {
        loop {
            match builder.step(keys) {
                ControlFlow::Continue(next) => builder = next,
                ControlFlow::Break(table) => return table,
            }
        }
    }

    /// Groups of rows in the bucket of a hash.
    fn groups<W: Word>(table: &Table<W>, hash: u64) -> Vec<Vec<u32>> {
        let (start, end, possible) = table.bucket(hash);
        assert!(possible || start == end);
        let rows = |entry: &Entry<W>| match entry.count {
            1 => vec![entry.first],
            count => table.rows(entry.first, count).to_vec(),
        };
        table.entries(start, end).iter().map(rows).collect()
    }

    #[test]
    fn keys_of_equal_hash_are_told_apart() {
        let frame = df!("a" => ["x", "y", "x", "z", "y", "x"]).unwrap();
        let keys = KeyColumns::of(&frame, &["a".into()]).unwrap();
        let table = build(TableBuilder::new(vec![7; 6], vec![7u64; 6], None), Some(&keys));
        assert_eq!(groups(&table, 7), [vec![0, 2, 5], vec![1, 4], vec![3]]);
    }

    #[test]
    fn words_of_one_bucket_are_told_apart() {
        let table = build(TableBuilder::new(vec![8; 5], vec![3u128, 1, 2, 1, 3], None), None);
        assert_eq!(groups(&table, 8), [vec![1, 3], vec![2], vec![0, 4]]);
        assert!(groups(&table, 9).is_empty());
    }

    #[test]
    fn rows_that_are_not_valid_are_left_out() {
        let valid = [true, false, true].into_iter().collect();
        let table = build(TableBuilder::new(vec![1, 1, 2], vec![1u64, 1, 2], Some(valid)), None);
        assert_eq!(groups(&table, 1), [vec![0]]);
        assert_eq!(groups(&table, 2), [vec![2]]);
        let empty = build(TableBuilder::new(Vec::new(), Vec::<u64>::new(), None), None);
        assert!(groups(&empty, 5).is_empty());
    }

    #[test]
    fn every_row_is_found_in_a_table_of_several_steps() {
        let rows = (STEP as u64 * 3 / 2) as u32;
        let words: Vec<u64> = (0..rows as u64).map(|row| row / 2).collect();
        let hashes: Vec<u64> =
            words.iter().map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)).collect();
        let table = build(TableBuilder::new(hashes.clone(), words, None), None);
        for row in (0..rows).step_by(1009) {
            let pair = vec![row & !1, row | 1];
            assert!(groups(&table, hashes[row as usize]).contains(&pair), "{row}");
        }
    }
}
