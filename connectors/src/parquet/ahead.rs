//! Row groups in stores are fetched before they are read.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use polars_core::prelude::PlHashMap;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::WorkerContext;

use super::chunks::{FetchedRowGroup, Need, chunk_range};
use super::error::ParquetError;
use super::pruning::excluded_by;
use super::source::{ParquetSource, RowGroup};
use crate::files::{AHEAD_BYTES, FilesError};

/// The row groups of a scan that are fetched or read.
#[derive(Default)]
pub(super) struct Ahead {
    state: Mutex<State>,
    need: Arc<Need>,
}

#[derive(Default)]
struct State {
    /// By file and index.
    row_groups: PlHashMap<(usize, usize), Fetching>,
    /// Splits before this one have been looked at.
    next: usize,
    /// Splits that were opened.
    opened: usize,
    /// Row groups of which none was opened, and their bytes.
    waiting: usize,
    waiting_bytes: u64,
}

struct Fetching {
    fetched: Arc<FetchedRowGroup>,
    bytes: u64,
    /// Splits of it that were not opened.
    splits: usize,
    is_waiting: bool,
}

impl Ahead {
    /// The row group of a split. Those behind it begin to be fetched: few at first, as a query may want but a few rows, and
    /// one more with every split.
    pub(super) fn open(
        &self,
        source: &ParquetSource,
        split: usize,
        context: &WorkerContext,
    ) -> Result<Arc<FetchedRowGroup>, OperatorError> {
        let mut state = self.state.lock();
        state.opened += 1;
        let limit = context.workers + state.opened;
        while state.next <= split || (state.waiting < limit && state.waiting_bytes < AHEAD_BYTES) {
            let next = state.next;
            let Some(part) = source.parts.get(next) else { break };
            state.next += 1;
            let is_own = next % context.processes == context.process;
            let is_stored = source.table.files.get(part.file).is_some_and(|file| !file.is_local());
            if is_own && is_stored && !state.row_groups.contains_key(&(part.file, part.index)) {
                self.start(&mut state, source, next, part, context)?;
            }
        }
        let Some(part) = source.parts.get(split) else { return Err(source.no_split(split)) };
        let key = (part.file, part.index);
        if !state.row_groups.contains_key(&key) {
            self.start(&mut state, source, split, part, context)?;
        }
        let Some(fetching) = state.row_groups.get_mut(&key) else { return Err(source.no_split(split)) };
        let (fetched, bytes) = (fetching.fetched.clone(), fetching.bytes);
        fetching.splits = fetching.splits.saturating_sub(1);
        let is_last = fetching.splits == 0;
        if std::mem::take(&mut fetching.is_waiting) {
            state.waiting -= 1;
            state.waiting_bytes -= bytes;
        }
        if is_last {
            state.row_groups.remove(&key);
        }
        Ok(fetched)
    }

    fn start(
        &self,
        state: &mut State,
        source: &ParquetSource,
        split: usize,
        part: &RowGroup,
        context: &WorkerContext,
    ) -> Result<(), OperatorError> {
        let file = source.table.file(part.file)?;
        let is_excluded = excluded_by(&source.table, &source.request, part).is_some();
        let ranges = |columns: &[PlSmallStr]| -> Vec<Range<u64>> {
            let leaves = columns.iter().flat_map(|column| file.leaves(part.index, column));
            // A chunk that lies outside of the file is reported when it is read.
            let ranges = leaves.filter(|_| !is_excluded).filter_map(|leaf| chunk_range(&leaf, file.input.size()).ok());
            ranges.collect()
        };
        let (first, others) = source.request.deciding_and_other_columns(&part.conjuncts);
        let (first, others) = (ranges(&first), ranges(&others));
        let bytes = first.iter().chain(&others).map(|range| range.end - range.start).sum();
        let behind = source.parts.iter().enumerate().skip(split);
        let same = behind.take_while(|(_, other)| (other.file, other.index) == (part.file, part.index));
        let splits = same.filter(|(index, _)| index % context.processes == context.process).count();
        let reader = file.input.ranges().map_err(|error| ParquetError::from(FilesError::from(error)))?;
        let fetched = FetchedRowGroup::start(reader, &first, others, self.need.clone());
        let fetched = Arc::new(fetched.map_err(|error| ParquetError::from(FilesError::from(error)))?);
        state.waiting += 1;
        state.waiting_bytes += bytes;
        state.row_groups.insert((part.file, part.index), Fetching { fetched, bytes, splits, is_waiting: true });
        Ok(())
    }
}
