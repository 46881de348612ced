//! Where the bytes of column chunks come from: a mapped file, or requests to a store.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use polars_buffer::Buffer;

use super::error::Damage;
use super::packed_footer::ColumnChunk;
use crate::files::PATIENCE;
use crate::store::{RangeReader, StoreError};

/// The bytes of the column chunks of a row group.
#[derive(Clone)]
pub(super) enum Chunks {
    /// All of a file.
    Mapped(Buffer<u8>),
    Fetched(Arc<FetchedRowGroup>),
}

impl Chunks {
    /// The bytes of a column chunk, as far as the footer is right about where they are. Waits for them, if they are fetched.
    pub(super) fn bytes(&self, leaf: &ColumnChunk<'_>) -> Result<Buffer<u8>, Damage> {
        match self {
            Self::Mapped(bytes) => {
                let range = chunk_range(leaf, bytes.len() as u64)?;
                Ok(bytes.clone().sliced(range.start as usize..range.end as usize))
            },
            Self::Fetched(fetched) => Ok(fetched.chunk(chunk_range(leaf, fetched.file_bytes)?)?),
        }
    }

    /// Whether what was asked for ahead is there. Waits some milliseconds for it.
    pub(super) fn are_ready(&self) -> Result<bool, StoreError> {
        match self {
            Self::Mapped(_) => Ok(true),
            Self::Fetched(fetched) => fetched.is_ready(),
        }
    }

    /// Whether bytes cost nothing that may turn out not to be needed.
    pub(super) fn are_at_hand(&self) -> bool {
        matches!(self, Self::Mapped(_))
    }
}

/// The place of a column chunk, held against the length of the file.
pub(super) fn chunk_range(leaf: &ColumnChunk<'_>, file: u64) -> Result<Range<u64>, Damage> {
    let data = leaf.data_page_offset;
    // Some writers leave 0 where there is no dictionary.
    let start = leaf.dictionary_page_offset.filter(|start| *start > 0 && *start < data).unwrap_or(data);
    let length = leaf.compressed_size;
    let range = match (u64::try_from(start), u64::try_from(length)) {
        (Ok(start), Ok(length)) => start.checked_add(length).map(|end| start..end),
        _ => None,
    };
    let outside = Damage::ByteRange { start, length, file: file as usize };
    range.filter(|range| range.end <= file).ok_or(outside)
}

/// How often the columns were needed that do not decide which rows pass.
#[derive(Default)]
pub(super) struct Need {
    needed: AtomicUsize,
    in_vain: AtomicUsize,
}

impl Need {
    /// Most often some row passes: then waiting for the first of them would cost more than what is read in vain.
    pub(super) fn is_likely(&self) -> bool {
        self.in_vain.load(Ordering::Relaxed) <= self.needed.load(Ordering::Relaxed) + 1
    }

    fn record(&self, is_needed: bool) {
        let counter = if is_needed { &self.needed } else { &self.in_vain };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The chunks of a row group in a store that a query reads. They are fetched once for all of its parts, and kept until the
/// last of these was read.
pub(super) struct FetchedRowGroup {
    file_bytes: u64,
    state: Mutex<State>,
    need: Arc<Need>,
}

struct State {
    reader: RangeReader,
    /// What was announced and is not taken.
    announced: Vec<Range<u64>>,
    taken: Vec<(Range<u64>, Buffer<u8>)>,
    /// Chunks of columns that do not decide which rows pass.
    others: Vec<Range<u64>>,
    are_others_announced: bool,
    /// Whether one of them was taken.
    are_others_needed: bool,
    is_used: bool,
}

impl FetchedRowGroup {
    /// Starts to fetch `first`, chunks of columns that decide which rows pass, and `others`, if they are likely to be needed.
    pub(super) fn start(
        mut reader: RangeReader,
        first: &[Range<u64>],
        others: Vec<Range<u64>>,
        need: Arc<Need>,
    ) -> Result<Self, StoreError> {
        let are_others_announced = first.is_empty() || need.is_likely();
        let now = if are_others_announced { others.as_slice() } else { &[] };
        let mut announced = [first, now].concat();
        reader.announce(&announced)?;
        // Taken from the end.
        announced.reverse();
        let file_bytes = reader.size();
        let (taken, are_others_needed, is_used) = (Vec::new(), false, false);
        let state = State { reader, announced, taken, others, are_others_announced, are_others_needed, is_used };
        Ok(Self { file_bytes, state: Mutex::new(state), need })
    }

    fn is_ready(&self) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        while let Some(range) = state.announced.last().cloned() {
            let Some(bytes) = state.reader.try_take(range.clone(), PATIENCE)? else { return Ok(false) };
            state.announced.pop();
            state.taken.push((range, Buffer::from_owner(bytes)));
        }
        Ok(true)
    }

    /// The bytes of a chunk, as soon as they are there.
    fn chunk(&self, range: Range<u64>) -> Result<Buffer<u8>, StoreError> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.is_used = true;
        state.are_others_needed |= state.others.contains(&range);
        if let Some((_, bytes)) = state.taken.iter().find(|(taken, _)| *taken == range) {
            return Ok(bytes.clone());
        }
        if state.others.contains(&range) && !std::mem::replace(&mut state.are_others_announced, true) {
            state.reader.announce(&state.others)?;
        }
        let bytes = Buffer::from_owner(state.reader.take(range.clone())?);
        state.taken.push((range, bytes.clone()));
        Ok(bytes)
    }
}

impl Drop for FetchedRowGroup {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if state.is_used {
            self.need.record(state.are_others_needed);
        }
    }
}
