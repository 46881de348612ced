//! Which columns will be read of rows of which others are read already.

use std::sync::atomic::{AtomicU64, Ordering};

use polars_utils::pl_str::PlSmallStr;

/// Right guesses that make up for a wrong one. Beside another page, a page takes about a third of the time that it takes
/// alone: half of them in vain would still pay, but little.
const RIGHT: u64 = 4;
/// Wrong guesses that none has to make up for.
const FREE: u64 = 2;

/// How well it was guessed for each column of a scan so far, on all workers of the process, that it will be read.
pub(super) struct Guesses(Vec<Guess>);

struct Guess {
    column: PlSmallStr,
    right: AtomicU64,
    wrong: AtomicU64,
}

impl Guesses {
    /// For the columns that a scan may read, those first that are read first.
    pub(super) fn new(columns: impl Iterator<Item = PlSmallStr>) -> Self {
        Self(columns.map(|column| Guess { column, right: AtomicU64::new(0), wrong: AtomicU64::new(0) }).collect())
    }

    /// The columns that are likely to be read, those first that are read first.
    pub(super) fn likely(&self) -> impl Iterator<Item = &PlSmallStr> {
        let is_likely = |guess: &Guess| {
            let (right, wrong) = (guess.right.load(Ordering::Relaxed), guess.wrong.load(Ordering::Relaxed));
            wrong < FREE + right / RIGHT
        };
        self.0.iter().filter(move |guess| is_likely(guess)).map(|guess| &guess.column)
    }

    /// Right and wrong guesses of each column.
    #[cfg(test)]
    pub(super) fn counts(&self) -> Vec<(String, u64, u64)> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.0.iter().map(|guess| (guess.column.to_string(), read(&guess.right), read(&guess.wrong))).collect()
    }

    pub(super) fn record(&self, column: &PlSmallStr, is_right: bool) {
        if let Some(guess) = self.0.iter().find(|guess| guess.column == *column) {
            let counter = if is_right { &guess.right } else { &guess.wrong };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_likely_until_it_was_wrong_too_often() {
        let guesses = Guesses::new(["a".into(), "b".into()].into_iter());
        let likely = || guesses.likely().map(PlSmallStr::as_str).collect::<Vec<_>>();
        assert_eq!(likely(), ["a", "b"]);
        guesses.record(&"a".into(), false);
        assert_eq!(likely(), ["a", "b"]);
        guesses.record(&"a".into(), false);
        assert_eq!(likely(), ["b"]);
        (0..RIGHT).for_each(|_| guesses.record(&"a".into(), true));
        assert_eq!(likely(), ["a", "b"]);
    }
}
