//! Row groups of one file.

use std::io::Write;

use polars_arrow::array::Array;
use polars_core::datatypes::DataType;
use polars_core::error::PolarsError;
use polars_core::frame::DataFrame;
use polars_core::prelude::{ArrowSchema, CompatLevel, SchemaExt};
use polars_core::schema::SchemaRef;
use polars_core::series::Series;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::parquet::page::{DataPage, DataPageHeader};
use polars_parquet::parquet::schema::types::{ParquetType, PhysicalType};
use polars_parquet::parquet::statistics::ParquetStatistics;
use polars_parquet::parquet::write::{FileWriter, WriteOptions as FileWriteOptions};
use polars_parquet::write::{
    CompressedPage, Compressor, DynIter, DynStreamingIterator, Encoding, FallibleStreamingIterator, Page,
    StatisticsOptions, Version, WriteOptions, array_to_columns, get_dtype_encoding, schema_to_metadata_key,
    to_parquet_schema,
};
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;
use quokka_engine::physical::is_narrow;

use super::options::ParquetWriteOptions;
use super::statistics::chunk_statistics;
use crate::sink::{FileEncoder, FileFormat};

/// A row group ends when it has so many bytes, however few rows these are.
const MOST_BYTES: usize = 256 << 20;

/// Parquet, as a format of files that a query writes.
pub struct ParquetFormat(ParquetWriteOptions);

impl ParquetFormat {
    /// Files with these options.
    pub fn new(options: ParquetWriteOptions) -> Self {
        Self(options)
    }
}

impl FileFormat for ParquetFormat {
    fn describe(&self) -> Description {
        let description = Description::blocks("parquet").with("compression", format!("{:?}", self.0.compression));
        description.with("row_group_rows", self.0.row_group_rows)
    }

    fn extension(&self) -> &'static str {
        "parquet"
    }

    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError> {
        let options = WriteOptions {
            statistics: StatisticsOptions::empty(),
            version: Version::V1,
            compression: self.0.compression.options()?,
            data_page_size: None,
        };
        let arrow = schema.to_arrow(CompatLevel::newest());
        let parquet = to_parquet_schema(&arrow)?;
        let columns =
            schema.iter_values().zip(arrow.iter_values()).zip(parquet.fields()).map(|((dtype, field), parquet)| {
                ColumnFormat {
                    dtype: dtype.clone(),
                    encodings: get_dtype_encoding(&field.dtype),
                    parquet: parquet.clone(),
                }
            });
        let columns = columns.collect();
        let file_options = FileWriteOptions { write_statistics: false, version: Version::V1 };
        let created_by = concat!("quokka version ", env!("CARGO_PKG_VERSION"));
        let writer = FileWriter::new(file, parquet, file_options, Some(created_by.into()));
        let row_group_rows = self.0.row_group_rows.max(1);
        Ok(Box::new(ParquetEncoder { writer, arrow, columns, options, row_group_rows, held: None, held_bytes: 0 }))
    }
}

struct ColumnFormat {
    dtype: DataType,
    encodings: Vec<Encoding>,
    parquet: ParquetType,
}

struct ParquetEncoder {
    writer: FileWriter<Box<dyn Write>>,
    arrow: ArrowSchema,
    columns: Vec<ColumnFormat>,
    options: WriteOptions,
    row_group_rows: usize,
    /// Rows of the next row group, in the chunks in which they came.
    held: Option<DataFrame>,
    held_bytes: usize,
}

impl FileEncoder for ParquetEncoder {
    fn append(&mut self, mut rows: DataFrame) -> Result<(), OperatorError> {
        while rows.height() > 0 {
            let held = self.held.as_ref().map_or(0, DataFrame::height);
            let taken = rows.height().min(self.row_group_rows - held);
            let piece = rows.slice(0, taken);
            rows = rows.slice(taken as i64, usize::MAX);
            self.held_bytes += piece.estimated_size();
            match &mut self.held {
                Some(held) => {
                    held.vstack_mut_owned(piece)?;
                },
                none => *none = Some(piece),
            }
            if held + taken == self.row_group_rows || self.held_bytes >= MOST_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn flush(&mut self) -> Result<(), OperatorError> {
        self.held_bytes = 0;
        let Some(rows) = self.held.take() else { return Ok(()) };
        let height = rows.height() as u64;
        let options = self.options;
        // Columns are encoded one after the other as the writer asks for them, and dropped when they are written.
        let columns = rows.into_columns().into_iter().zip(&self.columns);
        let columns = columns.flat_map(|(column, format)| {
            let series = column.take_materialized_series();
            match format.chunks(series, options) {
                Ok(chunks) => chunks.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        });
        self.writer.write(height, DynIter::new(columns)).map_err(PolarsError::from)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), OperatorError> {
        self.flush()?;
        let schema = schema_to_metadata_key(&self.arrow);
        self.writer.end(Some(vec![schema])).map_err(PolarsError::from)?;
        Ok(())
    }
}

type Chunk = DynStreamingIterator<'static, CompressedPage, PolarsError>;

impl ColumnFormat {
    /// The column chunks of a column: one, or one a leaf if it is nested.
    fn chunks(&self, series: Series, options: WriteOptions) -> Result<Vec<Chunk>, PolarsError> {
        let series = series.rechunk();
        let array = self.array(&series);
        let leaves = array_to_columns(array, self.parquet.clone(), options, &self.encodings)?;
        let mut statistics = match &self.parquet {
            ParquetType::PrimitiveType(leaf) => chunk_statistics(&series, leaf.physical_type)?,
            ParquetType::GroupType { .. } => None,
        };
        let chunk = |pages: DynIter<'static, Result<Page, PolarsError>>| {
            let mut statistics = statistics.take();
            let pages = pages.map(move |page| {
                let page = page.map_err(|error| ParquetError::FeatureNotSupported(error.to_string()))?;
                Ok(with_statistics(page, &mut statistics))
            });
            DynStreamingIterator::new(
                Compressor::new(pages, options.compression, Vec::new()).map_err(PolarsError::from),
            )
        };
        Ok(leaves.into_iter().map(chunk).collect())
    }

    /// The values as they are encoded. A decimal that lies in batches as an integer stays one.
    fn array(&self, series: &Series) -> Box<dyn Array> {
        let is_int32 = |parquet: &ParquetType| matches!(parquet, ParquetType::PrimitiveType(leaf) if leaf.physical_type == PhysicalType::Int32);
        if is_narrow(&self.dtype) && *series.dtype() == DataType::Int64 && is_int32(&self.parquet) {
            // At most nine digits.
            if let Ok(narrow) = series.strict_cast(&DataType::Int32) {
                return narrow.to_arrow(0, CompatLevel::newest());
            }
        }
        series.to_arrow(0, CompatLevel::newest())
    }
}

/// Puts the statistics of the chunk into its first page of data, from where the writer takes them.
fn with_statistics(page: Page, statistics: &mut Option<ParquetStatistics>) -> Page {
    let mut page = match page {
        Page::Data(page) => page,
        dictionary => return dictionary,
    };
    let Some(statistics) = statistics.take() else { return Page::Data(page) };
    let mut header = page.header().clone();
    match &mut header {
        DataPageHeader::V1(header) => header.statistics = Some(statistics),
        DataPageHeader::V2(header) => header.statistics = Some(statistics),
    }
    let buffer = CowBuffer::Owned(std::mem::take(page.buffer_mut()));
    let rows = page.num_rows().unwrap_or_else(|| page.num_values());
    Page::Data(DataPage::new(header, buffer, page.descriptor, rows))
}
