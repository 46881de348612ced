//! Pages are compressed by one compressor after the other, whose tables and buffers are used again.

use std::sync::Arc;

use parking_lot::Mutex;
use polars_core::error::{PolarsError, PolarsResult};
use polars_parquet::parquet::compression::{Compression, compress};
use polars_parquet::write::CompressionOptions;

/// What the encoders of a format lend each other while they encode: with many open files, one per worker is in use.
#[derive(Clone, Default)]
pub(super) struct Workshops(Arc<Mutex<Vec<Workshop>>>);

impl Workshops {
    /// Does something with a workshop.
    pub(super) fn with<T>(&self, options: CompressionOptions, work: impl FnOnce(&mut Workshop) -> T) -> T {
        let mut workshop = self.0.lock().pop().unwrap_or_else(|| Workshop::new(options));
        let outcome = work(&mut workshop);
        self.0.lock().push(workshop);
        outcome
    }
}

/// Buffers, empty between pages, and a compressor.
pub(super) struct Workshop {
    /// Values of a page as words.
    pub(super) words: Vec<u64>,
    /// Values of a page as numbers in a dictionary.
    pub(super) numbers: Vec<u32>,
    /// A page.
    pub(super) page: Vec<u8>,
    pub(super) compressor: PageCompressor,
}

impl Workshop {
    fn new(options: CompressionOptions) -> Self {
        let compressor = PageCompressor { options, zstd: None, compressed: Vec::new() };
        Self { words: Vec::new(), numbers: Vec::new(), page: Vec::new(), compressor }
    }
}

/// Compresses pages.
pub(super) struct PageCompressor {
    options: CompressionOptions,
    zstd: Option<zstd::bulk::Compressor<'static>>,
    compressed: Vec<u8>,
}

impl PageCompressor {
    /// The codec.
    pub(super) fn codec(&self) -> Compression {
        self.options.into()
    }

    /// A page as it stands in the file.
    pub(super) fn compress(&mut self, page: &[u8]) -> PolarsResult<Vec<u8>> {
        // The specification counts bytes with 32 bits.
        if i32::try_from(page.len()).is_err() {
            let reason = format!("a page of {} bytes is too long for Parquet: split long values", page.len());
            return Err(PolarsError::ComputeError(reason.into()));
        }
        self.compressed.clear();
        match self.options {
            CompressionOptions::Uncompressed => return Ok(page.to_vec()),
            CompressionOptions::Zstd(level) => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(zstd::bulk::Compressor::new(level.unwrap_or_default().compression_level())?),
                };
                self.compressed.reserve(zstd::zstd_safe::compress_bound(page.len()));
                zstd.compress_to_buffer(page, &mut self.compressed)?;
            },
            options => compress(options, page, &mut self.compressed).map_err(PolarsError::from)?,
        }
        // As long as it has to be: it is kept until the row group ends.
        Ok(self.compressed.as_slice().to_vec())
    }
}
