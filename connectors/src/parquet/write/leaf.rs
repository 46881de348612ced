//! Pages of one leaf, from values to what is written.

use polars_arrow::array::Array;
use polars_core::error::PolarsResult;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::page::{DataPageHeader, DataPageHeaderV1};
use polars_parquet::parquet::statistics::ParquetStatistics;
use polars_parquet::write::{CompressedDataPage, CompressedPage, Encoding};

use super::compress::Workshop;
use super::hybrid::{width_of, write_hybrid};
use super::values::write_levels;

/// Pages of the values that lie in one place of a file.
pub(super) struct Leaf {
    pub(super) descriptor: Descriptor,
    pages: Vec<EncodedPage>,
    /// Values that are not null, of flat columns.
    pub(super) values: usize,
}

struct EncodedPage {
    encoding: Encoding,
    bytes: Vec<u8>,
    uncompressed: usize,
    rows: usize,
}

impl Leaf {
    pub(super) fn new(descriptor: Descriptor) -> Self {
        Self { descriptor, pages: Vec::new(), values: 0 }
    }

    /// Bytes of the pages, as they are kept.
    pub(super) fn held_bytes(&self) -> usize {
        self.pages.iter().map(|page| page.bytes.len()).sum()
    }

    /// Bytes of the pages before they were compressed.
    pub(super) fn uncompressed_bytes(&self) -> usize {
        self.pages.iter().map(|page| page.uncompressed).sum()
    }

    /// The pages so far, with the statistics of their chunk; the next belong to another.
    pub(super) fn take_pages(
        &mut self,
        statistics: ParquetStatistics,
        codec: Compression,
    ) -> impl Iterator<Item = CompressedPage> {
        self.values = 0;
        let (mut statistics, descriptor) = (Some(statistics), &self.descriptor);
        self.pages.drain(..).map(move |page| {
            let EncodedPage { encoding, bytes, uncompressed, rows } = page;
            let header = DataPageHeader::V1(DataPageHeaderV1 {
                num_values: rows as i32,
                encoding: encoding.into(),
                definition_level_encoding: Encoding::Rle.into(),
                repetition_level_encoding: Encoding::Rle.into(),
                // The writer takes those of the chunk from its first page.
                statistics: statistics.take(),
            });
            let (bytes, descriptor) = (CowBuffer::Owned(bytes), descriptor.clone());
            CompressedPage::Data(CompressedDataPage::new(header, bytes, codec, uncompressed, descriptor, rows))
        })
    }

    /// Compresses and keeps a page.
    pub(super) fn push(&mut self, encoding: Encoding, rows: usize, workshop: &mut Workshop) -> PolarsResult<()> {
        let (bytes, uncompressed) = (workshop.compressor.compress(&workshop.page)?, workshop.page.len());
        self.pages.push(EncodedPage { encoding, bytes, uncompressed, rows });
        Ok(())
    }

    /// Appends the levels of all rows to an empty page.
    pub(super) fn start_page(&self, array: &dyn Array, page: &mut Vec<u8>) {
        page.clear();
        if self.descriptor.max_def_level > 0 {
            write_levels(array.validity(), array.len(), page);
        }
    }

    /// Makes a page of numbers in a dictionary of so many values.
    pub(super) fn push_numbers(
        &mut self,
        array: &dyn Array,
        values: usize,
        workshop: &mut Workshop,
    ) -> PolarsResult<()> {
        self.start_page(array, &mut workshop.page);
        let width = width_of(values.saturating_sub(1) as u32);
        workshop.page.push(width as u8);
        write_hybrid(&workshop.numbers, width, &mut workshop.page);
        self.push(Encoding::RleDictionary, array.len(), workshop)
    }
}
