//! In which order rows are tested.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A share of rows that is taken to fail any test, so that one which everything passes comes late but not never.
const LEAST_FAILING: f64 = 0.001;

/// What a test of rows has cost and brought so far, on all workers of the process.
#[derive(Default)]
pub(crate) struct Effort {
    rows: AtomicU64,
    passed: AtomicU64,
    nanos: AtomicU64,
}

impl Effort {
    /// Of `rows` rows `passed` were left after `time`, in which the columns of the test were decoded too.
    pub(crate) fn record(&self, rows: usize, passed: usize, time: Duration) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.passed.fetch_add(passed as u64, Ordering::Relaxed);
        self.nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Time for each row that is dropped. Tests whose results do not depend on each other cost least together in the
    /// order of this number (Hellerstein, Stonebraker, *Predicate Migration*, SIGMOD 1993). What was never tried comes
    /// first.
    pub(crate) fn rank(&self) -> f64 {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let rows = read(&self.rows);
        if rows == 0.0 {
            return 0.0;
        }
        let failing = (1.0 - read(&self.passed) / rows).max(LEAST_FAILING);
        read(&self.nanos) / rows / failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheap_and_selective_tests_come_first() {
        let effort = |rows, passed, micros| {
            let effort = Effort::default();
            effort.record(rows, passed, Duration::from_micros(micros));
            effort.rank()
        };
        assert!(effort(1000, 100, 50) < effort(1000, 100, 60));
        assert!(effort(1000, 100, 50) < effort(1000, 200, 50));
        assert!(effort(1000, 900, 10) > effort(1000, 100, 50));
        assert!(effort(1000, 1000, 1).is_finite());
        assert!(Effort::default().rank() < effort(1000, 0, 1));
    }
}
