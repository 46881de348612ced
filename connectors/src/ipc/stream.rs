//! The messages of a stream, from front to back.

use std::io::Read;
use std::sync::Arc;

use polars_buffer::Buffer;

use super::body::Body;
use super::dictionary::Dictionaries;
use super::error::{Damage, IpcError};
use super::file::IpcFile;
use super::message::{BatchHeader, CONTINUATION, Kind, message_length, read_message};
use crate::store::StreamReader;

pub(super) struct Stream {
    source: Source,
    size: u64,
    position: u64,
    /// Record batches before the position.
    batches: usize,
    dictionaries: Arc<Dictionaries>,
}

/// Where the bytes come from.
pub(super) enum Source {
    Mapped(Buffer<u8>),
    Stored(Box<StreamReader>),
}

/// A record batch of a stream.
pub(super) struct StreamBatch {
    pub(super) index: usize,
    pub(super) header: BatchHeader,
    pub(super) body: Body,
    pub(super) dictionaries: Arc<Dictionaries>,
}

impl Stream {
    /// A stream of so many bytes, before its schema.
    pub(super) fn new(source: Source, size: u64) -> Self {
        Self { source, size, position: 0, batches: 0, dictionaries: Arc::default() }
    }

    /// Bytes before the next message.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The next record batch; `None` at the end.
    pub(super) fn next(&mut self, file: &IpcFile) -> Result<Option<StreamBatch>, IpcError> {
        let index = self.batches;
        self.advance(file).map_err(|source| IpcError::batch(&file.input, index, None, source))
    }

    fn advance(&mut self, file: &IpcFile) -> Result<Option<StreamBatch>, Damage> {
        loop {
            let Some(message) = self.message()? else { return Ok(None) };
            let found = read_message(&message)?;
            let bytes = self.take(found.body)?;
            match found.kind {
                // It was read when the file was opened.
                Kind::Schema(_) if self.batches == 0 => {},
                Kind::Schema(_) => return Err(Damage::OtherMessage("record batch or dictionary")),
                Kind::Batch(header) => {
                    let (index, body) = (self.batches, Body::whole(bytes, header.codec));
                    self.batches += 1;
                    return Ok(Some(StreamBatch { index, header, body, dictionaries: self.dictionaries.clone() }));
                },
                Kind::Dictionary { id, is_delta, values } => {
                    let body = Body::whole(bytes, values.codec);
                    let dictionaries = Arc::make_mut(&mut self.dictionaries);
                    dictionaries.insert(&file.columns, id, is_delta, &values, &body)?;
                },
            }
        }
    }

    /// The next message without its length; `None` at the end, which is a message of no bytes or the end of the file.
    pub(super) fn message(&mut self) -> Result<Option<Buffer<u8>>, Damage> {
        if self.position == self.size {
            return Ok(None);
        }
        let mut length = self.take(4)?;
        if length.as_slice() == CONTINUATION {
            length = self.take(4)?;
        }
        match message_length(&length)? {
            0 => Ok(None),
            length => self.take(length).map(Some),
        }
    }

    fn take(&mut self, length: u64) -> Result<Buffer<u8>, Damage> {
        let end = self.position.checked_add(length).filter(|end| *end <= self.size).ok_or(Damage::Ends)?;
        let start = self.position;
        let bytes = match &mut self.source {
            Source::Mapped(bytes) => {
                let place = |place| usize::try_from(place).ok().filter(|place| *place <= bytes.len());
                match (place(start), place(end)) {
                    (Some(start), Some(end)) => bytes.clone().sliced(start..end),
                    _ => return Err(Damage::Ends),
                }
            },
            Source::Stored(reader) => {
                let mut bytes = Vec::new();
                let length = usize::try_from(length).map_err(|_| Damage::Ends)?;
                bytes.try_reserve_exact(length).map_err(|_| Damage::Ends)?;
                let read = (&mut **reader).take(length as u64).read_to_end(&mut bytes).map_err(Damage::from_io)?;
                if read < length {
                    return Err(Damage::Ends);
                }
                bytes.into()
            },
        };
        self.position = end;
        Ok(bytes)
    }
}
