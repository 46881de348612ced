//! Bytes of a file, wherever it is.

use std::ops::Range;
use std::time::Duration;

use polars_buffer::Buffer;

use super::error::Damage;
use crate::files::PATIENCE;
use crate::store::RangeReader;

/// How a reader gets at the bytes of a file.
pub(super) enum Access {
    /// Bytes that are there, from a place of the file on: all of a local file, some of one in a store.
    Held { start: u64, bytes: Buffer<u8> },
    /// Bytes that are on their way.
    Coming { reader: Box<RangeReader>, range: Range<u64> },
    /// Ranges are fetched as they are needed.
    Ranges(Box<RangeReader>),
}

impl Access {
    /// Names ranges that will be taken. Those outside of the file are found when they are.
    pub(super) fn announce(&mut self, ranges: &[Range<u64>]) -> Result<(), Damage> {
        match self {
            Self::Ranges(reader) => {
                let size = reader.size();
                let inside = ranges.iter().filter(|range| range.end <= size && !range.is_empty());
                Ok(reader.announce(&inside.cloned().collect::<Vec<_>>())?)
            },
            Self::Held { .. } | Self::Coming { .. } => Ok(()),
        }
    }

    /// A range of the file; `None` if it does not arrive within some milliseconds.
    pub(super) fn try_take(&mut self, range: &Range<u64>) -> Result<Option<Buffer<u8>>, Damage> {
        self.take_within(range, PATIENCE)
    }

    /// A range of the file, as soon as it is there.
    pub(super) fn take(&mut self, range: &Range<u64>) -> Result<Buffer<u8>, Damage> {
        loop {
            if let Some(bytes) = self.take_within(range, Duration::from_secs(60))? {
                return Ok(bytes);
            }
        }
    }

    fn take_within(&mut self, range: &Range<u64>, limit: Duration) -> Result<Option<Buffer<u8>>, Damage> {
        let outside = || Damage::Outside { what: "a message or its body" };
        if let Self::Coming { reader, range } = self {
            match reader.try_take(range.clone(), limit)? {
                Some(bytes) => *self = Self::Held { start: range.start, bytes: Buffer::from_owner(bytes) },
                None => return Ok(None),
            }
        }
        match self {
            Self::Held { start, bytes } => {
                let place = |place: u64| usize::try_from(place.checked_sub(*start)?).ok();
                match (place(range.start), place(range.end)) {
                    (Some(first), Some(last)) if first <= last && last <= bytes.len() => {
                        Ok(Some(bytes.clone().sliced(first..last)))
                    },
                    _ => Err(outside()),
                }
            },
            Self::Ranges(reader) if range.start <= range.end && range.end <= reader.size() => {
                Ok(reader.try_take(range.clone(), limit)?.map(Buffer::from_owner))
            },
            Self::Ranges(_) | Self::Coming { .. } => Err(outside()),
        }
    }
}
