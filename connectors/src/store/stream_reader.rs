//! A file from front to back.

use std::io::{self, Read};

use bytes::{Buf, Bytes};

use super::coalesce::REQUEST;
use super::entry::FileEntry;
use super::error::{StoreError, StoreErrorKind};
use super::range_reader::RangeReader;
use super::whole::WholeStream;

/// Chunks that are fetched ahead: one connection gives 50 to 100 MB/s, a decompressor takes 200 to 400.
const AHEAD: u64 = 4;

/// Bytes of the first chunk, and fetched ahead of it: many a reader wants but the start of a file. Both grow with the place.
const FIRST: u64 = 1 << 20;

/// Reads a file from front to back, by [`next_chunk`](Self::next_chunk) or as [`Read`]. It holds at most five chunks of
/// 8 MiB, and less at the start.
#[derive(Debug)]
pub struct StreamReader {
    reader: RangeReader,
    /// Where the next chunk begins, and where what was announced ends.
    position: u64,
    announced: u64,
    rest: Bytes,
    /// Used in place of ranges where the server knows none.
    whole: Option<WholeStream>,
}

impl StreamReader {
    pub(crate) fn new(reader: RangeReader) -> Self {
        Self { reader, position: 0, announced: 0, rest: Bytes::new(), whole: None }
    }

    /// The file, and the version of it that is read.
    pub fn entry(&self) -> &FileEntry {
        self.reader.entry()
    }

    /// The next bytes; `None` at the end. Blocks until they are there.
    ///
    /// # Errors
    ///
    /// Those of [`RangeReader::take`].
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        if !self.rest.is_empty() {
            return Ok(Some(std::mem::take(&mut self.rest)));
        }
        if let Some(whole) = &mut self.whole {
            return whole.next_part();
        }
        let size = self.reader.size();
        let chunk = |start: u64| start..size.min(start + start.clamp(FIRST, REQUEST));
        let ahead = self.position.clamp(FIRST, AHEAD * REQUEST);
        while self.announced < size && self.announced <= self.position + ahead {
            self.reader.announce(&[chunk(self.announced)])?;
            self.announced = chunk(self.announced).end;
        }
        let next = chunk(self.position);
        if next.is_empty() {
            return Ok(None);
        }
        let bytes = match (self.reader.take(next.clone()), self.reader.remote_file()) {
            (Err(error), Some(file)) if error.kind() == StoreErrorKind::Unsupported && self.position == 0 => {
                self.reader.forget();
                return self.whole.insert(WholeStream::start(file)?).next_part();
            },
            (bytes, _) => bytes?,
        };
        self.position = next.end;
        Ok(Some(bytes))
    }
}

impl Read for StreamReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.next_chunk()? {
                Some(chunk) => self.rest = chunk,
                None => return Ok(0),
            }
        }
        let length = target.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut target[..length]);
        Ok(length)
    }
}
