//! What a bar says.

use std::time::Duration;

use quokka_engine::pool::QueryProgress;

use crate::figures::bytes;

/// Columns of what fills while splits are read.
const BAR_COLUMNS: u64 = 20;

/// The line of a query. What matters most comes first: a narrow terminal shows no more than that.
pub(super) fn line(name: &str, progress: &QueryProgress) -> String {
    let rows = progress.rows() as f64;
    let rate = rows / progress.elapsed.as_secs_f64().max(1e-3);
    let (done, splits) = (progress.splits_done(), progress.splits());
    let (bar, rows, time, rate) = (bar(done, splits), short(rows), clock(progress.elapsed), short(rate));
    // The bars of `query 1` to `query 99` stand below each other.
    let mut line = format!("{name:8} {bar} {done}/{splits} splits, {rows} rows, {time}, {rate}/s");
    if progress.bytes() > 0 {
        line.push_str(&format!(", {}", bytes(progress.bytes())));
    }
    line
}

fn bar(done: u64, splits: u64) -> String {
    let filled = (BAR_COLUMNS * done).checked_div(splits).unwrap_or(0).min(BAR_COLUMNS);
    let letter = |column| match column {
        column if column < filled => '━',
        column if column == filled && filled > 0 => '╸',
        _ => '─',
    };
    (0..BAR_COLUMNS).map(letter).collect()
}

/// A number in five letters at most.
fn short(number: f64) -> String {
    let (number, unit) = match number {
        // What is rounded must not become a thousand.
        0.0..999.5 => return format!("{number:.0}"),
        999.5..999.5e3 => (number / 1e3, 'k'),
        999.5e3..999.5e6 => (number / 1e6, 'M'),
        _ => (number / 1e9, 'G'),
    };
    if number < 99.95 { format!("{number:.1} {unit}") } else { format!("{number:.0} {unit}") }
}

/// Minutes and seconds, and hours if there are any.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use quokka_engine::pool::SourceProgress;

    use super::*;

    fn source(splits: Option<u64>, splits_done: u64, rows: u64, bytes: u64) -> SourceProgress {
        let mut source = SourceProgress::default();
        (source.splits, source.splits_done, source.rows, source.bytes) = (splits, splits_done, rows, bytes);
        source
    }

    #[test]
    fn bars_fill() {
        let bars = [(0, 0), (0, 3), (1, 40), (1, 20), (10, 20), (39, 40), (40, 40), (50, 40)].map(|(d, s)| bar(d, s));
        let filled = |count: usize, tip: &str| {
            let left = 20 - count - tip.chars().count();
            format!("{}{tip}{}", "━".repeat(count), "─".repeat(left))
        };
        let expected = [(0, ""), (0, ""), (0, ""), (1, "╸"), (10, "╸"), (19, "╸"), (20, ""), (20, "")];
        assert_eq!(bars, expected.map(|(count, tip)| filled(count, tip)));
    }

    #[test]
    fn a_line_sums_the_sources() {
        let mut progress = QueryProgress::default();
        progress.elapsed = Duration::from_secs(125);
        assert_eq!(line("query 3", &progress), "query 3  ──────────────────── 0/0 splits, 0 rows, 2:05, 0/s");
        progress.sources =
            vec![source(Some(12), 5, 1_000_000, 0), source(None, 0, 0, 0), source(Some(3), 3, 500_000, 2_500_000)];
        let expected = "a long name ━━━━━━━━━━╸───────── 8/15 splits, 1.5 M rows, 2:05, 12.0 k/s, 2.5 MB";
        assert_eq!(line("a long name", &progress), expected);
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 999.4, 999.6, 1_500.0, 99_949.0, 99_950.0, 999_499.0, 999_500.0, 2.34e6, 5e9, 1.2e11];
        let expected = ["0", "999", "1.0 k", "1.5 k", "99.9 k", "100 k", "999 k", "1.0 M", "2.3 M", "5.0 G", "120 G"];
        assert_eq!(numbers.map(short), expected);
    }

    #[test]
    fn long_queries_take_hours() {
        let clocks = [0, 9, 61, 3_599, 3_600, 90_061].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(clocks, ["0:00", "0:09", "1:01", "59:59", "1:00:00", "25:01:01"]);
    }
}
