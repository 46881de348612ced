//! The timely container: one batch on its way along an edge.
//!
//! Inside a process the DataFrame itself moves. Between processes the parcel is a raw columnar frame of at most 1 MB,
//! written straight into timely's send slab and read back without a copy; a single row larger than that travels as
//! numbered fragments.

use std::io::Write;

use polars_buffer::Buffer;
use polars_core::frame::DataFrame;
use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message, Stamp};

use crate::frame::FrameEncoder;

/// Header on the wire: six little-endian words.
const HEADER_BYTES: usize = 48;

/// A batch, its address and its price in credit.
pub(super) struct Parcel {
    /// Global index of the worker it goes to.
    pub(super) target: u32,
    /// Global index of the worker that sent it.
    pub(super) origin: u32,
    /// Rows inside, for progress tracking: equal on both sides of the wire and never 0.
    pub(super) rows: u64,
    /// Credit that the receiver returns when it has taken the parcel.
    pub(super) credit: u64,
    pub(super) payload: Payload,
}

pub(super) enum Payload {
    /// Moves by pointer; stays inside the process.
    Frame(DataFrame),
    /// Ready to be written to the wire.
    Encoded(Box<FrameEncoder>),
    /// A part of a frame too large for one message: bytes `offset ..` of `total`.
    Fragment { offset: u64, total: u64, bytes: Buffer<u8> },
    /// A whole frame as it arrived, or the bytes of a fragment.
    Wire { offset: u64, total: u64, bytes: Bytes },
}

impl Default for Parcel {
    fn default() -> Self {
        Self { target: 0, origin: 0, rows: 0, credit: 0, payload: Payload::Frame(DataFrame::empty()) }
    }
}

impl Accountable for Parcel {
    fn record_count(&self) -> i64 {
        self.rows as i64
    }
}

impl Payload {
    fn wire_len(&self) -> usize {
        match self {
            // Only parcels for workers of the same process hold frames, and those are never serialised.
            Payload::Frame(_) => 0,
            Payload::Encoded(encoder) => encoder.len(),
            Payload::Fragment { bytes, .. } => bytes.len(),
            Payload::Wire { bytes, .. } => bytes.len(),
        }
    }
}

impl ContainerBytes for Parcel {
    fn from_bytes(mut bytes: Bytes) -> Self {
        let mut words = [0u64; 6];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut raw = [0; 8];
            raw.copy_from_slice(chunk);
            *word = u64::from_le_bytes(raw);
        }
        let [address, rows, credit, offset, total, len] = words;
        let header = HEADER_BYTES.min(bytes.len());
        bytes.extract_to(header);
        let len = (len as usize).min(bytes.len());
        let bytes = bytes.extract_to(len);
        Parcel {
            target: address as u32,
            origin: (address >> 32) as u32,
            rows,
            credit,
            payload: Payload::Wire { offset, total, bytes },
        }
    }

    fn length_in_bytes(&self) -> usize {
        // A multiple of 8, so that the next message in the slab is aligned as well.
        HEADER_BYTES + self.payload.wire_len().next_multiple_of(8)
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        let len = self.payload.wire_len();
        let (offset, total) = match &self.payload {
            Payload::Frame(_) | Payload::Encoded(_) => (0, len as u64),
            Payload::Fragment { offset, total, .. } | Payload::Wire { offset, total, .. } => (*offset, *total),
        };
        let address = self.target as u64 | (self.origin as u64) << 32;
        let mut write = || -> std::io::Result<()> {
            for word in [address, self.rows, self.credit, offset, total, len as u64] {
                writer.write_all(&word.to_le_bytes())?;
            }
            match &self.payload {
                Payload::Frame(_) => {},
                Payload::Encoded(encoder) => encoder.write_to(writer)?,
                Payload::Fragment { bytes, .. } => writer.write_all(bytes)?,
                Payload::Wire { bytes, .. } => writer.write_all(bytes)?,
            }
            writer.write_all(&[0; 8][..len.next_multiple_of(8) - len])
        };
        // The writer is a slab of exactly `length_in_bytes`: it cannot run out.
        let written = write();
        debug_assert!(written.is_ok(), "a parcel of {len} bytes did not fit its own length: {written:?}");
    }
}

/// Sends each parcel whole to its target. With one worker timely bypasses distributors, so nothing else may happen here.
pub(super) struct RouteWhole;

impl Distributor<Parcel> for RouteWhole {
    fn partition<T: Clone, P: Push<Message<T, Parcel>>>(
        &mut self,
        parcel: &mut Parcel,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let target = parcel.target as usize % pushers.len();
        Message::push_at(parcel, stamp.clone(), &mut pushers[target]);
    }

    fn flush<T: Clone, P: Push<Message<T, Parcel>>>(&mut self, _: &Stamp<T>, _: &mut [P]) {}
}

/// The pact of every edge.
pub(super) fn route_whole() -> DistributorPact<fn(usize) -> RouteWhole> {
    DistributorPact(|_peers| RouteWhole)
}
