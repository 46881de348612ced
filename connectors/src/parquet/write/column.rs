//! The pages of a column chunk.

use polars_arrow::array::{Array, BinaryViewArray, BooleanArray};
use polars_core::datatypes::DataType;
use polars_core::error::{PolarsError, PolarsResult};
use polars_core::prelude::CompatLevel;
use polars_core::series::Series;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::page::CompressedDictPage;
use polars_parquet::parquet::schema::types::{ParquetType, PhysicalType};
use polars_parquet::write::{CompressedPage, Encoding, WriteOptions, get_dtype_encoding};

use super::compress::Workshop;
use super::dictionary::{BytesDictionary, WordDictionary};
use super::leaf::Leaf;
use super::other::Other;
use super::statistics::Bounds;
use super::values::{collect_words, packed, write_bytes, write_words};

/// A page of texts ends when it has so many bytes.
const PAGE_BYTES: usize = 1 << 20;
/// Values of a dictionary, in bytes; readers load it whole.
const MOST_DICTIONARY: usize = 1 << 20;
/// A dictionary pays if its values come back so often on average.
const TIMES: usize = 5;

/// Encodes a column: takes rows, some ten thousand at a time, and has a chunk of pages when its row group ends.
pub(super) struct ColumnWriter {
    kind: Kind,
    /// Only then a value of the column is one of its leaf.
    is_flat: bool,
    bounds: Bounds,
    leaves: Vec<Leaf>,
}

/// How values are encoded.
enum Kind {
    /// In words of so many bytes.
    Words(usize, Dictionary<WordDictionary>),
    Bytes(Dictionary<BytesDictionary>),
    /// Texts of categories, which readers want to have in a dictionary, come what may.
    Categories(BytesDictionary),
    Booleans,
    /// By Polars when the row group ends: lists, structs, long decimals.
    Other(Box<Other>),
}

/// A dictionary while it pays. What was written with it stays.
enum Dictionary<D> {
    Open(D),
    Closed(D),
    None,
}

impl ColumnWriter {
    /// For a column of type `dtype` that is `parquet` in the file, with the leaves of `descriptors`.
    pub(super) fn new(
        dtype: &DataType,
        parquet: &ParquetType,
        descriptors: impl IntoIterator<Item = Descriptor>,
        options: WriteOptions,
    ) -> Self {
        let physical = match parquet {
            ParquetType::PrimitiveType(leaf) => Some(leaf.physical_type),
            ParquetType::GroupType { .. } => None,
        };
        let is_words = dtype.is_decimal() || dtype.is_temporal() || dtype.is_primitive_numeric();
        let kind = match physical {
            Some(PhysicalType::Int32 | PhysicalType::Float) if is_words => Kind::Words(4, Dictionary::None),
            Some(PhysicalType::Int64 | PhysicalType::Double) if is_words => Kind::Words(8, Dictionary::None),
            Some(PhysicalType::ByteArray) if matches!(dtype, DataType::String | DataType::Binary) => {
                Kind::Bytes(Dictionary::None)
            },
            Some(PhysicalType::ByteArray) if matches!(dtype, DataType::Categorical(..) | DataType::Enum(..)) => {
                Kind::Categories(BytesDictionary::new(usize::MAX))
            },
            Some(PhysicalType::Boolean) => Kind::Booleans,
            _ => {
                let arrow = dtype.to_arrow(CompatLevel::newest());
                let (parquet, encodings) = (parquet.clone(), get_dtype_encoding(&arrow));
                Kind::Other(Box::new(Other { parquet, encodings, options, held: None }))
            },
        };
        let leaves = descriptors.into_iter().map(Leaf::new).collect();
        let mut column = Self { kind, is_flat: physical.is_some(), bounds: Bounds::default(), leaves };
        column.reset();
        column
    }

    /// Makes pages of more rows.
    pub(super) fn append(&mut self, series: &Series, workshop: &mut Workshop) -> PolarsResult<()> {
        let series = series.rechunk();
        if self.is_flat && !matches!(self.kind, Kind::Bytes(_)) {
            self.bounds.add(&series)?;
        }
        match &mut self.kind {
            Kind::Words(width, dictionary) => append_words(&mut self.leaves[0], *width, dictionary, &series, workshop),
            Kind::Bytes(dictionary) => {
                let binary = series.cast(&DataType::Binary)?;
                append_bytes(&mut self.leaves[0], dictionary, &mut self.bounds, &binary, workshop)
            },
            Kind::Categories(dictionary) => {
                let binary = series.cast(&DataType::String)?.cast(&DataType::Binary)?.rechunk();
                append_categories(&mut self.leaves[0], dictionary, &binary, workshop)
            },
            Kind::Booleans => append_booleans(&mut self.leaves[0], &series, workshop),
            Kind::Other(other) => match &mut other.held {
                Some(held) => held.append(&series).map(drop),
                none => {
                    *none = Some(series);
                    Ok(())
                },
            },
        }
    }

    /// Bytes of the pages, as they are kept, and of rows that are none yet.
    pub(super) fn held_bytes(&self) -> usize {
        self.leaves.iter().map(Leaf::held_bytes).sum::<usize>() + self.unencoded_bytes()
    }

    /// The same before anything is compressed.
    pub(super) fn uncompressed_bytes(&self) -> usize {
        self.leaves.iter().map(Leaf::uncompressed_bytes).sum::<usize>() + self.unencoded_bytes()
    }

    fn unencoded_bytes(&self) -> usize {
        match &self.kind {
            Kind::Other(other) => other.held.as_ref().map_or(0, Series::estimated_size),
            _ => 0,
        }
    }

    /// The chunks of all leaves; what comes later belongs to the next row group.
    pub(super) fn finish(&mut self, workshop: &mut Workshop) -> PolarsResult<Vec<Vec<CompressedPage>>> {
        if let Kind::Other(other) = &mut self.kind
            && let Some(held) = other.held.take()
        {
            let statistics = self.is_flat.then(|| std::mem::take(&mut self.bounds));
            return other.finish(&held.rechunk(), &self.leaves, statistics, workshop);
        }
        if let Kind::Bytes(Dictionary::Open(dictionary) | Dictionary::Closed(dictionary)) = &self.kind {
            dictionary.values().for_each(|value| self.bounds.add_text(value));
        }
        let codec = workshop.compressor.codec();
        let mut first = self.dictionary_page(workshop)?;
        let mut chunks = Vec::with_capacity(self.leaves.len());
        for leaf in &mut self.leaves {
            let statistics = self.bounds.statistics(leaf.descriptor.primitive_type.physical_type);
            chunks.push(first.take().into_iter().chain(leaf.take_pages(statistics, codec)).collect());
        }
        self.reset();
        Ok(chunks)
    }

    fn dictionary_page(&mut self, workshop: &mut Workshop) -> PolarsResult<Option<CompressedPage>> {
        let page = &mut workshop.page;
        page.clear();
        let is_needed = matches!(self.kind, Kind::Categories(_));
        let values = match &self.kind {
            Kind::Words(width, Dictionary::Open(dictionary) | Dictionary::Closed(dictionary)) => {
                write_words(dictionary.values(), *width, page);
                dictionary.values().len()
            },
            Kind::Bytes(Dictionary::Open(dictionary) | Dictionary::Closed(dictionary)) => {
                page.extend_from_slice(dictionary.bytes());
                dictionary.len()
            },
            Kind::Categories(dictionary) => {
                page.extend_from_slice(dictionary.bytes());
                dictionary.len()
            },
            _ => 0,
        };
        if values == 0 && !is_needed {
            return Ok(None);
        }
        let (bytes, codec) = (workshop.compressor.compress(page)?, workshop.compressor.codec());
        let page = CompressedDictPage::new(CowBuffer::Owned(bytes), codec, page.len(), values, false);
        Ok(Some(CompressedPage::Dict(page)))
    }

    fn reset(&mut self) {
        self.bounds = Bounds::default();
        match &mut self.kind {
            Kind::Words(_, dictionary) => *dictionary = Dictionary::Open(WordDictionary::new()),
            Kind::Bytes(dictionary) => *dictionary = Dictionary::Open(BytesDictionary::new(MOST_DICTIONARY)),
            Kind::Categories(dictionary) => *dictionary = BytesDictionary::new(usize::MAX),
            Kind::Booleans | Kind::Other(_) => {},
        }
    }
}

impl<D> Dictionary<D> {
    /// It does not pay any more; without values it never did.
    fn close(&mut self, is_empty: impl Fn(&D) -> bool) {
        *self = match std::mem::replace(self, Self::None) {
            Self::Open(dictionary) if !is_empty(&dictionary) => Self::Closed(dictionary),
            Self::Open(_) => Self::None,
            other => other,
        };
    }
}

fn append_words(
    leaf: &mut Leaf,
    width: usize,
    dictionary: &mut Dictionary<WordDictionary>,
    series: &Series,
    workshop: &mut Workshop,
) -> PolarsResult<()> {
    let array = &series.chunks()[0];
    workshop.words.clear();
    collect_words(series, width, &mut workshop.words)?;
    leaf.values += workshop.words.len();
    if let Dictionary::Open(open) = dictionary {
        let most = (leaf.values / TIMES).min(MOST_DICTIONARY / width);
        match (open.number_all(&workshop.words, most, &mut workshop.numbers), open.values().len()) {
            // Only nulls so far: a reader would look for the dictionary.
            (true, 0) => {},
            (true, values) => return leaf.push_numbers(array.as_ref(), values, workshop),
            (false, _) => dictionary.close(|dictionary| dictionary.values().is_empty()),
        }
    }
    leaf.start_page(array.as_ref(), &mut workshop.page);
    write_words(&workshop.words, width, &mut workshop.page);
    leaf.push(Encoding::Plain, array.len(), workshop)
}

fn append_bytes(
    leaf: &mut Leaf,
    dictionary: &mut Dictionary<BytesDictionary>,
    bounds: &mut Bounds,
    series: &Series,
    workshop: &mut Workshop,
) -> PolarsResult<()> {
    let array = chunk_of::<BinaryViewArray>(series)?;
    leaf.values += array.len() - array.null_count();
    bounds.add_nulls(array.null_count());
    if let Dictionary::Open(open) = dictionary {
        match (open.number_all(array, leaf.values / TIMES, &mut workshop.numbers), open.len()) {
            (true, 0) => {},
            (true, values) => return leaf.push_numbers(array, values, workshop),
            (false, _) => dictionary.close(|dictionary| dictionary.len() == 0),
        }
    }
    bounds.add_texts(array);
    let mut start = 0;
    while start < array.len() {
        let (mut end, mut bytes) = (start, 0);
        while end < array.len() && bytes < PAGE_BYTES {
            bytes += if array.is_valid(end) { array.views()[end].length as usize + 4 } else { 0 };
            end += 1;
        }
        let piece = array.clone().sliced(start, end - start);
        leaf.start_page(&piece, &mut workshop.page);
        workshop.page.reserve(bytes);
        write_bytes(&piece, &mut workshop.page);
        leaf.push(Encoding::Plain, piece.len(), workshop)?;
        start = end;
    }
    Ok(())
}

fn append_booleans(leaf: &mut Leaf, series: &Series, workshop: &mut Workshop) -> PolarsResult<()> {
    let array = chunk_of::<BooleanArray>(series)?;
    leaf.start_page(array, &mut workshop.page);
    let values = match array.null_count() {
        0 => packed(array.values()),
        _ => packed(&array.iter().flatten().collect()),
    };
    workshop.page.extend_from_slice(&values);
    leaf.push(Encoding::Plain, array.len(), workshop)
}

fn append_categories(
    leaf: &mut Leaf,
    dictionary: &mut BytesDictionary,
    series: &Series,
    workshop: &mut Workshop,
) -> PolarsResult<()> {
    let array = chunk_of::<BinaryViewArray>(series)?;
    dictionary.number_all(array, usize::MAX, &mut workshop.numbers);
    leaf.push_numbers(array, dictionary.len(), workshop)
}

fn chunk_of<A: Array>(series: &Series) -> PolarsResult<&A> {
    series.chunks()[0].as_any().downcast_ref().ok_or_else(|| {
        let reason = format!("column `{}` lies in memory as another type than `{}`", series.name(), series.dtype());
        PolarsError::SchemaMismatch(reason.into())
    })
}
