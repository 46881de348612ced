//! What a footer says of row groups and column chunks, in few bytes: a table may have very many files.

use std::ops::Range;

use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::metadata::ColumnDescriptor;
use polars_parquet::parquet::statistics::{ParquetStatistics, Statistics};
use polars_parquet::read::{ColumnChunkMetadata, FileMetadata};

use super::chunks::chunk_range;
use super::error::Damage;
use super::file_schema::FileSchema;
use super::guard::guarded;
use super::thrift::{Cursor, push_integer};

const CODECS: [Compression; 8] = [
    Compression::Uncompressed,
    Compression::Snappy,
    Compression::Gzip,
    Compression::Lzo,
    Compression::Brotli,
    Compression::Lz4,
    Compression::Zstd,
    Compression::Lz4Raw,
];
const CODEC: u8 = 0b111;

// What is known of a column chunk besides: bits of its first byte.
const DICTIONARY: u8 = 1 << 3;
const STATISTICS: u8 = 1 << 4;
const NULLS: u8 = 1 << 5;
const MIN: u8 = 1 << 6;
const MAX: u8 = 1 << 7;

/// The row groups and column chunks of a file: about 32 bytes for a column of integers, as everything that files share is left to
/// [`FileSchema`]. Polars' metadata of a small file take fifty times as many.
///
/// A column chunk is a byte that tells its codec and what follows, then integers as Thrift's compact protocol writes them.
/// Those that tend to be alike are stored as differences, which wrap, so that whatever a file says comes out as it went in.
pub(super) struct PackedFooter {
    /// Rows of each row group.
    rows: Box<[usize]>,
    /// Where each column chunk begins in `bytes`, row group by row group.
    starts: Box<[u32]>,
    bytes: Box<[u8]>,
    /// Whether Polars wrote the file.
    pub(super) is_by_polars: bool,
}

/// What a footer says of a column chunk.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnChunk<'a> {
    /// What is in it.
    pub(super) column: &'a ColumnDescriptor,
    pub(super) compression: Compression,
    pub(super) values: i64,
    pub(super) compressed_size: i64,
    pub(super) uncompressed_size: i64,
    pub(super) data_page_offset: i64,
    pub(super) dictionary_page_offset: Option<i64>,
    bounds: Option<PackedBounds<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct PackedBounds<'a> {
    nulls: Option<i64>,
    min: Option<&'a [u8]>,
    max: Option<&'a [u8]>,
}

/// What a footer says of a row group.
#[derive(Clone, Copy)]
pub(super) struct RowGroupFooter<'a> {
    footer: &'a PackedFooter,
    schema: &'a FileSchema,
    index: usize,
    /// Its rows.
    pub(super) rows: usize,
}

impl PackedFooter {
    pub(super) fn new(metadata: &FileMetadata) -> Result<Self, Damage> {
        let row_groups = &metadata.row_groups;
        let chunks = row_groups.iter().map(|row_group| row_group.n_columns()).sum();
        let (mut starts, mut bytes) = (Vec::with_capacity(chunks), Vec::new());
        for row_group in row_groups {
            for chunk in row_group.parquet_columns() {
                let start = u32::try_from(bytes.len());
                starts.push(start.map_err(|_| Damage::Thrift("more than 4 GiB of column chunks"))?);
                // Statistics only help: whatever is wrong with them, the column chunk is read.
                let statistics: Result<_, Damage> = guarded(|| Ok(chunk.statistics(&metadata.footer_buf)));
                // Nobody asks for those of nested columns.
                let statistics = statistics.ok().flatten().filter(|_| chunk.descriptor().path_in_schema.len() == 1);
                let statistics = statistics.and_then(Result::ok).map(|known| known.serialize());
                pack(chunk, row_group.num_rows(), statistics, &mut bytes);
            }
        }
        Ok(Self {
            rows: row_groups.iter().map(|row_group| row_group.num_rows()).collect(),
            starts: starts.into(),
            bytes: bytes.into(),
            is_by_polars: metadata.created_by.as_deref() == Some("Polars"),
        })
    }

    /// Rows of each row group.
    pub(super) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// A row group of a file with these columns.
    pub(super) fn row_group<'a>(&'a self, index: usize, schema: &'a FileSchema) -> Option<RowGroupFooter<'a>> {
        self.rows.get(index).map(|rows| RowGroupFooter { footer: self, schema, index, rows: *rows })
    }
}

impl<'a> RowGroupFooter<'a> {
    /// The column chunks of a column, one for each of its leaves.
    pub(super) fn column(&self, name: &str) -> Option<impl Iterator<Item = ColumnChunk<'a>> + use<'a>> {
        let row_group = *self;
        Some(self.schema.leaves(name)?.iter().filter_map(move |leaf| row_group.chunk(*leaf)))
    }

    /// The bytes of a file of so many bytes in which all its column chunks lie.
    pub(super) fn byte_range(&self, file: u64) -> Range<u64> {
        let chunks = (0..).map_while(|leaf| self.chunk(leaf)).filter_map(|chunk| chunk_range(&chunk, file).ok());
        let joined = chunks.reduce(|all, chunk| all.start.min(chunk.start)..all.end.max(chunk.end));
        joined.unwrap_or(0..0)
    }

    fn chunk(&self, leaf: usize) -> Option<ColumnChunk<'a>> {
        let PackedFooter { rows, starts, bytes, .. } = self.footer;
        let leaves = starts.len().checked_div(rows.len()).filter(|leaves| leaf < *leaves)?;
        let start = *starts.get(self.index * leaves + leaf)? as usize;
        let packed = Cursor::new(bytes.get(start..)?);
        // What was packed here can be unpacked.
        unpack(packed, self.rows, self.schema.leaf(leaf)?).ok()
    }
}

impl ColumnChunk<'_> {
    /// The values that it holds between, and its nulls; `None` if nothing can be told.
    pub(super) fn statistics(&self) -> Option<Statistics> {
        let PackedBounds { nulls, min, max } = self.bounds?;
        let statistics = ParquetStatistics {
            max: None,
            min: None,
            null_count: nulls,
            distinct_count: None,
            max_value: max.map(<[u8]>::to_vec),
            min_value: min.map(<[u8]>::to_vec),
            is_max_value_exact: None,
            is_min_value_exact: None,
        };
        Statistics::deserialize(&statistics, self.column.descriptor.primitive_type.clone()).ok()
    }
}

fn pack(chunk: &ColumnChunkMetadata, rows: usize, statistics: Option<ParquetStatistics>, to: &mut Vec<u8>) {
    let (nulls, min, max) = match &statistics {
        Some(known) => (known.null_count, known.min_value.as_deref(), known.max_value.as_deref()),
        None => (None, None, None),
    };
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let dictionary = chunk.dictionary_page_offset();
    let codec = CODECS.iter().position(|codec| *codec == chunk.compression()).unwrap_or(0) as u8;
    to.push(
        codec
            | flag(dictionary.is_some(), DICTIONARY)
            | flag(statistics.is_some(), STATISTICS)
            | flag(nulls.is_some(), NULLS)
            | flag(min.is_some(), MIN)
            | flag(max.is_some(), MAX),
    );
    push_integer(chunk.num_values().wrapping_sub(rows as i64), to);
    push_integer(chunk.compressed_size(), to);
    push_integer(chunk.uncompressed_size().wrapping_sub(chunk.compressed_size()), to);
    push_integer(chunk.data_page_offset(), to);
    if let Some(dictionary) = dictionary {
        push_integer(chunk.data_page_offset().wrapping_sub(dictionary), to);
    }
    if let Some(nulls) = nulls {
        push_integer(nulls, to);
    }
    for bound in [min, max].into_iter().flatten() {
        push_integer(bound.len() as i64, to);
        to.extend_from_slice(bound);
    }
}

fn unpack<'a>(mut from: Cursor<'a>, rows: usize, column: &'a ColumnDescriptor) -> Result<ColumnChunk<'a>, Damage> {
    let flags = from.byte()?;
    let when = |flag: u8, from: &mut Cursor<'a>| (flags & flag != 0).then(|| from.integer()).transpose();
    let values = from.integer()?.wrapping_add(rows as i64);
    let compressed_size = from.integer()?;
    let uncompressed_size = from.integer()?.wrapping_add(compressed_size);
    let data_page_offset = from.integer()?;
    let dictionary_page_offset = when(DICTIONARY, &mut from)?.map(|before| data_page_offset.wrapping_sub(before));
    let nulls = when(NULLS, &mut from)?;
    let mut bound = |flag: u8| match when(flag, &mut from)? {
        Some(length) => from.bytes(length as u64).map(Some),
        None => Ok(None),
    };
    let (min, max) = (bound(MIN)?, bound(MAX)?);
    Ok(ColumnChunk {
        column,
        compression: CODECS.get(usize::from(flags & CODEC)).copied().unwrap_or(Compression::Uncompressed),
        values,
        compressed_size,
        uncompressed_size,
        data_page_offset,
        dictionary_page_offset,
        bounds: (flags & STATISTICS != 0).then_some(PackedBounds { nulls, min, max }),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::frame::DataFrame;
    use polars_core::prelude::Column;
    use polars_parquet::write::{CompressionOptions, StatisticsOptions, ZstdLevel};

    use super::*;
    use crate::files::InputFile;
    use crate::parquet::file_schema::FileSchemas;
    use crate::parquet::footer::read_footer;
    use crate::parquet::tests::layouts::every_type;
    use crate::parquet::tests::{Layout, encode};

    /// Checks that all that is told of column chunks is what Polars tells.
    fn check(metadata: &FileMetadata, schema: &FileSchema) {
        let packed = PackedFooter::new(metadata).unwrap();
        assert_eq!(packed.rows(), metadata.row_groups.iter().map(|group| group.num_rows()).collect::<Vec<_>>());
        assert_eq!(packed.is_by_polars, metadata.created_by.as_deref() == Some("Polars"));
        assert!(packed.row_group(metadata.row_groups.len(), schema).is_none());
        for (index, expected) in metadata.row_groups.iter().enumerate() {
            let found = packed.row_group(index, schema).unwrap();
            assert_eq!(found.rows, expected.num_rows());
            assert!(found.column("no such column").is_none());
            for name in schema.columns.iter_names() {
                let found: Vec<_> = found.column(name).unwrap().collect();
                let expected: Vec<_> = expected.columns_under_root_iter(name).unwrap().collect();
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    check_chunk(found, expected, &metadata.footer_buf);
                }
            }
        }
    }

    fn check_chunk(found: &ColumnChunk<'_>, expected: &ColumnChunkMetadata, footer: &[u8]) {
        assert_eq!(found.column, expected.descriptor());
        assert_eq!(found.compression, expected.compression());
        assert_eq!(found.values, expected.num_values());
        assert_eq!(found.compressed_size, expected.compressed_size());
        assert_eq!(found.uncompressed_size, expected.uncompressed_size());
        assert_eq!(found.data_page_offset, expected.data_page_offset());
        assert_eq!(found.dictionary_page_offset, expected.dictionary_page_offset());
        let statistics: Result<_, Damage> = guarded(|| Ok(expected.statistics(footer)));
        let is_flat = found.column.path_in_schema.len() == 1;
        let statistics = statistics.ok().flatten().and_then(Result::ok).filter(|_| is_flat);
        // How many values are different, nobody asks.
        let known = |statistics: Statistics| {
            let known = statistics.serialize();
            (known.null_count, known.min_value, known.max_value)
        };
        assert_eq!(found.statistics().map(known), statistics.map(known));
    }

    fn schema(metadata: &FileMetadata) -> std::sync::Arc<FileSchema> {
        FileSchemas::default().of(metadata, &InputFile::named("f")).unwrap()
    }

    #[test]
    fn nothing_that_a_footer_says_of_column_chunks_is_lost() {
        let df = every_type();
        let some = StatisticsOptions { min_value: false, distinct_count: false, ..StatisticsOptions::full() };
        for statistics in [StatisticsOptions::full(), StatisticsOptions::empty(), some] {
            for row_group in [1, 7, 100, 1000] {
                let metadata =
                    read_footer(&encode(&df, &Layout { row_group, statistics, ..Layout::default() })).unwrap();
                check(&metadata, &schema(&metadata));
            }
        }
        let none = read_footer(&encode(&df.head(Some(0)), &Layout::default())).unwrap();
        assert_eq!(none.row_groups.len(), 0);
        check(&none, &schema(&none));
        let zstd = CompressionOptions::Zstd(Some(ZstdLevel::try_new(3).unwrap()));
        for compression in [CompressionOptions::Uncompressed, CompressionOptions::Lz4Raw, zstd] {
            let metadata = read_footer(&encode(&df, &Layout { compression, ..Layout::default() })).unwrap();
            check(&metadata, &schema(&metadata));
        }
    }

    #[test]
    fn codecs_are_numbered_by_three_bits() {
        for (number, codec) in CODECS.iter().enumerate() {
            assert_eq!(CODECS.iter().position(|other| other == codec), Some(number));
        }
        assert_eq!(usize::from(CODEC) + 1, CODECS.len());
        assert_eq!(CODEC & (DICTIONARY | STATISTICS | NULLS | MIN | MAX), 0);
    }

    #[test]
    fn what_a_damaged_footer_says_is_kept_as_well() {
        let df = df!("i" => (0..50).collect::<Vec<_>>(), "t" => (0..50).map(|i| i.to_string()).collect::<Vec<_>>());
        let bytes = encode(&df.unwrap(), &Layout { row_group: 25, ..Layout::default() });
        let whole = read_footer(&bytes).unwrap();
        let footer = bytes.len() - 8 - whole.footer_buf.len();
        let schema = schema(&whole);
        let mut readable = 0;
        for at in footer..bytes.len() - 8 {
            for flipped in [0x01, 0x40, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flipped;
                let Ok(damaged) = read_footer(&bytes) else { continue };
                if damaged.schema().fields() == whole.schema().fields() {
                    readable += 1;
                    check(&damaged, &schema);
                }
            }
        }
        assert!(readable > 100, "{readable}");
    }

    #[test]
    fn a_column_of_integers_takes_few_bytes() {
        let columns = (0..16).map(|column| Column::new(format!("column {column}").into(), vec![column; 100]));
        let df = DataFrame::new(100, columns.collect()).unwrap();
        let packed = PackedFooter::new(&read_footer(&encode(&df, &Layout::default())).unwrap()).unwrap();
        let bytes = packed.bytes.len() + std::mem::size_of_val(&*packed.starts) + std::mem::size_of_val(&*packed.rows);
        assert!(bytes <= 16 * 32, "{bytes}");
    }
}
