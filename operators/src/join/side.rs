//! The finished build side: partitions that all probe channels of a process read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::prelude::*;
use quokka_engine::error::OperatorError;

use super::compare::KeyColumns;
use super::matches::Match;
use super::table::Table;

/// The rows that one worker owns, and how to find them.
pub(super) struct Partition {
    rows: DataFrame,
    table: JoinTable,
    marks: Option<Marks>,
}

/// The table of a partition, by [`KeyFormat`](super::keys::KeyFormat).
pub(super) enum JoinTable {
    Keyless,
    Narrow(Table<u64>),
    Wide(Table<u128>),
    /// Words are hashes. Each entry stands for one key; the key columns tell keys of equal hash apart.
    Hashed(Table<u64>, KeyColumns),
}

impl Partition {
    /// `rows` has at most 2^32 - 2 rows, and one chunk a column. With `marked`, rows that find a match are remembered.
    pub(super) fn new(rows: DataFrame, table: JoinTable, marked: bool) -> Self {
        let marks = marked.then(|| Marks::new(rows.height()));
        Self { rows, table, marks }
    }

    pub(super) fn rows(&self) -> &DataFrame {
        &self.rows
    }

    pub(super) fn table(&self) -> &JoinTable {
        &self.table
    }

    pub(super) fn marks(&self) -> Option<&Marks> {
        self.marks.as_ref()
    }

    pub(super) fn height(&self) -> u32 {
        self.rows.height() as u32
    }

    /// The last build row of a match.
    pub(super) fn last_row(&self, found: &Match) -> u32 {
        let mut last = found.first;
        if found.count > 1 {
            self.for_each_row(found, found.count - 1..found.count, |row| last = row);
        }
        last
    }

    /// Calls `visit` with the build rows `range` of a match that has several.
    pub(super) fn for_each_row(&self, found: &Match, range: Range<u32>, visit: impl FnMut(u32)) {
        let (first, count) = (found.first + range.start, range.len() as u32);
        match &self.table {
            JoinTable::Keyless => (first..first + count).for_each(visit),
            JoinTable::Narrow(table) | JoinTable::Hashed(table, _) => {
                table.rows(first, count).iter().copied().for_each(visit);
            },
            JoinTable::Wide(table) => table.rows(first, count).iter().copied().for_each(visit),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let table = match &self.table {
            JoinTable::Keyless => 0,
            JoinTable::Narrow(table) => table.bytes(),
            JoinTable::Wide(table) => table.bytes(),
            JoinTable::Hashed(table, keys) => table.bytes() + keys.bytes(),
        };
        self.rows.estimated_size() + table + self.marks.as_ref().map_or(0, Marks::bytes)
    }
}

/// One bit a build row, set by whichever probe channel finds a match for it.
pub(super) struct Marks {
    words: Vec<AtomicU64>,
}

impl Marks {
    fn new(rows: usize) -> Self {
        Self { words: (0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Marks a row. What reads the marks synchronises on the end of all probe channels.
    #[inline]
    pub(super) fn set(&self, row: u32) {
        let word = &self.words[row as usize / 64];
        let bit = 1 << (row % 64);
        // Most rows of a repeated key are marked already: a read does not take the cache line away from other workers.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    pub(super) fn get(&self, row: u32) -> bool {
        self.words[row as usize / 64].load(Ordering::Relaxed) & (1 << (row % 64)) != 0
    }
}

/// All partitions of a process.
pub(super) struct BuildSide {
    partitions: Vec<Arc<Partition>>,
    /// The rows of all partitions, one chunk for each partition that has rows.
    stacked: DataFrame,
    /// The chunk of each partition.
    chunks: Vec<u32>,
}

impl BuildSide {
    pub(super) fn new(partitions: Vec<Arc<Partition>>) -> Result<Self, OperatorError> {
        let mut filled = partitions.iter().filter(|partition| partition.height() > 0);
        let any = filled.clone().next().or(partitions.first());
        let mut stacked = any.map_or_else(DataFrame::default, |partition| partition.rows.clone());
        filled.next();
        for partition in filled {
            stacked.vstack_mut(&partition.rows)?;
        }
        let mut chunks = Vec::with_capacity(partitions.len());
        let mut chunk = 0;
        for partition in &partitions {
            chunks.push(chunk);
            chunk += (partition.height() > 0) as u32;
        }
        Ok(Self { partitions, stacked, chunks })
    }

    pub(super) fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    pub(super) fn partition(&self, part: u32) -> &Partition {
        &self.partitions[part as usize]
    }

    pub(super) fn stacked(&self) -> &DataFrame {
        &self.stacked
    }

    pub(super) fn chunk(&self, part: u32) -> u32 {
        self.chunks[part as usize]
    }
}
