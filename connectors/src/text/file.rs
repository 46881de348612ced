//! Files of text, and the ranges that they are cut into.

use std::sync::OnceLock;

use crate::files::{Compression, FilesError, Input, InputFile, side_by_side, threads};

/// Ranges that a table is cut into, if they are neither too small nor too large then: work for all workers of a large
/// machine. Every process must come to the same ranges, so the number does not depend on the machine.
const RANGES: u64 = 64;
/// Bytes of a range at least and at most: the larger, the less is read twice at its ends, and the more memory a worker
/// takes. A row of a hundred bytes makes a batch of usual size of the largest, which is one request to a store with what is
/// read behind it.
const RANGE_BYTES: (u64, u64) = (1 << 20, (8 << 20) - 2 * BEHIND as u64);
/// Bytes that are read behind a range at first, to find the end of its last row.
pub(crate) const BEHIND: usize = 8 * 1024;

/// A part of a file, by its nominal ends.
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// It reaches to the end of the file.
    pub(crate) is_last: bool,
}

/// A file of a table.
pub(crate) struct TextFile {
    pub(crate) input: InputFile,
    /// Bytes of a range.
    range_bytes: u64,
    ranges: usize,
    compression: OnceLock<Compression>,
}

impl TextFile {
    pub(crate) fn new(input: InputFile, range_bytes: u64) -> Result<Self, FilesError> {
        let range_bytes = range_bytes.max(1);
        let ranges = usize::from(input.size() > 0);
        let mut file = Self { input, range_bytes, ranges, compression: OnceLock::new() };
        // A small file has one range, whether it is compressed or not, and is not opened before it is read.
        let ranges = file.length().div_ceil(range_bytes);
        if ranges > 1 && file.comes_in_ranges()? {
            file.ranges = ranges as usize;
        }
        Ok(file)
    }

    /// Bytes of the file, as it lies in its place.
    pub(crate) fn length(&self) -> u64 {
        self.input.size()
    }

    /// Number of ranges.
    pub(crate) fn ranges(&self) -> usize {
        self.ranges
    }

    pub(crate) fn range(&self, index: usize) -> Range {
        let is_last = index + 1 >= self.ranges;
        let start = (index as u64).saturating_mul(self.range_bytes);
        let end = if is_last { self.length() } else { start + self.range_bytes };
        Range { start, end, is_last }
    }

    pub(crate) fn compression(&self) -> Result<Compression, FilesError> {
        if let Some(compression) = self.compression.get() {
            return Ok(*compression);
        }
        let found = Compression::of(&self.input)?;
        Ok(*self.compression.get_or_init(|| found))
    }

    /// Whether it is read in ranges: compressed files, and those of some web servers, come from front to back only.
    pub(crate) fn comes_in_ranges(&self) -> Result<bool, FilesError> {
        Ok(self.compression()? == Compression::None && !self.input.is_streamed())
    }

    /// Opens the file before the byte `offset` of its decompressed bytes.
    pub(crate) fn open(&self, offset: u64) -> Result<Input, FilesError> {
        Input::open(&self.input, self.compression()?, offset)
    }

    /// The bytes that the rows of a range need, in all likelihood, if the file is in a store and can be read by ranges. A file of
    /// one range is read whole.
    pub(crate) fn fetched_bytes(&self, index: usize) -> Option<std::ops::Range<u64>> {
        let is_whole = self.ranges == 1 && self.length() <= self.range_bytes;
        let is_plain = self.compression.get() == Some(&Compression::None) && !self.input.is_streamed();
        if self.input.local_path().is_some() || !(is_whole || is_plain) {
            return None;
        }
        let Range { start, end, is_last } = self.range(index);
        let behind = if is_last { 0 } else { BEHIND as u64 };
        Some(start.saturating_sub(1)..self.length().min(end + behind))
    }
}

impl AsRef<TextFile> for TextFile {
    fn as_ref(&self) -> &TextFile {
        self
    }
}

/// Bytes of a range of files that have so many bytes together.
pub(super) fn range_bytes(bytes: u64) -> u64 {
    let (least, most) = RANGE_BYTES;
    (bytes / RANGES).clamp(least, most)
}

/// The files, in ranges of so many bytes. Only large ones are opened, to see whether they are compressed.
pub(super) fn text_files(files: &[InputFile], range_bytes: u64) -> Result<Vec<TextFile>, FilesError> {
    let large = files.iter().filter(|file| file.size() > range_bytes);
    let (large, are_local) =
        large.fold((0, true), |(files, are_local), file| (files + 1, are_local && file.local_path().is_some()));
    side_by_side(files.len(), threads(large, are_local), |index| match files.get(index) {
        Some(file) => TextFile::new(file.clone(), range_bytes),
        None => Err(FilesError::NoPath),
    })
}
