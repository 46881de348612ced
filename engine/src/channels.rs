//! On which workers a node of a plan has a channel.

use std::fmt;
use std::sync::Arc;

/// On which workers a node has a channel. Operators exist on all workers, but rows go to those with a channel alone: an
/// exchange divides them among these, and a source is read by these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channels {
    /// On all workers.
    All,
    /// On these, by their global index: at least one, in increasing order.
    Some(Arc<[usize]>),
}

impl Channels {
    /// On these of `all` workers; on all if they are none.
    ///
    /// ```
    /// use quokka_engine::plan::Channels;
    /// assert_eq!(Channels::new([3, 0, 3], 4).to_string(), "0, 3");
    /// assert_eq!(Channels::new([1, 0], 2), Channels::All);
    /// ```
    pub fn new(workers: impl IntoIterator<Item = usize>, all: usize) -> Self {
        let mut workers: Vec<usize> = workers.into_iter().filter(|worker| *worker < all).collect();
        workers.sort_unstable();
        workers.dedup();
        if workers.is_empty() || workers.len() == all { Self::All } else { Self::Some(workers.into()) }
    }

    /// Whether a worker has one.
    pub fn contains(&self, worker: usize) -> bool {
        match self {
            Self::All => true,
            Self::Some(workers) => workers.binary_search(&worker).is_ok(),
        }
    }

    /// How many there are on `all` workers.
    pub fn count(&self, all: usize) -> usize {
        match self {
            Self::All => all,
            Self::Some(workers) => workers.len(),
        }
    }

    /// The worker of a channel, which must be below their number.
    pub fn worker(&self, channel: usize) -> usize {
        match self {
            Self::All => channel,
            Self::Some(workers) => workers.get(channel).copied().unwrap_or_default(),
        }
    }

    /// The worker of the first channel.
    pub fn first(&self) -> usize {
        self.worker(0)
    }

    /// The workers of `all`, in order.
    pub fn workers(&self, all: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.count(all)).map(|channel| self.worker(channel))
    }

    /// Whether every worker that has a channel of `other` has one of these as well.
    pub fn include(&self, other: &Self, all: usize) -> bool {
        *self == Self::All || other.workers(all).all(|worker| self.contains(worker))
    }
}

impl fmt::Display for Channels {
    /// `all`, or the workers, such as `0, 4-7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Some(workers) = self else { return f.write_str("all") };
        for (index, run) in workers.chunk_by(|one, next| one + 1 == *next).enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            match run {
                [first, .., last] => write!(f, "{separator}{first}-{last}")?,
                [one] => write!(f, "{separator}{one}")?,
                [] => {},
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_have_channels_or_not() {
        let some = Channels::new([4, 1, 5, 6], 8);
        assert_eq!((some.count(8), some.first(), some.worker(2)), (4, 1, 5));
        assert_eq!(some.workers(8).collect::<Vec<_>>(), [1, 4, 5, 6]);
        assert!(some.contains(6) && !some.contains(0));
        assert!(Channels::All.contains(7) && Channels::All.count(8) == 8 && Channels::All.worker(3) == 3);
        assert!(some.include(&Channels::new([4], 8), 8) && Channels::All.include(&some, 8));
        assert!(!some.include(&Channels::new([0, 4], 8), 8) && !some.include(&Channels::All, 8));
    }

    #[test]
    fn runs_of_workers_are_short() {
        let text = |workers: &[usize]| Channels::new(workers.iter().copied(), 9).to_string();
        assert_eq!([text(&[0]), text(&[2, 3]), text(&[0, 2, 3, 4, 8])], ["0", "2-3", "0, 2-4, 8"]);
        assert_eq!(Channels::new([0], 1).to_string(), "all");
    }
}
