//! Filters as scans see them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars_core::prelude::PlSmallStr;

use super::DynamicFilter;

/// A filter over columns of a scan.
#[derive(Clone, Debug)]
pub struct ScanFilter {
    /// What the build side of a join knows.
    pub filter: Arc<DynamicFilter>,
    /// The columns that hold its keys, each another one. They have the types of the keys, or types
    /// that those of the keys can hold, and need not be in the projection.
    pub columns: Vec<PlSmallStr>,
}

impl fmt::Display for ScanFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.filter, self.columns.join(" "))
    }
}

/// Rows after which a filter is judged.
const ENOUGH_ROWS: u64 = 1 << 15;
/// Rows after which what came before counts half.
const MEMORY_ROWS: u64 = 1 << 21;
/// A filter that does not help is tried again once in so many times.
const PAUSE: u64 = 16;

/// How much a filter has dropped, so that one that drops almost nothing costs almost nothing. Shared by the workers of a
/// process; what gets lost between them does not matter.
#[derive(Debug, Default)]
pub struct Usefulness {
    rows: AtomicU64,
    passed: AtomicU64,
    asked: AtomicU64,
}

impl Usefulness {
    /// Whether the filter should be applied to the next rows: it has dropped at least a tenth so far, or it is time to try
    /// again.
    pub fn is_due(&self) -> bool {
        let (rows, passed) = (self.rows.load(Ordering::Relaxed), self.passed.load(Ordering::Relaxed));
        rows < ENOUGH_ROWS || helps(rows, passed) || self.asked.fetch_add(1, Ordering::Relaxed) % PAUSE == PAUSE - 1
    }

    /// Of `rows` rows, `passed` have passed. Returns whether it pays to drop the others.
    pub fn record(&self, rows: usize, passed: usize) -> bool {
        let (rows, passed) = (rows as u64, passed as u64);
        let all = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.passed.fetch_add(passed, Ordering::Relaxed);
        if all > MEMORY_ROWS {
            for counter in [&self.rows, &self.passed] {
                counter.store(counter.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
        helps(rows, passed)
    }
}

fn helps(rows: u64, passed: u64) -> bool {
    passed * 10 <= rows * 9
}
