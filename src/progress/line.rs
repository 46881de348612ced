//! What a bar says.

use quokka_engine::pool::QueryProgress;

use crate::figures::{bytes, count};

/// The contents of a bar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Splits read.
    pub(super) done: u64,
    /// All splits that are known.
    pub(super) splits: u64,
    pub(super) text: String,
}

impl Line {
    pub(super) fn of(progress: &QueryProgress) -> Self {
        let seconds = progress.elapsed.as_secs();
        let rows = progress.rows();
        let rate = rows as f64 / progress.elapsed.as_secs_f64().max(1e-3);
        let (done, splits) = (progress.splits_done(), progress.splits());
        let mut text = format!("{done}/{splits} splits, {} rows, {}/s", count(rows), short(rate));
        if progress.bytes() > 0 {
            text.push_str(&format!(", {}", bytes(progress.bytes())));
        }
        text.push_str(&format!(", {}:{:02}", seconds / 60, seconds % 60));
        Self { done, splits, text }
    }
}

/// Three digits of a number.
fn short(number: f64) -> String {
    match number {
        0.0..1e3 => format!("{number:.0}"),
        1e3..1e6 => format!("{:.1} k", number / 1e3),
        1e6..1e9 => format!("{:.1} M", number / 1e6),
        _ => format!("{:.1} G", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quokka_engine::pool::SourceProgress;

    use super::*;

    fn source(splits: Option<u64>, splits_done: u64, rows: u64, bytes: u64) -> SourceProgress {
        let mut source = SourceProgress::default();
        (source.splits, source.splits_done, source.rows, source.bytes) = (splits, splits_done, rows, bytes);
        source
    }

    #[test]
    fn a_line_sums_the_sources() {
        let mut progress = QueryProgress::default();
        progress.elapsed = Duration::from_secs(125);
        assert_eq!(Line::of(&progress), Line { done: 0, splits: 0, text: "0/0 splits, 0 rows, 0/s, 2:05".into() });
        progress.sources =
            vec![source(Some(12), 5, 1_000_000, 0), source(None, 0, 0, 0), source(Some(3), 3, 500_000, 2_500_000)];
        let text = "8/15 splits, 1,500,000 rows, 12.0 k/s, 2.5 MB, 2:05".into();
        assert_eq!(Line::of(&progress), Line { done: 8, splits: 15, text });
    }

    #[test]
    fn rates_are_short() {
        assert_eq!([0.0, 999.4, 1_500.0, 2.34e6, 5e9].map(short), ["0", "999", "1.5 k", "2.3 M", "5.0 G"]);
    }
}
