//! Column chunks put together by hand: encodings and page versions that no writer at hand produces, required columns, and
//! damage. The oracle is the list of values that went in.

use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;
use polars_parquet::parquet::compression::Compression;
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::write::CompressionOptions;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::cursor::ColumnCursor;
use super::page::Pages;
use super::types::values;
use super::unpack::tests::pack;
use crate::parquet::error::Damage;
use crate::parquet::pages::{check_pages, encoding};

/// How the values of a page are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Plain,
    Dictionary,
    Delta,
    Split,
    Runs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Int32,
    Int64,
    Decimal,
    Double,
    Boolean,
    Text,
    /// A decimal of five bytes.
    Fixed,
}

#[derive(Clone, Debug)]
struct Chunk {
    dtype: Type,
    is_optional: bool,
    is_v2: bool,
    is_compressed: bool,
    /// Rows of each page, and how they are stored.
    pages: Vec<(Vec<Option<u8>>, Stored)>,
}

impl Type {
    fn stored(self) -> PhysicalType {
        match self {
            Self::Int32 => PhysicalType::Int32,
            Self::Int64 | Self::Decimal => PhysicalType::Int64,
            Self::Double => PhysicalType::Double,
            Self::Boolean => PhysicalType::Boolean,
            Self::Text => PhysicalType::ByteArray,
            Self::Fixed => PhysicalType::FixedLenByteArray(5),
        }
    }

    fn arrow(self) -> ArrowDataType {
        match self {
            Self::Int32 => ArrowDataType::Int32,
            Self::Int64 => ArrowDataType::Int64,
            Self::Decimal | Self::Fixed => ArrowDataType::Decimal(12, 2),
            Self::Double => ArrowDataType::Float64,
            Self::Boolean => ArrowDataType::Boolean,
            Self::Text => ArrowDataType::Utf8View,
        }
    }

    /// The stored bytes of value number `n`.
    fn plain(self, n: u8) -> Vec<u8> {
        let integer = self.integer(n);
        match self {
            Self::Int32 => (integer as i32).to_le_bytes().to_vec(),
            Self::Int64 | Self::Decimal => integer.to_le_bytes().to_vec(),
            Self::Double => (integer as f64).to_le_bytes().to_vec(),
            Self::Boolean => vec![n & 1],
            Self::Text => [&(text(n).len() as u32).to_le_bytes()[..], text(n).as_bytes()].concat(),
            Self::Fixed => integer.to_be_bytes()[3..].to_vec(),
        }
    }

    fn integer(self, n: u8) -> i64 {
        (i64::from(n) - 100) * 1_000_003
    }

    /// What a row must look like, `n` being the number of its value.
    fn shown(self, n: Option<u8>) -> String {
        match (self, n) {
            (_, None) => "null".to_owned(),
            (Self::Int32, Some(n)) => (self.integer(n) as i32).to_string(),
            (Self::Int64 | Self::Decimal | Self::Fixed, Some(n)) => self.integer(n).to_string(),
            (Self::Double, Some(n)) => (self.integer(n) as f64).to_string(),
            (Self::Boolean, Some(n)) => (n & 1 == 1).to_string(),
            (Self::Text, Some(n)) => text(n),
        }
    }
}

fn text(n: u8) -> String {
    match n % 4 {
        0 => String::new(),
        1 => format!("{n}"),
        2 => format!("ä long text with the number {n}"),
        _ => "x".repeat(usize::from(n % 20)),
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn zigzag(value: i64) -> Vec<u8> {
    varint((value << 1 ^ value >> 63) as u64)
}

/// Runs of equal and of packed integers, in turns.
fn runs(integers: &[u32], width: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = integers;
    while let Some(first) = rest.first() {
        let equal = rest.iter().take_while(|integer| *integer == first).count();
        if equal >= 8 || rest.len() < 8 {
            bytes.extend(varint((equal as u64) << 1));
            bytes.extend(&first.to_le_bytes()[..width.div_ceil(8) as usize]);
            rest = &rest[equal..];
        } else {
            let groups = (rest.len() / 8).min(5);
            bytes.extend(varint((groups as u64) << 1 | 1));
            bytes.extend(pack(&rest[..groups * 8], width));
            rest = &rest[groups * 8..];
        }
    }
    bytes
}

/// Differences in blocks of 128 in four parts, of one width.
fn delta(integers: &[i64]) -> Vec<u8> {
    let first = integers.first().copied().unwrap_or(0);
    let mut bytes = [varint(128), varint(4), varint(integers.len() as u64), zigzag(first)].concat();
    let differences: Vec<i64> = integers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    for block in differences.chunks(128) {
        let least = block.iter().copied().min().unwrap_or(0);
        bytes.extend(zigzag(least));
        let above: Vec<u64> = block.iter().map(|difference| difference.wrapping_sub(least) as u64).collect();
        let width = above.iter().map(|value| 64 - value.leading_zeros()).max().unwrap_or(0);
        bytes.extend([width as u8; 4]);
        for part in above.chunks(32) {
            let mut packed = vec![0; 4 * width as usize];
            for (index, value) in part.iter().enumerate() {
                for bit in 0..width as usize {
                    let at = index * width as usize + bit;
                    packed[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
                }
            }
            bytes.extend(packed);
        }
    }
    bytes
}

impl Chunk {
    fn rows(&self) -> Vec<Option<u8>> {
        self.pages.iter().flat_map(|(rows, _)| rows.iter().copied()).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let dictionary: Vec<u8> = (0..=255).collect();
        if self.pages.iter().any(|(_, stored)| *stored == Stored::Dictionary) {
            let values: Vec<u8> = dictionary.iter().flat_map(|n| self.dtype.plain(*n)).collect();
            bytes.extend(self.page(2, dictionary.len(), encoding::PLAIN, &[], values));
        }
        for (rows, stored) in &self.pages {
            let present: Vec<u8> = rows.iter().flatten().copied().collect();
            let (encoding, values) = self.values(&present, *stored);
            let levels: Vec<u32> = rows.iter().map(|row| u32::from(row.is_some())).collect();
            let levels = if self.is_optional { runs(&levels, 1) } else { Vec::new() };
            bytes.extend(self.page(if self.is_v2 { 3 } else { 0 }, rows.len(), encoding, &levels, values));
        }
        bytes
    }

    fn values(&self, present: &[u8], stored: Stored) -> (i64, Vec<u8>) {
        let plain = || present.iter().map(|n| self.dtype.plain(*n)).collect::<Vec<_>>();
        match stored {
            Stored::Plain if self.dtype == Type::Boolean => {
                (encoding::PLAIN, pack(&present.iter().map(|n| u32::from(n & 1)).collect::<Vec<_>>(), 1))
            },
            Stored::Plain => (encoding::PLAIN, plain().concat()),
            Stored::Dictionary => {
                let codes: Vec<u32> = present.iter().map(|n| u32::from(*n)).collect();
                (encoding::RLE_DICTIONARY, [vec![9], runs(&codes, 9)].concat())
            },
            Stored::Delta if self.dtype == Type::Text => {
                let lengths: Vec<i64> = present.iter().map(|n| text(*n).len() as i64).collect();
                let texts: String = present.iter().map(|n| text(*n)).collect();
                (encoding::DELTA_LENGTH_BYTE_ARRAY, [delta(&lengths), texts.into_bytes()].concat())
            },
            Stored::Delta => {
                let integers: Vec<i64> = present.iter().map(|n| self.dtype.integer(*n)).collect();
                (encoding::DELTA_BINARY_PACKED, delta(&integers))
            },
            Stored::Split => {
                let width = plain().first().map_or(0, Vec::len);
                let streams = (0..width).flat_map(|byte| plain().into_iter().map(move |value| value[byte]));
                (encoding::BYTE_STREAM_SPLIT, streams.collect())
            },
            Stored::Runs => {
                let runs = runs(&present.iter().map(|n| u32::from(n & 1)).collect::<Vec<_>>(), 1);
                (encoding::RLE, [&(runs.len() as u32).to_le_bytes()[..], &runs].concat())
            },
        }
    }

    fn page(&self, kind: i64, rows: usize, encoding: i64, levels: &[u8], values: Vec<u8>) -> Vec<u8> {
        let compress = |bytes: Vec<u8>| {
            if !self.is_compressed || bytes.is_empty() {
                return bytes;
            }
            let mut compressed = Vec::new();
            polars_parquet::parquet::compression::compress(CompressionOptions::Snappy, &bytes, &mut compressed)
                .unwrap();
            compressed
        };
        let size = |bytes: &[u8]| bytes.len() as i64;
        let (uncompressed, body) = match kind {
            3 => (size(levels) + size(&values), [levels.to_vec(), compress(values)].concat()),
            0 if self.is_optional => {
                let whole = [&(levels.len() as u32).to_le_bytes()[..], levels, &values].concat();
                (size(&whole), compress(whole))
            },
            _ => (size(&values), compress(values)),
        };
        let mut bytes = [vec![0x15], zigzag(kind), vec![0x15], zigzag(uncompressed), vec![0x15]].concat();
        bytes.extend(zigzag(size(&body)));
        let field = match kind {
            0 => 5,
            2 => 7,
            _ => 8,
        };
        bytes.push((field - 3) << 4 | 12);
        bytes.extend([vec![0x15], zigzag(rows as i64)].concat());
        match kind {
            3 => {
                // nulls, rows, encoding, bytes of definition levels, bytes of repetition levels
                for number in [0, rows as i64, encoding, size(levels), 0] {
                    bytes.push(0x15);
                    bytes.extend(zigzag(number));
                }
            },
            _ => bytes.extend([vec![0x15], zigzag(encoding)].concat()),
        }
        bytes.extend([0, 0]);
        bytes.extend(body);
        bytes
    }

    fn cursor(&self, bytes: &[u8]) -> Result<ColumnCursor, Damage> {
        check_pages(bytes, self.rows().len() as u64, bytes.len() as u64)?;
        let compression = if self.is_compressed { Compression::Snappy } else { Compression::Uncompressed };
        let pages = Pages::new(Buffer::from(bytes.to_vec()), compression, self.is_optional);
        Ok(ColumnCursor::start(pages, values(self.dtype.stored(), None, &self.dtype.arrow()).unwrap()))
    }
}

fn shown(array: &dyn Array) -> Vec<String> {
    fn show<T: ToString>(values: impl Iterator<Item = Option<T>>) -> Vec<String> {
        values.map(|value| value.map_or("null".to_owned(), |value| value.to_string())).collect()
    }
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<PrimitiveArray<i32>>() {
        show(array.iter().map(|value| value.copied()))
    } else if let Some(array) = any.downcast_ref::<PrimitiveArray<i64>>() {
        show(array.iter().map(|value| value.copied()))
    } else if let Some(array) = any.downcast_ref::<PrimitiveArray<i128>>() {
        show(array.iter().map(|value| value.copied()))
    } else if let Some(array) = any.downcast_ref::<PrimitiveArray<f64>>() {
        show(array.iter().map(|value| value.copied()))
    } else if let Some(array) = any.downcast_ref::<BooleanArray>() {
        show(array.iter())
    } else {
        let array = any.downcast_ref::<Utf8ViewArray>().unwrap();
        // The bytes, not the text: what is not UTF-8 must be noticed here.
        show(array.iter().map(|value| value.map(|text| std::str::from_utf8(text.as_bytes()).unwrap())))
    }
}

/// What a reader does with the next rows.
#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Skip(usize),
    Select(Vec<bool>),
}

/// Goes through `rows` rows by `steps`, again and again. Yields the rows that were read of each step, and the places at
/// which they stood.
fn walk(cursor: &mut ColumnCursor, rows: usize, steps: &[Step]) -> Result<(Vec<String>, Vec<usize>), Damage> {
    let (mut found, mut places, mut at) = (Vec::new(), Vec::new(), 0);
    let mut steps = steps.iter().cycle();
    while at < rows {
        match steps.next().cloned().unwrap_or(Step::Read(1)) {
            Step::Read(count) => {
                let count = count.min(rows - at);
                found.extend(shown(cursor.read(count)?.as_ref()));
                places.extend(at..at + count);
                at += count;
            },
            Step::Skip(count) => {
                cursor.skip(count);
                at += count;
            },
            Step::Select(mut mask) => {
                mask.truncate(rows - at);
                let selected: Bitmap = mask.iter().copied().collect();
                let mut rows = cursor.begin(mask.len(), Some(&selected));
                while !cursor.read_page(&mut rows)? {}
                found.extend(shown(cursor.finish(rows)?.as_ref()));
                places.extend((at..).zip(&mask).filter(|(_, selected)| **selected).map(|(place, _)| place));
                at += mask.len();
            },
        }
    }
    Ok((found, places))
}

fn chunk() -> impl Strategy<Value = Chunk> {
    let types = vec![Type::Int32, Type::Int64, Type::Decimal, Type::Double, Type::Boolean, Type::Text, Type::Fixed];
    (select(types), any::<[bool; 3]>(), 0..4usize).prop_flat_map(
        |(dtype, [is_optional, is_v2, is_compressed], pages)| {
            let stored = match dtype {
                Type::Int32 | Type::Int64 | Type::Decimal => {
                    vec![Stored::Plain, Stored::Dictionary, Stored::Delta, Stored::Split]
                },
                Type::Double | Type::Fixed => vec![Stored::Plain, Stored::Dictionary, Stored::Split],
                Type::Boolean => vec![Stored::Plain, Stored::Runs],
                Type::Text => vec![Stored::Plain, Stored::Dictionary, Stored::Delta],
            };
            // Runs of equal rows, some of them null.
            let run = (any::<u8>(), 0..8u8, 1..20usize);
            let rows = proptest::collection::vec(run, 0..25).prop_map(move |runs| {
                let row = |value, null| (null > 1 || !is_optional).then_some(value);
                runs.into_iter().flat_map(|(value, null, count)| std::iter::repeat_n(row(value, null), count)).collect()
            });
            proptest::collection::vec((rows, select(stored)), pages).prop_map(move |pages| Chunk {
                dtype,
                is_optional,
                is_v2,
                is_compressed,
                pages,
            })
        },
    )
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..200usize).prop_map(Step::Read),
        (1..200usize).prop_map(Step::Skip),
        proptest::collection::vec(proptest::bool::weighted(0.2), 1..200).prop_map(Step::Select),
        proptest::collection::vec(any::<bool>(), 1..50).prop_map(Step::Select),
    ];
    proptest::collection::vec(step, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_as_they_were_stored(chunk in chunk(), steps in steps()) {
        let rows = chunk.rows();
        let mut cursor = chunk.cursor(&chunk.bytes()).unwrap();
        let (found, places) = walk(&mut cursor, rows.len(), &steps).unwrap();
        let expected: Vec<String> = places.iter().map(|place| chunk.dtype.shown(rows[*place])).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_part_of_the_pages_yields_the_same_rows_or_none(chunk in chunk(), limit in 0..600usize, rows in 1..50usize) {
        let expected: Vec<String> = chunk.rows().into_iter().map(|row| chunk.dtype.shown(row)).collect();
        let rows = rows.min(expected.len());
        if let Ok(found) = chunk.cursor(&chunk.bytes()).unwrap().with_limit(limit).read(rows) {
            prop_assert_eq!(&shown(found.as_ref())[..], &expected[..rows]);
        }
    }

    #[test]
    fn damage_is_an_error_or_another_value(
        chunk in chunk(),
        steps in steps(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = chunk.bytes();
        if bytes.is_empty() {
            return Ok(());
        }
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Whatever is there, it does not panic and text is UTF-8.
        if let Ok(mut cursor) = chunk.cursor(&bytes) {
            let _ = walk(&mut cursor, chunk.rows().len(), &steps);
        }
    }
}
