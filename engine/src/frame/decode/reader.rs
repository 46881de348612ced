//! The buffers of a frame, one after the other. No length is believed before it has been compared with the bytes that are there.

use std::marker::PhantomData;

use bytemuck::Pod;
use polars_arrow::array::Array;
use polars_arrow::bitmap::Bitmap;
use polars_buffer::Buffer;
use polars_core::prelude::{ArrayRef, PlSmallStr};
use polars_error::{PolarsError, PolarsResult};

use crate::frame::error::{Damage, FrameError};
use crate::frame::header::{Header, padded};

/// Whether values are checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    On,
    Off,
}

pub(super) struct Reader {
    /// The column that is being read.
    pub column: PlSmallStr,
    pub checks: Checks,
    frame: Buffer<u8>,
    buffers: usize,
    next: usize,
    position: usize,
}

impl Reader {
    pub(super) fn open(frame: Buffer<u8>, checks: Checks) -> Result<(Self, Header), Damage> {
        let header = Header::parse(&frame)?;
        let buffers = header.buffers as usize;
        let table = buffers.checked_mul(size_of::<u64>()).and_then(|table| table.checked_add(Header::SIZE));
        let start = table.and_then(padded).filter(|start| *start <= frame.len());
        let position = start.ok_or(Damage::Bytes { expected: u64::MAX, found: frame.len() as u64 })?;
        Ok((Self { column: PlSmallStr::EMPTY, checks, frame, buffers, next: 0, position }, header))
    }

    /// Nothing may be left over.
    pub(super) fn close(self) -> Result<(), Damage> {
        if self.next != self.buffers {
            return Err(Damage::Buffers { listed: self.buffers, needed: self.next });
        }
        if self.position != self.frame.len() {
            return Err(Damage::Bounds(self.next));
        }
        Ok(())
    }

    /// The next buffer, of whatever length the table gives it.
    pub(super) fn buffer(&mut self) -> Result<Buffer<u8>, FrameError> {
        let entry = Header::SIZE + self.next * size_of::<u64>();
        let length =
            self.frame.get(entry..).and_then(|rest| rest.first_chunk()).map(|bytes| u64::from_le_bytes(*bytes));
        let Some(length) = length.filter(|_| self.next < self.buffers) else {
            return Err(self.damaged(Damage::Buffers { listed: self.buffers, needed: self.next + 1 }));
        };
        let start = self.position;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let next = end.and_then(padded).filter(|next| *next <= self.frame.len());
        let (Some(end), Some(next)) = (end, next) else {
            return Err(self.damaged(Damage::Bounds(self.next)));
        };
        self.next += 1;
        self.position = next;
        Ok(self.frame.clone().sliced(start..end))
    }

    /// The next buffer, which must have `width` bits for each of `count` values.
    fn sized(&mut self, part: &'static str, count: usize, width: usize) -> Result<Buffer<u8>, FrameError> {
        let buffer = self.buffer()?;
        // A count that overflows cannot be met by any buffer.
        let expected = count.checked_mul(width).map_or(usize::MAX, |bits| bits.div_ceil(8));
        if buffer.len() == expected {
            Ok(buffer)
        } else {
            Err(self.damaged(Damage::Length { part, expected, found: buffer.len() }))
        }
    }

    /// The next buffer as `count` values.
    pub(super) fn values<T: Pod + Send>(&mut self, part: &'static str, count: usize) -> Result<Buffer<T>, FrameError> {
        Ok(typed(self.sized(part, count, size_of::<T>() * 8)?))
    }

    /// The next buffer as bits.
    pub(super) fn bits(&mut self, part: &'static str, count: usize) -> Result<Bitmap, FrameError> {
        let bytes = self.sized(part, count, 1)?;
        let offset = bytes.offset() * 8;
        // SAFETY: the bytes are a slice of their storage that starts at `offset` bits and has room for `count` of them, as
        // `sized` has checked. Polars counts the unset bits itself.
        Ok(unsafe { Bitmap::from_inner_unchecked(bytes.into_storage(), offset, count, None) })
    }

    /// The next buffer as a validity, which is empty if there are no nulls.
    pub(super) fn validity(&mut self, count: usize) -> Result<Option<Bitmap>, FrameError> {
        let (next, position) = (self.next, self.position);
        if self.buffer()?.is_empty() {
            return Ok(None);
        }
        (self.next, self.position) = (next, position);
        self.bits("validity", count).map(Some)
    }

    /// Runs a check of values, unless the frame is trusted.
    pub(super) fn check(&self, check: impl FnOnce() -> Result<(), Damage>) -> Result<(), FrameError> {
        match self.checks {
            Checks::On => check().map_err(|damage| self.damaged(damage)),
            Checks::Off => Ok(()),
        }
    }

    pub(super) fn damaged(&self, damage: Damage) -> FrameError {
        FrameError::Column { column: self.column.clone(), damage }
    }

    pub(super) fn built<A: Array>(&self, array: PolarsResult<A>) -> Result<ArrayRef, FrameError> {
        Ok(Box::new(array.map_err(|error| self.refused(error))?))
    }

    pub(super) fn refused(&self, source: PolarsError) -> FrameError {
        FrameError::Build { column: self.column.clone(), source }
    }
}

/// The bytes as values: in place if their address suits the type, else copied.
pub(super) fn typed<T: Pod + Send>(bytes: Buffer<u8>) -> Buffer<T> {
    // Polars' own `try_transmute` looks at the whole storage, not at the slice of it: the slab of the network is one storage.
    if bytemuck::try_cast_slice::<u8, T>(&bytes).is_ok() {
        Buffer::from_owner(InPlace { bytes, values: PhantomData })
    } else {
        Buffer::from(bytemuck::pod_collect_to_vec(&bytes))
    }
}

/// Bytes that are known to be aligned for `T`.
struct InPlace<T> {
    bytes: Buffer<u8>,
    values: PhantomData<T>,
}

impl<T: Pod> AsRef<[T]> for InPlace<T> {
    fn as_ref(&self) -> &[T] {
        bytemuck::try_cast_slice(&self.bytes).unwrap_or_default()
    }
}
