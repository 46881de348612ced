//! Vectorised lookup of a batch of keys.

use quokka_engine::hash::part_of;
use quokka_engine::plan::Channels;

use super::error::JoinError;
use super::keys::{Keys, Word, Words};
use super::matches::Match;
use super::side::{BuildSide, JoinTable};
use super::table::Table;

/// Rows whose memory is asked for before the first of them is looked at.
const BLOCK: usize = 256;

/// A row whose bucket may hold its key.
#[derive(Clone, Copy, Default)]
struct Candidate {
    row: u32,
    part: u32,
    start: u32,
    end: u32,
}

/// Which partition holds the keys of a hash: the channels share the hashes, and what worker `first + i` of `workers` has is
/// partition `i`.
#[derive(Clone, Debug)]
pub(super) struct Ownership {
    pub(super) channels: Channels,
    pub(super) workers: usize,
    pub(super) first: usize,
}

/// The matches of each row of a batch, in the order of the rows.
pub(super) fn lookup(build: &BuildSide, ownership: &Ownership, keys: &Keys) -> Result<Vec<Match>, JoinError> {
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
    ownership: &Ownership,
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
    ownership: &Ownership,
    hashes: &[u64],
    words: &[W],
    rows: impl Iterator<Item = u32>,
) -> Result<Vec<Match>, JoinError> {
    let channels = ownership.channels.count(ownership.workers);
    let part = |owner: usize| owner.wrapping_sub(ownership.first);
    let table_of = |owner: usize| {
        let part = part(owner);
        tables.get(part).map(|table| (part as u32, *table)).ok_or(JoinError::ForeignRow { owner })
    };
    match &ownership.channels {
        only if channels == 1 => {
            let owner = only.first();
            match tables.get(part(owner)) {
                Some(table) => find_in(|_| Ok((part(owner) as u32, *table)), tables, hashes, words, rows),
                None => find_in(|_| Err(JoinError::ForeignRow { owner }), tables, hashes, words, rows),
            }
        },
        Channels::All => find_in(|hash| table_of(part_of(hash, channels)), tables, hashes, words, rows),
        some => find_in(|hash| table_of(some.worker(part_of(hash, channels))), tables, hashes, words, rows),
    }
}

/// Three passes over a block of rows, so that the memory accesses of its rows overlap: ask for their directory slots; read
/// the slots and ask for their entries; compare the entries.
fn find_in<'a, W: Word + 'a>(
    table_of: impl Fn(u64) -> Result<(u32, &'a Table<W>), JoinError>,
    tables: &[&Table<W>],
    hashes: &[u64],
    words: &[W],
    mut rows: impl Iterator<Item = u32>,
) -> Result<Vec<Match>, JoinError> {
    let mut matches = Vec::with_capacity(hashes.len());
    let mut asked = [(0u32, 0u32); BLOCK];
    let mut candidates = [Candidate::default(); BLOCK];
    loop {
        let mut taken = 0;
        for (slot, row) in asked.iter_mut().zip(&mut rows) {
            let (part, table) = table_of(hashes[row as usize])?;
            table.prefetch_bucket(hashes[row as usize]);
            *slot = (row, part);
            taken += 1;
        }
        let mut passed = 0;
        for (row, part) in &asked[..taken] {
            let table = tables[*part as usize];
            let (start, end, possible) = table.bucket(hashes[*row as usize]);
            table.prefetch_entry(start);
            // Written without a branch: the next row overwrites a candidate that did not pass.
            candidates[passed] = Candidate { row: *row, part: *part, start, end };
            passed += possible as usize;
        }
        for Candidate { row, part, start, end } in &candidates[..passed] {
            let word = words[*row as usize];
            for entry in tables[*part as usize].entries(*start, *end) {
                if entry.word == word {
                    matches.push(Match { row: *row, part: *part, first: entry.first, count: entry.count });
                }
            }
        }
        if taken < BLOCK {
            return Ok(matches);
        }
    }
}
