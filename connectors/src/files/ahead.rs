//! Ranges of files in stores are fetched before they are read.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use polars_core::prelude::PlHashMap;
use quokka_engine::operator::WorkerContext;

use super::error::FilesError;
use super::input_file::InputFile;
use crate::store::RangeReader;

/// Bytes that a scan fetches ahead of what is read: sixteen requests of full size at once, which is half of what a process may
/// fetch ahead, so that two scans can run side by side.
pub(crate) const AHEAD_BYTES: u64 = 128 << 20;

/// How long a worker waits for bytes before it looks whether it has other work.
pub(crate) const PATIENCE: Duration = Duration::from_millis(5);

/// The ranges of a scan that are fetched, by the splits that read them.
#[derive(Default)]
pub(crate) struct Ahead(Mutex<State>);

#[derive(Default)]
struct State {
    fetching: PlHashMap<usize, Fetching>,
    /// Splits before this one have been looked at.
    next: usize,
    /// Splits that were opened.
    opened: usize,
    /// Bytes of `fetching`.
    bytes: u64,
}

/// A range of a file that is on its way.
pub(crate) struct Fetching {
    reader: RangeReader,
    range: Range<u64>,
}

/// A range of a file that is there, and the means to read on.
pub(crate) struct Fetched {
    pub(super) reader: RangeReader,
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

impl Ahead {
    /// The range of a split, if `range` tells one. Those of the splits behind it begin to be fetched: few at first, as a query
    /// may want but a few rows, and one more with every split.
    ///
    /// # Errors
    /// A split whose file belongs to another store than it was opened in.
    pub(crate) fn open<'a>(
        &self,
        split: usize,
        splits: usize,
        context: &WorkerContext,
        range: impl Fn(usize) -> Option<(&'a InputFile, Range<u64>)>,
    ) -> Result<Option<Fetching>, FilesError> {
        let mut state = self.0.lock();
        state.opened += 1;
        let limit = context.workers + state.opened;
        while state.next < splits
            && (state.next <= split || (state.fetching.len() < limit && state.bytes < AHEAD_BYTES))
        {
            let next = state.next;
            state.next += 1;
            if next % context.processes == context.process
                && let Some((file, range)) = range(next)
            {
                state.bytes += range.end - range.start;
                state.fetching.insert(next, Fetching::start(file, range)?);
            }
        }
        if let Some(fetching) = state.fetching.remove(&split) {
            state.bytes -= fetching.range.end - fetching.range.start;
            return Ok(Some(fetching));
        }
        range(split).map(|(file, range)| Fetching::start(file, range)).transpose()
    }
}

impl Fetching {
    fn start(file: &InputFile, range: Range<u64>) -> Result<Self, FilesError> {
        let mut reader = file.ranges()?;
        reader.announce(std::slice::from_ref(&range))?;
        Ok(Self { reader, range })
    }

    /// The range; `None` if it does not arrive within some milliseconds.
    ///
    /// # Errors
    /// The range cannot be read.
    pub(crate) fn wait(&mut self) -> Result<Option<Bytes>, FilesError> {
        Ok(self.reader.try_take(self.range.clone(), PATIENCE)?)
    }

    /// What is known when the range is there.
    pub(crate) fn arrived(self, bytes: Bytes) -> Fetched {
        Fetched { reader: self.reader, start: self.range.start, bytes }
    }
}

impl Fetched {
    /// The bytes.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}
