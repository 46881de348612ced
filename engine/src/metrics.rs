//! Counters per plan node and operator, written by the workers and read by anyone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a node has done so far in a process, summed over its workers, or in several.
#[derive(Debug)]
pub struct NodeMetrics {
    /// The head and the operators fused behind it.
    operators: Vec<OperatorMetrics>,
    bytes_out: AtomicU64,
    busy_nanos: AtomicU64,
    ship_nanos: AtomicU64,
    splits: AtomicU64,
    dropped: AtomicU64,
    bytes_read: AtomicU64,
}

/// What one operator of a node has done so far, as its node.
#[derive(Debug, Default)]
pub(crate) struct OperatorMetrics {
    rows_in: AtomicU64,
    batches_in: AtomicU64,
    rows_out: AtomicU64,
    batches_out: AtomicU64,
    busy_nanos: AtomicU64,
    state_bytes: AtomicU64,
}

/// A reading of [`NodeMetrics`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// The head, then the operators fused behind it.
    pub operators: Vec<OperatorReport>,
    /// Bytes that left the last operator, as held in memory.
    pub bytes_out: u64,
    /// Time that workers spent in the node, summed: that of its operators, of shipping, and of receiving.
    pub busy: Duration,
    /// The part of it that went into partitioning, coalescing and encoding what leaves the last operator.
    pub shipping: Duration,
    /// Splits read to their end.
    pub splits: u64,
    /// Rows that dynamic filters dropped where they were read, up to the end of the last split.
    pub dropped: u64,
    /// Bytes of the splits that were opened, as far as the source knows them.
    pub bytes_read: u64,
}

/// What one operator has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorReport {
    /// Name, as the operator describes itself.
    pub name: String,
    /// Rows taken; none by a source.
    pub rows_in: u64,
    /// Batches taken; none by a source.
    pub batches_in: u64,
    /// Rows that came of them; none of a sink.
    pub rows_out: u64,
    /// Batches that came of them; none of a sink.
    pub batches_out: u64,
    /// Time that workers spent in it, summed; of a source, opening splits and decoding.
    pub busy: Duration,
    /// The largest state that each worker held, summed.
    pub state_bytes: u64,
}

impl NodeReport {
    /// Rows that the head took.
    pub fn rows_in(&self) -> u64 {
        self.operators.first().map_or(0, |head| head.rows_in)
    }

    /// Rows that left the last operator.
    pub fn rows_out(&self) -> u64 {
        self.operators.last().map_or(0, |last| last.rows_out)
    }
}

impl NodeMetrics {
    /// Counters for a node of so many operators, its head included.
    pub(crate) fn new(operators: usize) -> Self {
        Self {
            operators: (0..operators).map(|_| OperatorMetrics::default()).collect(),
            bytes_out: AtomicU64::default(),
            busy_nanos: AtomicU64::default(),
            ship_nanos: AtomicU64::default(),
            splits: AtomicU64::default(),
            dropped: AtomicU64::default(),
            bytes_read: AtomicU64::default(),
        }
    }

    /// How many operators there are, the head included.
    pub(crate) fn operators(&self) -> usize {
        self.operators.len()
    }

    /// The counters of an operator; those of the head are the first.
    pub(crate) fn operator(&self, level: usize) -> &OperatorMetrics {
        &self.operators[level]
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn worked(&self, time: Duration) {
        self.busy_nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn shipped(&self, time: Duration) {
        self.ship_nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// A split was opened, after which its source has read so many bytes in all.
    pub(crate) fn opened_split(&self, bytes: u64) {
        self.bytes_read.fetch_max(bytes, Ordering::Relaxed);
    }

    /// A split was read, after which its source has dropped so many rows in all.
    pub(crate) fn finished_split(&self, dropped: u64) {
        self.splits.fetch_add(1, Ordering::Relaxed);
        self.dropped.fetch_max(dropped, Ordering::Relaxed);
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        let Self { operators, bytes_out, busy_nanos, ship_nanos, splits, dropped, bytes_read } = self;
        let own = [bytes_out, busy_nanos, ship_nanos, splits, dropped, bytes_read];
        own.into_iter().chain(operators.iter().flat_map(OperatorMetrics::all))
    }

    /// All counters, in an order that every node with as many operators shares.
    pub(crate) fn counters(&self) -> impl Iterator<Item = u64> {
        self.all().map(read)
    }

    /// Sets all counters, in the order of [`counters`](Self::counters); `None` if there are too few numbers.
    pub(crate) fn set(&self, mut next: impl FnMut() -> Option<u64>) -> Option<()> {
        self.all().try_for_each(|counter| {
            counter.store(next()?, Ordering::Relaxed);
            Some(())
        })
    }

    /// Adds what the same node has done in another process.
    pub(crate) fn add(&self, other: &NodeMetrics) {
        self.all().zip(other.counters()).for_each(|(counter, number)| {
            counter.fetch_add(number, Ordering::Relaxed);
        });
    }

    /// `names`: of the operators.
    pub(crate) fn report(&self, names: &[String]) -> NodeReport {
        NodeReport {
            operators: self.operators.iter().zip(names).map(|(metrics, name)| metrics.report(name.clone())).collect(),
            bytes_out: read(&self.bytes_out),
            busy: Duration::from_nanos(read(&self.busy_nanos)),
            shipping: Duration::from_nanos(read(&self.ship_nanos)),
            splits: read(&self.splits),
            dropped: read(&self.dropped),
            bytes_read: read(&self.bytes_read),
        }
    }
}

impl OperatorMetrics {
    pub(crate) fn took(&self, rows: usize) {
        self.rows_in.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches_in.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn gave(&self, rows: usize) {
        self.rows_out.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn worked(&self, time: Duration) {
        self.busy_nanos.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The largest state of a worker has grown by so many bytes.
    pub(crate) fn state_grew(&self, bytes: usize) {
        self.state_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        let Self { rows_in, batches_in, rows_out, batches_out, busy_nanos, state_bytes } = self;
        [rows_in, batches_in, rows_out, batches_out, busy_nanos, state_bytes].into_iter()
    }

    fn report(&self, name: String) -> OperatorReport {
        OperatorReport {
            name,
            rows_in: read(&self.rows_in),
            batches_in: read(&self.batches_in),
            rows_out: read(&self.rows_out),
            batches_out: read(&self.batches_out),
            busy: Duration::from_nanos(read(&self.busy_nanos)),
            state_bytes: read(&self.state_bytes),
        }
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
