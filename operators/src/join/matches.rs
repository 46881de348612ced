//! Matches of a probe batch, and the pairs of rows that they stand for, a window at a time.

use super::side::BuildSide;

/// Stands for "no build row" in [`Pairs`].
pub(super) const NO_ROW: u32 = u32::MAX;

/// A probe row and the build rows of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) row: u32,
    /// Partition of the build side.
    pub(super) part: u32,
    /// The build row, or where the group of build rows starts if there are several.
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Pairs of a probe row and a build row, in the order of the probe rows.
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) probe: Vec<u32>,
    pub(super) build: Vec<u32>,
    /// Partition of each build row; empty if there is only one partition.
    pub(super) parts: Vec<u32>,
    /// Whether some build rows are [`NO_ROW`].
    pub(super) unmatched: bool,
}

impl Pairs {
    pub(super) fn len(&self) -> usize {
        self.probe.len()
    }

    fn push(&mut self, probe: u32, build: u32, part: Option<u32>) {
        self.probe.push(probe);
        self.build.push(build);
        self.parts.extend(part);
    }

    fn part(&self, pair: usize) -> Option<u32> {
        self.parts.get(pair).copied()
    }

    /// Keeps the pairs whose flag is true.
    pub(super) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut kept = 0;
        for pair in 0..self.len() {
            if keep(pair) {
                self.probe[kept] = self.probe[pair];
                self.build[kept] = self.build[pair];
                if !self.parts.is_empty() {
                    self.parts[kept] = self.parts[pair];
                }
                kept += 1;
            }
        }
        self.probe.truncate(kept);
        self.build.truncate(kept);
        self.parts.truncate(kept);
    }
}

/// The matches of a batch and how far they have been turned into pairs.
pub(super) struct Cursor {
    matches: Vec<Match>,
    height: u32,
    /// The match that is next.
    next: usize,
    /// Its pairs that were given out.
    offset: u32,
    /// Probe rows before this one have a pair or were filled in.
    filled: u32,
}

impl Cursor {
    /// `matches` in the order of their probe rows, of a batch with `height` rows.
    pub(super) fn new(matches: Vec<Match>, height: u32) -> Self {
        Self { matches, height, next: 0, offset: 0, filled: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.next == self.matches.len()
    }

    /// The probe rows that have a match, in order and each once.
    pub(super) fn matched_rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.matches.iter().map(|found| found.row).collect();
        rows.dedup();
        rows
    }

    /// The next pairs, at most `limit`. Matches for which `skip` holds give none any more.
    pub(super) fn expand(&mut self, build: &BuildSide, limit: usize, skip: impl Fn(&Match) -> bool) -> Pairs {
        let several = build.partitions().len() > 1;
        let room = limit.min(self.matches.len() - self.next);
        let mut pairs = Pairs {
            probe: Vec::with_capacity(room),
            build: Vec::with_capacity(room),
            parts: Vec::with_capacity(if several { room } else { 0 }),
            unmatched: false,
        };
        while let Some(found) = self.matches.get(self.next)
            && pairs.len() < limit
        {
            if skip(found) {
                self.offset = 0;
                self.next += 1;
                continue;
            }
            let part = several.then_some(found.part);
            if found.count == 1 {
                pairs.push(found.row, found.first, part);
                self.next += 1;
                continue;
            }
            let taken = (found.count - self.offset).min((limit - pairs.len()).min(NO_ROW as usize) as u32);
            build.partition(found.part).for_each_row(found, self.offset..self.offset + taken, |row| {
                pairs.push(found.row, row, part);
            });
            self.offset += taken;
            if self.offset == found.count {
                self.offset = 0;
                self.next += 1;
            }
        }
        pairs
    }

    /// Adds the probe rows that have no pair, as pairs with [`NO_ROW`], at their place in the order. Rows whose pairs may
    /// still come are left for the next window.
    pub(super) fn fill(&mut self, pairs: Pairs) -> Pairs {
        let until = self.matches.get(self.next).map_or(self.height, |found| found.row);
        let several = !pairs.parts.is_empty();
        let room = pairs.len() + until.saturating_sub(self.filled) as usize;
        let mut all = Pairs {
            probe: Vec::with_capacity(room),
            build: Vec::with_capacity(room),
            parts: Vec::with_capacity(if several { room } else { 0 }),
            unmatched: false,
        };
        let mut row = self.filled;
        for pair in 0..pairs.len() {
            let probe = pairs.probe[pair];
            all.fill(row..probe, several);
            all.push(probe, pairs.build[pair], pairs.part(pair));
            row = row.max(probe + 1);
        }
        all.fill(row..until, several);
        self.filled = row.max(until);
        all
    }
}

impl Pairs {
    fn fill(&mut self, rows: std::ops::Range<u32>, several: bool) {
        self.unmatched |= !rows.is_empty();
        for row in rows {
            self.push(row, NO_ROW, several.then_some(0));
        }
    }
}
