//! The receiving end of an edge.

use std::collections::{HashMap, VecDeque};

use polars_buffer::Buffer;
use polars_core::schema::SchemaRef;
use timely::bytes::arc::Bytes;

use super::parcel::{Parcel, Payload};
use crate::batch::Batch;
use crate::error::{ErrorKind, OperatorError};
use crate::frame;

/// Credit to be returned: (worker that sent, worker that received, bytes).
pub(super) type Credit = (u64, u64, u64);

/// Parcels that have arrived on one input, in order, until the operator takes them.
pub(super) struct Receive {
    schema: SchemaRef,
    worker: usize,
    arrived: VecDeque<Parcel>,
    fragments: HashMap<u32, Vec<u8>>,
    credits: Vec<Credit>,
    /// Progress tracking has proved that nothing can arrive any more.
    closed: bool,
    end_told: bool,
}

impl Receive {
    pub(super) fn new(schema: SchemaRef, worker: usize) -> Self {
        Self {
            schema,
            worker,
            arrived: VecDeque::new(),
            fragments: HashMap::new(),
            credits: Vec::new(),
            closed: false,
            end_told: false,
        }
    }

    pub(super) fn arrive(&mut self, parcel: Parcel) {
        self.arrived.push_back(parcel);
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arrived.is_empty()
    }

    /// Whether the operator must now be told that this input has ended; `true` once.
    pub(super) fn take_end(&mut self) -> bool {
        let due = self.closed && self.arrived.is_empty() && !self.end_told;
        self.end_told |= due;
        due
    }

    /// Credits to send back.
    pub(super) fn take_credits(&mut self) -> impl Iterator<Item = Credit> + '_ {
        self.credits.drain(..)
    }

    /// Throws away what has arrived and returns the credit for it: the operator wants no more input.
    pub(super) fn discard(&mut self) {
        while let Some(parcel) = self.arrived.pop_front() {
            self.owe(&parcel);
        }
        self.fragments.clear();
    }

    /// The next batch. `None` if nothing has arrived, or only a part of a frame.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, OperatorError> {
        while let Some(parcel) = self.arrived.pop_front() {
            self.owe(&parcel);
            let origin = parcel.origin as usize;
            let bytes = match parcel.payload {
                Payload::Frame(frame) => return Ok(Some(Batch::new(frame, origin))),
                Payload::Wire { offset, total, bytes } => match self.reassemble(parcel.origin, offset, total, bytes)? {
                    Some(bytes) => bytes,
                    None => continue,
                },
                Payload::Encoded(_) | Payload::Fragment { .. } => {
                    return Err(OperatorError::message(
                        ErrorKind::Internal,
                        "a parcel for another process was delivered inside its own",
                    ));
                },
            };
            return Ok(Some(Batch::new(frame::decode(bytes, &self.schema)?, origin)));
        }
        Ok(None)
    }

    fn owe(&mut self, parcel: &Parcel) {
        let (origin, credit) = (parcel.origin as u64, parcel.credit);
        match self.credits.iter_mut().find(|owed| owed.0 == origin) {
            Some(owed) => owed.2 += credit,
            None => self.credits.push((origin, self.worker as u64, credit)),
        }
    }

    fn reassemble(
        &mut self,
        origin: u32,
        offset: u64,
        total: u64,
        bytes: Bytes,
    ) -> Result<Option<Buffer<u8>>, OperatorError> {
        if offset == 0 && total == bytes.len() as u64 {
            return Ok(Some(Buffer::from_owner(Slab(bytes))));
        }
        let whole = self.fragments.entry(origin).or_default();
        if whole.len() as u64 != offset {
            let have = whole.len();
            return Err(OperatorError::message(
                ErrorKind::InvalidData,
                format!("fragment at byte {offset} of a frame from worker {origin} follows {have} bytes"),
            ));
        }
        whole.extend_from_slice(&bytes);
        if (whole.len() as u64) < total {
            return Ok(None);
        }
        Ok(self.fragments.remove(&origin).map(Buffer::from))
    }
}

/// A slice of a network slab, kept alive by the columns that look into it.
struct Slab(Bytes);

impl AsRef<[u8]> for Slab {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
