//! The data pages of a column chunk, one after the other; a page is decompressed when it is opened.

use std::ops::Range;

use polars_arrow::bitmap::Bitmap;
use polars_buffer::Buffer;
use polars_parquet::parquet::compression::{Compression, DecompressionContext, decompress};

use super::levels::validity;
use super::{snappy, zstandard};
use crate::parquet::error::Damage;
use crate::parquet::guard::guarded;
use crate::parquet::pages::{PageHeader, page_header};
use crate::parquet::thrift::Cursor;

/// A page that has been decompressed.
pub(super) struct Page {
    pub(super) bytes: Buffer<u8>,
    /// Where the values start.
    pub(super) start: usize,
    pub(super) encoding: i64,
    /// Rows that are not null; `None` if none is.
    pub(super) validity: Option<Bitmap>,
}

/// A place between the pages of a column chunk.
pub(super) struct Pages {
    chunk: Buffer<u8>,
    /// The byte behind the last page that was taken.
    at: usize,
    compression: Compression,
    context: DecompressionContext,
    /// Null is possible: pages have definition levels.
    is_optional: bool,
    /// The next data page, if its header has been read.
    next: Option<(PageHeader, Range<usize>)>,
    /// Bytes of a page that are decompressed at most.
    limit: usize,
    /// The memory of a page that nobody needs any more.
    spare: Vec<u8>,
}

impl Pages {
    pub(super) fn new(chunk: Buffer<u8>, compression: Compression, is_optional: bool) -> Self {
        Self {
            chunk,
            at: 0,
            compression,
            context: DecompressionContext::Unset,
            is_optional,
            next: None,
            limit: usize::MAX,
            spare: Vec::new(),
        }
    }

    /// Decompresses only the first `limit` bytes of pages and dictionaries, where that is possible.
    pub(super) fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limit < usize::MAX
    }

    /// The dictionary, if the chunk starts with one, and the number of its values.
    pub(super) fn dictionary(&mut self) -> Result<Option<(Buffer<u8>, usize)>, Damage> {
        let (header, range) = self.read_header()?;
        if header.kind != 2 {
            if header.kind != 1 {
                self.next = Some((header, range));
            }
            return Ok(None);
        }
        let bytes = self.decompress(range, header.uncompressed as usize, false)?;
        Ok(Some((bytes, header.values as usize)))
    }

    /// Rows of the next data page.
    pub(super) fn rows(&mut self) -> Result<usize, Damage> {
        loop {
            match &self.next {
                Some((header, _)) => return Ok(header.values as usize),
                None => {
                    let (header, range) = self.read_header()?;
                    match header.kind {
                        0 | 3 => self.next = Some((header, range)),
                        1 => {},
                        2 => return Err(Damage::Page("a dictionary behind other pages")),
                        _ => return Err(Damage::Page("an unknown kind")),
                    }
                },
            }
        }
    }

    /// Steps over the next data page.
    pub(super) fn skip(&mut self) {
        self.next = None;
    }

    /// Decompresses the next data page.
    pub(super) fn open(&mut self) -> Result<Page, Damage> {
        let rows = self.rows()?;
        let Some((header, range)) = self.next.take() else { return Err(Damage::Ends) };
        let (bytes, start, validity) = match header.kind {
            0 => self.open_v1(&header, range, rows)?,
            _ => self.open_v2(&header, range, rows)?,
        };
        Ok(Page { bytes, start, encoding: header.encoding, validity })
    }

    /// Levels, behind their length, and values are compressed together.
    fn open_v1(
        &mut self,
        header: &PageHeader,
        range: Range<usize>,
        rows: usize,
    ) -> Result<(Buffer<u8>, usize, Option<Bitmap>), Damage> {
        let bytes = self.decompress(range, header.uncompressed as usize, false)?;
        if !self.is_optional {
            return Ok((bytes, 0, None));
        }
        let length = u32::from_le_bytes(*bytes.first_chunk().ok_or(Damage::Ends)?) as usize;
        let start = length.checked_add(4).filter(|start| *start <= bytes.len()).ok_or(Damage::Ends)?;
        let validity = validity(bytes.clone().sliced(..start), 4, rows)?;
        Ok((bytes, start, validity))
    }

    /// Levels are never compressed, values may be.
    fn open_v2(
        &mut self,
        header: &PageHeader,
        range: Range<usize>,
        rows: usize,
    ) -> Result<(Buffer<u8>, usize, Option<Bitmap>), Damage> {
        let levels = header.definition_bytes.checked_add(header.repetition_bytes).ok_or(Damage::Ends)?;
        if levels > range.len() as u64 || levels > header.uncompressed {
            return Err(Damage::Ends);
        }
        let start = range.start + header.repetition_bytes as usize;
        let levels = levels as usize;
        let validity = match self.is_optional {
            true => validity(self.chunk.clone().sliced(start..range.start + levels), 0, rows)?,
            false => None,
        };
        let values = range.start + levels..range.end;
        let bytes = self.decompress(values, header.uncompressed as usize - levels, header.is_stored)?;
        Ok((bytes, 0, validity))
    }

    /// Takes the memory of a page back.
    pub(super) fn recycle(&mut self, bytes: Buffer<u8>) {
        if let Some(spare) = bytes.into_mut().right() {
            self.spare = spare;
        }
    }

    fn read_header(&mut self) -> Result<(PageHeader, Range<usize>), Damage> {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let mut cursor = Cursor::new(rest);
        let header = page_header(&mut cursor)?;
        let start = self.at + (rest.len() - cursor.remaining());
        cursor.skip(header.compressed)?;
        let end = start + header.compressed as usize;
        self.at = end;
        Ok((header, start..end))
    }

    /// The `size` bytes that the bytes of the chunk at `range` stand for.
    fn decompress(&mut self, range: Range<usize>, size: usize, is_stored: bool) -> Result<Buffer<u8>, Damage> {
        if is_stored || self.compression == Compression::Uncompressed {
            if range.len() != size {
                let what = "bytes of a page that is not compressed";
                return Err(Damage::Count { what, expected: size as u64, found: range.len() as u64 });
            }
            // Copied, as the bytes of a mapped file may change after they were checked, and go before what points at them.
            let mut bytes = std::mem::take(&mut self.spare);
            bytes.clear();
            let stored = self.chunk.get(range).ok_or(Damage::Ends)?;
            bytes.extend_from_slice(&stored[..size.min(self.limit)]);
            return Ok(Buffer::from(bytes));
        }
        if size == 0 {
            return Ok(Buffer::new());
        }
        let compressed = self.chunk.get(range).ok_or(Damage::Ends)?;
        let mut bytes = std::mem::take(&mut self.spare);
        match self.compression {
            Compression::Snappy => snappy::decompress(compressed, size, self.limit, &mut bytes)?,
            Compression::Zstd => zstandard::decompress(compressed, size, self.limit, &mut bytes)?,
            compression => {
                bytes.clear();
                bytes.resize(size, 0);
                let context = &mut self.context;
                guarded(|| Ok(decompress(compression, compressed, &mut bytes, context)?))?;
            },
        }
        Ok(Buffer::from(bytes))
    }
}
