//! What splits of files in stores need first is asked for before they are opened.

use parking_lot::Mutex;
use polars_core::prelude::PlHashMap;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::WorkerContext;

use super::access::Access;
use super::error::IpcError;
use super::scan::Table;
use super::source::Piece;
use crate::files::AHEAD_BYTES;

/// Splits of a scan of which something is on its way.
#[derive(Default)]
pub(super) struct Ahead(Mutex<State>);

#[derive(Default)]
struct State {
    /// With the bytes that were asked for.
    coming: PlHashMap<usize, (Access, u64)>,
    bytes: u64,
    /// Splits before this one have been looked at.
    next: usize,
    /// Splits that were opened.
    opened: usize,
}

impl Ahead {
    /// The bytes of a split. Those of the splits behind it begin to be fetched: few at first, as a query may want but a few
    /// rows, and one more with every split.
    pub(super) fn open(
        &self,
        table: &Table,
        pieces: &[Piece],
        split: usize,
        context: &WorkerContext,
    ) -> Result<Access, OperatorError> {
        let mut state = self.0.lock();
        state.opened += 1;
        let limit = context.workers + state.opened;
        while state.next <= split || (state.coming.len() < limit && state.bytes < AHEAD_BYTES) {
            let next = state.next;
            let Some(piece) = pieces.get(next) else { break };
            state.next += 1;
            let is_stored = table.file(piece.file)?.mapped.is_none();
            if is_stored && next % context.processes == context.process {
                let (access, bytes) = start(table, piece)?;
                state.bytes += bytes;
                state.coming.insert(next, (access, bytes));
            }
        }
        if let Some((access, bytes)) = state.coming.remove(&split) {
            state.bytes -= bytes;
            return Ok(access);
        }
        match pieces.get(split) {
            Some(piece) => Ok(start(table, piece)?.0),
            None => Ok(Access::Held { start: 0, bytes: Default::default() }),
        }
    }
}

/// Asks for the first bytes of a piece: all of small record batches, the message of a large one, of which it says where the
/// columns are that are needed.
fn start(table: &Table, piece: &Piece) -> Result<(Access, u64), OperatorError> {
    let file = table.file(piece.file)?;
    let access = file.access()?;
    let blocks = piece.batches.clone().and_then(|batches| file.batches().get(batches)).unwrap_or_default();
    let (Access::Ranges(mut reader), Some(first), Some(last)) = (access, blocks.first(), blocks.last()) else {
        return Ok((file.access()?, 0));
    };
    let (range, is_whole) = match blocks.len() {
        1 => (first.message.clone(), false),
        _ => (first.message.start..last.body.end.max(first.message.start), true),
    };
    let bytes = range.end - range.start;
    // What lies outside of the file is found when it is read.
    if range.end <= reader.size() {
        let announced = reader.announce(std::slice::from_ref(&range));
        announced.map_err(|error| IpcError::footer(&file.input, error.into()))?;
        if is_whole {
            return Ok((Access::Coming { reader, range }, bytes));
        }
    }
    Ok((Access::Ranges(reader), bytes))
}
