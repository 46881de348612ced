//! Splits of a source that the workers of a process take one after another.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::OperatorError;
use crate::operator::WorkerContext;
use crate::plan::Channels;
use crate::source::{Listing, Reader, Source, Split};

/// The splits that this process reads. Shared by its workers, so that a fast worker reads more.
#[derive(Debug)]
pub(crate) struct SplitQueue {
    /// Unset until a worker asks for the first one, if the source knows them only then.
    listed: OnceLock<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    splits: Vec<Split>,
    lanes: Vec<Lane>,
}

/// Splits that the same workers read.
#[derive(Debug)]
struct Lane {
    reader: Reader,
    splits: Vec<usize>,
    next: AtomicUsize,
}

impl Lane {
    fn new(reader: Reader, splits: Vec<usize>) -> Self {
        Self { reader, splits, next: AtomicUsize::new(0) }
    }

    fn take(&self) -> Option<usize> {
        self.splits.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }

    /// How soon a worker reads from this lane; `None`: never.
    fn rank(&self, worker: usize) -> Option<usize> {
        match self.reader {
            Reader::Only(reader) => (reader == worker).then_some(0),
            Reader::Preferred(reader) if reader == worker => Some(0),
            Reader::Any => Some(1),
            Reader::Preferred(_) => Some(2),
        }
    }
}

impl Listed {
    /// The splits that the process reads of its own list.
    fn own(source: &dyn Source) -> Result<Self, OperatorError> {
        let splits = source.splits()?;
        let mut lanes: Vec<Lane> = Vec::new();
        for split in 0..splits.len() {
            let reader = source.reader(split);
            match lanes.iter_mut().find(|lane| lane.reader == reader) {
                Some(lane) => lane.splits.push(split),
                None => lanes.push(Lane::new(reader, vec![split])),
            }
        }
        Ok(Self { splits, lanes })
    }
}

impl SplitQueue {
    /// The splits of `source` for the process of `context`: its share of those of the cluster, or its own. Processes without
    /// a channel read nothing.
    pub(crate) fn new(
        source: &dyn Source,
        channels: &Channels,
        context: &WorkerContext,
    ) -> Result<Self, OperatorError> {
        let mut readers: Vec<usize> =
            channels.workers(context.workers).map(|worker| context.process_of(worker)).collect();
        readers.dedup();
        let Some(first) = readers.iter().position(|process| *process == context.process) else {
            return Ok(Self::empty());
        };
        match source.listing() {
            Listing::Process => Ok(Self { listed: OnceLock::new() }),
            Listing::Cluster => {
                let splits = source.splits()?;
                let lane = Lane::new(Reader::Any, (first..splits.len()).step_by(readers.len()).collect());
                Ok(Self { listed: OnceLock::from(Listed { splits, lanes: vec![lane] }) })
            },
        }
    }

    /// How many there are; `None` if they are not known yet.
    pub(crate) fn count(&self) -> Option<usize> {
        Some(self.listed.get()?.lanes.iter().map(|lane| lane.splits.len()).sum())
    }

    /// No splits.
    pub(crate) fn empty() -> Self {
        Self { listed: OnceLock::from(Listed::default()) }
    }

    /// Index of the next split that a worker, by its index inside the process, reads. `source` is asked for the list if it
    /// is not known yet.
    pub(crate) fn pop(&self, source: &dyn Source, worker: usize) -> Result<Option<usize>, OperatorError> {
        let listed = match self.listed.get() {
            Some(listed) => listed,
            None => {
                let listed = Listed::own(source)?;
                self.listed.get_or_init(|| listed)
            },
        };
        let of_rank = |rank: usize| listed.lanes.iter().filter(move |lane| lane.rank(worker) == Some(rank));
        Ok((0..3).flat_map(of_rank).find_map(Lane::take))
    }

    /// Name of a split, for errors.
    pub(crate) fn name(&self, split: usize) -> String {
        let name = |listed: &Listed| Some(listed.splits.get(split)?.name.clone());
        self.listed.get().and_then(name).unwrap_or_default()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use polars_core::schema::SchemaRef;

    use super::*;
    use crate::operator::Description;
    use crate::source::SplitReader;

    /// Splits with their readers, of the process or of the cluster.
    struct Readers(Vec<Reader>, Listing);

    impl Source for Readers {
        fn describe(&self) -> Description {
            Description::streams("readers")
        }

        fn schema(&self) -> SchemaRef {
            Arc::default()
        }

        fn listing(&self) -> Listing {
            self.1
        }

        fn splits(&self) -> Result<Vec<Split>, OperatorError> {
            Ok((0..self.0.len()).map(|split| Split { name: format!("split {split}"), rows: None }).collect())
        }

        fn reader(&self, split: usize) -> Reader {
            self.0[split]
        }

        fn open(&self, _split: usize, _context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
            Err(OperatorError::message(crate::error::ErrorKind::Internal, "nothing to read"))
        }
    }

    fn context(process: usize) -> WorkerContext {
        WorkerContext { worker: 2 * process, workers: 4, process, processes: 2, batch_rows: 1 }
    }

    #[test]
    fn workers_read_their_own_splits_first_and_then_those_of_others() {
        use Reader::{Any, Preferred};
        let source = Readers(vec![Preferred(1), Any, Preferred(0), Preferred(0), Preferred(1)], Listing::Process);
        let queue = SplitQueue::new(&source, &Channels::All, &context(1)).unwrap();
        assert_eq!(queue.count(), None);
        let taken: Vec<_> = [0, 0, 0, 0, 1, 1].map(|worker| queue.pop(&source, worker).unwrap()).into();
        assert_eq!(taken, [Some(2), Some(3), Some(1), Some(0), Some(4), None]);
        assert_eq!((queue.name(4).as_str(), queue.count()), ("split 4", Some(5)));
    }

    #[test]
    fn what_one_worker_reads_is_left_to_it() {
        use Reader::Only;
        let source = Readers(vec![Only(1), Only(0), Only(1)], Listing::Process);
        let queue = SplitQueue::new(&source, &Channels::All, &context(0)).unwrap();
        let taken: Vec<_> = [0, 0, 1, 1, 1].map(|worker| queue.pop(&source, worker).unwrap()).into();
        assert_eq!(taken, [Some(1), None, Some(0), Some(2), None]);
    }

    #[test]
    fn processes_share_what_the_cluster_lists() {
        let source = Readers(vec![Reader::Any; 5], Listing::Cluster);
        let all = |channels: Channels, process| {
            let queue = SplitQueue::new(&source, &channels, &context(process)).unwrap();
            let taken = std::iter::from_fn(|| queue.pop(&source, 1).unwrap()).collect::<Vec<_>>();
            assert_eq!(queue.count(), Some(taken.len()));
            taken
        };
        assert_eq!([all(Channels::All, 0), all(Channels::All, 1)], [vec![0, 2, 4], vec![1, 3]]);
        let some = |workers: &[usize]| Channels::new(workers.iter().copied(), 4);
        assert_eq!([all(some(&[0]), 0), all(some(&[0]), 1)], [vec![0, 1, 2, 3, 4], vec![]]);
        assert_eq!([all(some(&[2, 3]), 0), all(some(&[2, 3]), 1)], [vec![], vec![0, 1, 2, 3, 4]]);
        assert_eq!([all(some(&[0, 1, 3]), 0), all(some(&[0, 1, 3]), 1)], [vec![0, 2, 4], vec![1, 3]]);
    }
}
