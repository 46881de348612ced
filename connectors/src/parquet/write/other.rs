//! Columns that Polars encodes, when their row group ends: lists, structs, long decimals.

use polars_core::error::PolarsResult;
use polars_core::prelude::CompatLevel;
use polars_core::series::Series;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::page::{CompressedDictPage, DataPageHeader};
use polars_parquet::parquet::schema::types::ParquetType;
use polars_parquet::write::{CompressedDataPage, CompressedPage, Encoding, Page, WriteOptions, array_to_columns};

use super::compress::Workshop;
use super::leaf::Leaf;
use super::statistics::Bounds;

/// Rows of a row group, and how they will be encoded.
pub(super) struct Other {
    pub(super) parquet: ParquetType,
    pub(super) encodings: Vec<Encoding>,
    pub(super) options: WriteOptions,
    pub(super) held: Option<Series>,
}

impl Other {
    /// The chunks of `series`, one a leaf.
    pub(super) fn finish(
        &self,
        series: &Series,
        leaves: &[Leaf],
        bounds: Option<Bounds>,
        workshop: &mut Workshop,
    ) -> PolarsResult<Vec<Vec<CompressedPage>>> {
        let codec = workshop.compressor.codec();
        let array = series.to_arrow(0, CompatLevel::newest());
        let columns = array_to_columns(array, self.parquet.clone(), self.options, &self.encodings)?;
        let mut chunks = Vec::with_capacity(columns.len());
        for (leaf, pages) in leaves.iter().zip(columns) {
            let physical = leaf.descriptor.primitive_type.physical_type;
            let mut statistics = bounds.as_ref().map(|bounds| bounds.statistics(physical));
            let mut chunk = Vec::new();
            for page in pages {
                chunk.push(match page? {
                    Page::Data(page) => {
                        let (bytes, length) = (workshop.compressor.compress(page.buffer())?, page.buffer().len());
                        let (rows, mut header) = (page.num_rows(), page.header().clone());
                        if let (Some(statistics), DataPageHeader::V1(header)) = (statistics.take(), &mut header) {
                            header.statistics = Some(statistics);
                        }
                        let (rows, bytes) = (rows.unwrap_or_else(|| page.num_values()), CowBuffer::Owned(bytes));
                        let descriptor = page.descriptor;
                        CompressedPage::Data(CompressedDataPage::new(header, bytes, codec, length, descriptor, rows))
                    },
                    Page::Dict(page) => {
                        let (bytes, length) = (workshop.compressor.compress(&page.buffer)?, page.buffer.len());
                        let bytes = CowBuffer::Owned(bytes);
                        CompressedPage::Dict(CompressedDictPage::new(bytes, codec, length, page.num_values, false))
                    },
                });
            }
            chunks.push(chunk);
        }
        Ok(chunks)
    }
}
