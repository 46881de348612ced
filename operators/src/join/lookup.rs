//! Vectorised lookup of a batch of keys: first the directory slots of a block of rows, which are independent memory
//! accesses, then the entries of those that passed the filter.

use quokka_engine::hash::part_of;

use super::error::JoinError;
use super::keys::{Keys, Word, Words};
use super::matches::Match;
use super::side::{BuildSide, JoinTable};
use super::table::Table;

const BLOCK: usize = 512;

/// Which partition holds the keys of a hash.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ownership {
    /// One partition holds all keys.
    Whole,
    /// Worker `first + i` of `workers` owns partition `i`.
    Partitioned { workers: usize, first: usize },
}

/// The matches of each row of a batch, in the order of the rows.
pub(super) fn lookup(build: &BuildSide, ownership: Ownership, keys: &Keys) -> Result<Vec<Match>, JoinError> {
    let mut narrow = Vec::new();
    let mut wide = Vec::new();
    for partition in build.partitions() {
        match partition.table() {
            JoinTable::Keyless => return Ok(pair_all(build, keys.hashes.len())),
            JoinTable::Narrow(table) | JoinTable::Hashed(table, _) => narrow.push(table),
            JoinTable::Wide(table) => wide.push(table),
        }
    }
    match &keys.words {
        Words::Wide(words) => find_valid(&wide, ownership, keys, words),
        Words::Narrow(words) => find_valid(&narrow, ownership, keys, words),
        Words::Absent => find_valid(&narrow, ownership, keys, &keys.hashes),
    }
}

fn pair_all(build: &BuildSide, height: usize) -> Vec<Match> {
    let groups = || build.partitions().iter().zip(0..).filter(|(partition, _)| partition.height() > 0);
    let mut matches = Vec::with_capacity(height * groups().count());
    for row in 0..height as u32 {
        matches.extend(groups().map(|(partition, part)| Match { row, part, first: 0, count: partition.height() }));
    }
    matches
}

fn find_valid<W: Word>(
    tables: &[&Table<W>],
    ownership: Ownership,
    keys: &Keys,
    words: &[W],
) -> Result<Vec<Match>, JoinError> {
    match &keys.valid {
        None => find(tables, ownership, &keys.hashes, words, 0..keys.hashes.len() as u32),
        Some(valid) => find(tables, ownership, &keys.hashes, words, valid.true_idx_iter().map(|row| row as u32)),
    }
}

fn find<W: Word>(
    tables: &[&Table<W>],
    ownership: Ownership,
    hashes: &[u64],
    words: &[W],
    rows: impl Iterator<Item = u32>,
) -> Result<Vec<Match>, JoinError> {
    match (ownership, tables) {
        (Ownership::Whole, [table]) | (Ownership::Partitioned { workers: 1, .. }, [table]) => {
            find_in(|_| Ok((0, *table)), hashes, words, rows)
        },
        (Ownership::Partitioned { workers, first }, _) => {
            let table_of = |hash| {
                let owner = part_of(hash, workers);
                let part = owner.wrapping_sub(first);
                tables.get(part).map(|table| (part as u32, *table)).ok_or(JoinError::ForeignRow { owner })
            };
            find_in(table_of, hashes, words, rows)
        },
        (Ownership::Whole, _) => Err(JoinError::GateClosed),
    }
}

fn find_in<'a, W: Word + 'a>(
    table_of: impl Fn(u64) -> Result<(u32, &'a Table<W>), JoinError>,
    hashes: &[u64],
    words: &[W],
    mut rows: impl Iterator<Item = u32>,
) -> Result<Vec<Match>, JoinError> {
    let mut matches = Vec::with_capacity(hashes.len());
    let mut block = [(0u32, 0u32, 0u32); BLOCK];
    loop {
        let mut candidates = 0;
        let mut taken = 0;
        for row in rows.by_ref().take(BLOCK) {
            let hash = hashes[row as usize];
            let (start, end, possible) = table_of(hash)?.1.bucket(hash);
            // Written without a branch: the next row overwrites a slot that did not pass.
            block[candidates] = (row, start, end);
            candidates += possible as usize;
            taken += 1;
        }
        for (row, start, end) in &block[..candidates] {
            let (part, table) = table_of(hashes[*row as usize])?;
            let word = words[*row as usize];
            for entry in table.entries(*start, *end) {
                if entry.word == word {
                    matches.push(Match { row: *row, part, first: entry.first, count: entry.count });
                }
            }
        }
        if taken < BLOCK {
            return Ok(matches);
        }
    }
}
