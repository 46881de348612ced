//! Some of many rows.

/// Rows of a block.
#[derive(Clone, Copy)]
pub(crate) enum Chosen<'a> {
    /// One behind the other.
    All(usize, usize),
    /// These.
    Some(&'a [u32]),
}

impl Chosen<'_> {
    /// The row at an index.
    pub(crate) fn row(self, index: usize) -> usize {
        match self {
            Self::All(start, _) => start + index,
            Self::Some(rows) => rows.get(index).map_or(0, |row| *row as usize),
        }
    }

    /// Those at the indices from `start` to before `end`.
    pub(crate) fn part(self, start: usize, end: usize) -> Self {
        match self {
            Self::All(first, _) => Self::All(first + start, first + end),
            Self::Some(rows) => Self::Some(rows.get(start..end).unwrap_or_default()),
        }
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::All(start, end) => end - start,
            Self::Some(rows) => rows.len(),
        }
    }
}
