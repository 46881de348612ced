//! How far a query has come.

use std::time::Duration;

/// How far a query has come, in all processes of a cluster. Each tells the others a few times a second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryProgress {
    /// Since the query was started; of one that has ended, until then.
    pub elapsed: Duration,
    /// The query has ended in all processes, or failed.
    pub is_finished: bool,
    /// What the query reads, in plan order.
    pub sources: Vec<SourceProgress>,
}

/// How much of a source has been read, in all processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceProgress {
    /// Index of its node in the physical plan.
    pub node: usize,
    /// Name, as the source describes itself.
    pub name: String,
    /// Splits that there are to read, as far as they are known; `None` if none are yet. A query that needs no more rows
    /// leaves the rest unread.
    pub splits: Option<u64>,
    /// Splits read to their end.
    pub splits_done: u64,
    /// Rows that came out of it, after its filters.
    pub rows: u64,
    /// Bytes of the splits that were opened, as far as the source knows them: see
    /// [`Source::bytes_read`](crate::source::Source::bytes_read).
    pub bytes: u64,
}

impl QueryProgress {
    /// Splits that are known, of all sources.
    pub fn splits(&self) -> u64 {
        self.sources.iter().filter_map(|source| source.splits).sum()
    }

    /// Splits read to their end, of all sources.
    pub fn splits_done(&self) -> u64 {
        self.sources.iter().map(|source| source.splits_done).sum()
    }

    /// Rows that came out of all sources.
    pub fn rows(&self) -> u64 {
        self.sources.iter().map(|source| source.rows).sum()
    }

    /// Bytes of the splits that were opened, of all sources.
    pub fn bytes(&self) -> u64 {
        self.sources.iter().map(|source| source.bytes).sum()
    }
}
