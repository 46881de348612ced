//! The data pages of a column chunk, one after the other; a page is decompressed when it is opened.

use std::ops::Range;

use polars_arrow::bitmap::Bitmap;
use polars_buffer::Buffer;
use polars_parquet::parquet::compression::{Compression, DecompressionContext, decompress};

use super::levels::validity;
use super::snappy::Compressed;
use super::zstandard;
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

/// Pages of which compression saves fewer bytes than this are not worth to be decompressed beside others: they have few
/// elements. Tests have small pages.
const LEAST_SAVED: usize = if cfg!(test) { 1 } else { 4 * 1024 };

/// The part of a page that may be compressed.
struct Values {
    /// Its place in the chunk.
    range: Range<usize>,
    /// Bytes that it stands for.
    size: usize,
    is_stored: bool,
}

/// The part of the page at `range` that may be compressed: levels of version 2 never are.
fn values(header: &PageHeader, range: &Range<usize>) -> Result<Values, Damage> {
    let levels = match header.kind {
        3 => header.definition_bytes.checked_add(header.repetition_bytes).ok_or(Damage::Ends)?,
        _ => 0,
    };
    if levels > range.len() as u64 || levels > header.uncompressed {
        return Err(Damage::Ends);
    }
    let levels = levels as usize;
    let size = header.uncompressed as usize - levels;
    Ok(Values { range: range.start + levels..range.end, size, is_stored: header.kind == 3 && header.is_stored })
}

/// The place of a page, and what it was decompressed to.
type Ahead = (Range<usize>, Result<Vec<u8>, Damage>);

/// A place between the pages of a column chunk.
pub(super) struct Pages {
    chunk: Buffer<u8>,
    /// The byte behind the last page that was taken.
    at: usize,
    compression: Compression,
    context: DecompressionContext,
    /// Null is possible: pages have definition levels.
    is_optional: bool,
    /// The dictionary, if it has been found but not taken.
    dictionary: Option<(PageHeader, Range<usize>)>,
    /// The next data page, if its header has been read.
    next: Option<(PageHeader, Range<usize>)>,
    /// The data page behind it, if its header has been read.
    following: Option<(PageHeader, Range<usize>)>,
    /// What was decompressed before it is opened, by its place in the chunk.
    ahead: Vec<Ahead>,
    /// Something was decompressed ahead that nobody wanted then.
    is_in_vain: bool,
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
            dictionary: None,
            next: None,
            following: None,
            ahead: Vec::new(),
            is_in_vain: false,
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

    /// Finds the dictionary, if the chunk starts with one.
    pub(super) fn start(&mut self) -> Result<(), Damage> {
        if self.at == 0 {
            let (header, range) = self.read_header()?;
            match header.kind {
                2 => self.dictionary = Some((header, range)),
                1 => {},
                _ => self.next = Some((header, range)),
            }
        }
        Ok(())
    }

    /// The dictionary and the number of its values, if the chunk has one and it was not taken yet.
    pub(super) fn dictionary(&mut self) -> Result<Option<(Buffer<u8>, usize)>, Damage> {
        self.start()?;
        let Some((header, range)) = self.dictionary.take() else { return Ok(None) };
        let bytes = self.decompress(range, header.uncompressed as usize, false)?;
        Ok(Some((bytes, header.values as usize)))
    }

    /// Rows of the next data page.
    pub(super) fn rows(&mut self) -> Result<usize, Damage> {
        let next = match self.next.take().or_else(|| self.following.take()) {
            Some(next) => next,
            None => self.read_data_header()?,
        };
        Ok(self.next.insert(next).0.values as usize)
    }

    /// Rows of the data page behind the next one, which there must be.
    pub(super) fn following_rows(&mut self) -> Result<usize, Damage> {
        self.rows()?;
        let following = match self.following.take() {
            Some(following) => following,
            None => self.read_data_header()?,
        };
        Ok(self.following.insert(following).0.values as usize)
    }

    /// Steps over the next data page.
    pub(super) fn skip(&mut self) {
        let Some((_, page)) = self.next.take() else { return };
        let is_of_page = |(range, _): &mut (Range<usize>, _)| page.start <= range.start && range.end <= page.end;
        for (_, bytes) in self.ahead.extract_if(.., is_of_page) {
            self.is_in_vain = true;
            self.spare = bytes.unwrap_or_default();
        }
    }

    /// Those of the dictionary and the next data page, as far as they are known and not open, for which it is worth while to
    /// be decompressed beside others, with their places in the chunk.
    pub(super) fn compressed(&mut self) -> Vec<(Range<usize>, Compressed)> {
        [self.dictionary.clone(), self.next.clone()]
            .into_iter()
            .flatten()
            .filter_map(|page| self.start_page(page))
            .collect()
    }

    /// The same for the data page behind the next one.
    pub(super) fn following_compressed(&mut self) -> Option<(Range<usize>, Compressed)> {
        let page = self.following.clone()?;
        self.start_page(page)
    }

    fn start_page(&mut self, (header, page): (PageHeader, Range<usize>)) -> Option<(Range<usize>, Compressed)> {
        // What is damaged is found when it is opened.
        let Values { range, size, is_stored } = values(&header, &page).ok()?;
        let is_ahead = self.ahead.iter().any(|(other, _)| *other == range);
        let is_compressed = self.compression == Compression::Snappy && !is_stored && size >= range.len() + LEAST_SAVED;
        if !is_compressed || is_ahead || self.is_limited() {
            return None;
        }
        let bytes = self.chunk.clone().sliced(range.clone());
        let page = Compressed::new(bytes, size, usize::MAX, std::mem::take(&mut self.spare)).ok()?;
        Some((range, page))
    }

    /// Takes one of these, decompressed.
    pub(super) fn put_ahead(&mut self, range: Range<usize>, bytes: Result<Vec<u8>, Damage>) {
        self.ahead.push((range, bytes));
    }

    /// Something that was decompressed ahead since the last call was not wanted, or not yet.
    pub(super) fn was_in_vain(&mut self) -> bool {
        std::mem::take(&mut self.is_in_vain) || !self.ahead.is_empty()
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
        let Values { range: stored, size, is_stored } = values(header, &range)?;
        let validity = match self.is_optional {
            true => {
                let start = range.start + header.repetition_bytes as usize;
                validity(self.chunk.clone().sliced(start..stored.start), 0, rows)?
            },
            false => None,
        };
        Ok((self.decompress(stored, size, is_stored)?, 0, validity))
    }

    /// Takes the memory of a page back, unless the next one has its own.
    pub(super) fn recycle(&mut self, bytes: Buffer<u8>) {
        if let Some(spare) = bytes.into_mut().right().filter(|_| self.ahead.is_empty()) {
            self.spare = spare;
        }
    }

    fn read_data_header(&mut self) -> Result<(PageHeader, Range<usize>), Damage> {
        loop {
            let (header, range) = self.read_header()?;
            match header.kind {
                0 | 3 => return Ok((header, range)),
                1 => {},
                2 => return Err(Damage::Page("a dictionary behind other pages")),
                _ => return Err(Damage::Page("an unknown kind")),
            }
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
        if let Some(index) = self.ahead.iter().position(|(other, _)| *other == range) {
            return self.ahead.swap_remove(index).1.map(Buffer::from);
        }
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
        let compressed = self.chunk.get(range.clone()).ok_or(Damage::Ends)?;
        let mut bytes = std::mem::take(&mut self.spare);
        match self.compression {
            Compression::Snappy => {
                let page = Compressed::new(self.chunk.clone().sliced(range), size, self.limit, bytes)?;
                bytes = page.finish()?;
            },
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
