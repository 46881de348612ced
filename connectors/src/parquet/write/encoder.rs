//! Row groups of one file.

use std::io::Write;
use std::vec::IntoIter;

use polars_core::error::PolarsError;
use polars_core::frame::DataFrame;
use polars_core::prelude::{ArrowSchema, CompatLevel, SchemaExt};
use polars_core::schema::SchemaRef;
use polars_parquet::parquet::write::{FileWriter, WriteOptions as FileWriteOptions};
use polars_parquet::write::{
    CompressedPage, CompressionOptions, DynIter, DynStreamingIterator, FallibleStreamingIterator, StatisticsOptions,
    Version, WriteOptions, schema_to_metadata_key, to_parquet_leaves, to_parquet_schema,
};
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;

use super::column::ColumnWriter;
use super::compress::Workshops;
use super::options::ParquetWriteOptions;
use crate::sink::{FileEncoder, FileFormat};

/// A row group ends when its pages have so many bytes before they are compressed, however few rows these are.
const MOST_BYTES: usize = 256 << 20;

/// Rows that are encoded at a time, a page or more of each column: few enough not to hold up a worker.
const PAGE_ROWS: usize = 64 << 10;

/// Parquet, as a format of files that a query writes.
pub struct ParquetFormat {
    options: ParquetWriteOptions,
    workshops: Workshops,
}

impl ParquetFormat {
    /// Files with these options.
    pub fn new(options: ParquetWriteOptions) -> Self {
        Self { options, workshops: Workshops::default() }
    }
}

impl FileFormat for ParquetFormat {
    fn describe(&self) -> Description {
        let description = Description::blocks("parquet").with("compression", format!("{:?}", self.options.compression));
        description.with("row_group_rows", self.options.row_group_rows)
    }

    fn extension(&self) -> &'static str {
        "parquet"
    }

    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError> {
        let options = WriteOptions {
            statistics: StatisticsOptions::empty(),
            version: Version::V1,
            compression: self.options.compression.options()?,
            data_page_size: None,
        };
        let arrow = schema.to_arrow(CompatLevel::newest());
        let parquet = to_parquet_schema(&arrow)?;
        let mut leaves = parquet.columns().iter();
        let mut columns = Vec::with_capacity(schema.len());
        for (dtype, field) in schema.iter_values().zip(parquet.fields()) {
            let count = to_parquet_leaves(field.clone()).len();
            let descriptors = leaves.by_ref().take(count).map(|leaf| leaf.descriptor.clone());
            columns.push(ColumnWriter::new(dtype, field, descriptors, options));
        }
        let file_options = FileWriteOptions { write_statistics: false, version: Version::V1 };
        let created_by = concat!("quokka version ", env!("CARGO_PKG_VERSION"));
        let writer = FileWriter::new(file, parquet, file_options, Some(created_by.into()));
        Ok(Box::new(ParquetEncoder {
            writer,
            arrow,
            columns,
            compression: options.compression,
            workshops: self.workshops.clone(),
            row_group_rows: self.options.row_group_rows.max(1),
            rows: 0,
            held: None,
        }))
    }
}

struct ParquetEncoder {
    writer: FileWriter<Box<dyn Write>>,
    arrow: ArrowSchema,
    columns: Vec<ColumnWriter>,
    compression: CompressionOptions,
    workshops: Workshops,
    row_group_rows: usize,
    /// Rows of this row group that are encoded.
    rows: usize,
    /// Rows of the next pages, in the chunks in which they came.
    held: Option<DataFrame>,
}

impl FileEncoder for ParquetEncoder {
    fn append(&mut self, mut rows: DataFrame) -> Result<(), OperatorError> {
        while rows.height() > 0 {
            let held = self.held.as_ref().map_or(0, DataFrame::height);
            let most = PAGE_ROWS.min(self.row_group_rows - self.rows);
            let taken = rows.height().min(most - held);
            let piece = rows.slice(0, taken);
            rows = rows.slice(taken as i64, usize::MAX);
            match &mut self.held {
                Some(held) => {
                    held.vstack_mut_owned(piece)?;
                },
                none => *none = Some(piece),
            }
            if held + taken == most {
                self.encode()?;
            }
            let bytes: usize = self.columns.iter().map(ColumnWriter::uncompressed_bytes).sum();
            if self.rows == self.row_group_rows || bytes >= MOST_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        let rows = self.held.as_ref().map_or(0, DataFrame::estimated_size);
        rows + self.columns.iter().map(ColumnWriter::held_bytes).sum::<usize>()
    }

    fn flush(&mut self) -> Result<(), OperatorError> {
        self.encode()?;
        if self.rows == 0 {
            return Ok(());
        }
        let finish = |workshop: &mut _| {
            let chunks = self.columns.iter_mut().map(|column| column.finish(workshop));
            chunks.collect::<Result<Vec<_>, _>>()
        };
        let chunks = self.workshops.with(self.compression, finish)?;
        let chunks = chunks.into_iter().flatten().map(|pages| Ok(DynStreamingIterator::new(Pages::new(pages))));
        self.writer.write(self.rows as u64, DynIter::new(chunks)).map_err(PolarsError::from)?;
        self.rows = 0;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), OperatorError> {
        self.flush()?;
        let schema = schema_to_metadata_key(&self.arrow);
        self.writer.end(Some(vec![schema])).map_err(PolarsError::from)?;
        Ok(())
    }
}

impl ParquetEncoder {
    /// Makes pages of the rows that are held.
    fn encode(&mut self) -> Result<(), OperatorError> {
        let Some(rows) = self.held.take() else { return Ok(()) };
        self.rows += rows.height();
        let mut columns = self.columns.iter_mut().zip(rows.columns());
        self.workshops.with(self.compression, |workshop| {
            columns.try_for_each(|(column, rows)| column.append(rows.as_materialized_series(), workshop))
        })?;
        Ok(())
    }
}

/// The pages of a chunk on their way to the file.
struct Pages {
    next: IntoIter<CompressedPage>,
    page: Option<CompressedPage>,
}

impl Pages {
    fn new(pages: Vec<CompressedPage>) -> Self {
        Self { next: pages.into_iter(), page: None }
    }
}

impl FallibleStreamingIterator for Pages {
    type Item = CompressedPage;
    type Error = PolarsError;

    fn advance(&mut self) -> Result<(), PolarsError> {
        self.page = self.next.next();
        Ok(())
    }

    fn get(&self) -> Option<&CompressedPage> {
        self.page.as_ref()
    }
}
