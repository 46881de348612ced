//! What a column chunk says of its values: smallest, largest, number of nulls.

use std::cmp::Ordering;
use std::ops::Range;

use polars_arrow::array::{Array, BinaryViewArray};
use polars_core::datatypes::{AnyValue, DataType};
use polars_core::error::PolarsResult;
use polars_core::scalar::Scalar;
use polars_core::series::Series;
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::parquet::statistics::ParquetStatistics;

/// Longer texts are cut, or left out: readers load footers whole.
const MOST_BYTES: usize = 64;

/// What is known of the values of a chunk while they come.
#[derive(Default)]
pub(super) struct Bounds {
    nulls: usize,
    min: Option<Scalar>,
    max: Option<Scalar>,
    texts: Option<TextBounds>,
}

/// The smallest and the largest of texts, or of other bytes.
struct TextBounds {
    min: Vec<u8>,
    max: Vec<u8>,
    /// How they begin: what lies between is looked at no further.
    prefixes: Range<u32>,
}

impl Bounds {
    /// Adds the values of `series`, which are no bytes.
    pub(super) fn add(&mut self, series: &Series) -> PolarsResult<()> {
        self.nulls += series.null_count();
        // Others do not order as their encodings do.
        let has_order = match series.dtype() {
            DataType::Boolean | DataType::Decimal(..) => true,
            DataType::Date | DataType::Time | DataType::Datetime(..) | DataType::Duration(_) => true,
            dtype => dtype.is_primitive_numeric(),
        };
        if has_order && series.null_count() < series.len() {
            keep(&mut self.min, series.min_reduce()?, Ordering::Less);
            keep(&mut self.max, series.max_reduce()?, Ordering::Greater);
        }
        Ok(())
    }

    /// Adds rows without a value.
    pub(super) fn add_nulls(&mut self, nulls: usize) {
        self.nulls += nulls;
    }

    /// Adds the texts of `array`, but not its nulls.
    pub(super) fn add_texts(&mut self, array: &BinaryViewArray) {
        for (row, view) in array.views().iter().enumerate() {
            let prefix = view.prefix.swap_bytes();
            let is_between = |texts: &TextBounds| texts.prefixes.start < prefix && prefix < texts.prefixes.end;
            if !self.texts.as_ref().is_some_and(is_between) && array.is_valid(row) {
                self.add_text(array.value(row));
            }
        }
    }

    /// Adds a text.
    pub(super) fn add_text(&mut self, text: &[u8]) {
        let prefix_of = |text: &[u8]| {
            let mut prefix = [0; 4];
            let length = text.len().min(4);
            prefix[..length].copy_from_slice(&text[..length]);
            u32::from_be_bytes(prefix)
        };
        let prefix = prefix_of(text);
        match &mut self.texts {
            None => self.texts = Some(TextBounds { min: text.to_vec(), max: text.to_vec(), prefixes: prefix..prefix }),
            Some(texts) if text < texts.min.as_slice() => {
                texts.min = text.to_vec();
                texts.prefixes.start = prefix;
            },
            Some(texts) if text > texts.max.as_slice() => {
                texts.max = text.to_vec();
                texts.prefixes.end = prefix;
            },
            Some(_) => {},
        }
    }

    /// As they stand in the file, for a leaf of this physical type.
    pub(super) fn statistics(&self, physical: PhysicalType) -> ParquetStatistics {
        let bound =
            |value: &Option<Scalar>, bound| value.as_ref().and_then(|value| encode(value.value(), physical, bound));
        let (min_value, max_value) = match &self.texts {
            Some(texts) => (text_bound(&texts.min, Bound::Min), text_bound(&texts.max, Bound::Max)),
            None => (bound(&self.min, Bound::Min), bound(&self.max, Bound::Max)),
        };
        ParquetStatistics {
            null_count: Some(self.nulls as i64),
            distinct_count: None,
            min_value,
            max_value,
            min: None,
            max: None,
            is_min_value_exact: None,
            is_max_value_exact: None,
        }
    }
}

/// Keeps that of two values which lies beyond the other. NaN, which only comes if there is nothing else, lies nowhere.
fn keep(kept: &mut Option<Scalar>, value: Scalar, beyond: Ordering) {
    let is_nan = |value: &Scalar| match value.value() {
        AnyValue::Float32(value) => value.is_nan(),
        AnyValue::Float64(value) => value.is_nan(),
        _ => false,
    };
    let is_beyond = |kept: &Scalar| value.value().partial_cmp(kept.value()) == Some(beyond);
    if !is_nan(&value) && kept.as_ref().is_none_or(is_beyond) {
        *kept = Some(value);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Min,
    Max,
}

fn encode(value: &AnyValue, physical: PhysicalType, bound: Bound) -> Option<Vec<u8>> {
    // The specification wants zeros of this sign, as -0.0 equals 0.0.
    let zero = if bound == Bound::Min { -0.0 } else { 0.0 };
    match value {
        AnyValue::Boolean(value) => Some(vec![u8::from(*value)]),
        AnyValue::Float32(value) => Some(if *value == 0.0 { zero as f32 } else { *value }.to_le_bytes().to_vec()),
        AnyValue::Float64(value) => Some(if *value == 0.0 { zero } else { *value }.to_le_bytes().to_vec()),
        AnyValue::UInt64(value) => integer(i128::from(*value), physical),
        AnyValue::Decimal(value, ..) => integer(*value, physical),
        AnyValue::Time(value) | AnyValue::Datetime(value, ..) | AnyValue::Duration(value, _) => {
            integer(i128::from(*value), physical)
        },
        AnyValue::DatetimeOwned(value, ..) => integer(i128::from(*value), physical),
        AnyValue::Date(value) => integer(i128::from(*value), physical),
        value => integer(i128::from(value.extract::<i64>()?), physical),
    }
}

/// Unsigned integers keep their bits.
fn integer(value: i128, physical: PhysicalType) -> Option<Vec<u8>> {
    match physical {
        PhysicalType::Int32 => Some((value as i32).to_le_bytes().to_vec()),
        PhysicalType::Int64 => Some((value as i64).to_le_bytes().to_vec()),
        PhysicalType::FixedLenByteArray(length) => {
            value.to_be_bytes().get(16_usize.checked_sub(length)?..).map(<[u8]>::to_vec)
        },
        _ => None,
    }
}

/// The front of a value is not larger than the value, but may be smaller. It is a text if the value is one.
fn text_bound(text: &[u8], bound: Bound) -> Option<Vec<u8>> {
    if text.len() <= MOST_BYTES {
        return Some(text.to_vec());
    }
    let is_inside = |end: &usize| text[*end] & 0xc0 == 0x80;
    let end = (MOST_BYTES - 3..=MOST_BYTES).rev().find(|end| !is_inside(end)).unwrap_or(MOST_BYTES);
    (bound == Bound::Min).then(|| text[..end].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_texts_are_those_of_all() {
        let texts: Vec<Option<Vec<u8>>> = (0..3_000u32)
            .map(|n| {
                let n = n.wrapping_mul(2_654_435_761) >> 7;
                (n % 11 > 0)
                    .then(|| format!("{}{}", ["", "ab", "abc\0", "abcd", "é"][n as usize % 5], n % 1_000).into_bytes())
            })
            .collect();
        for (start, end) in [(0, 0), (0, 1), (3, 40), (1_000, 3_000)] {
            let mut bounds = Bounds::default();
            for piece in texts[start..end].chunks(700) {
                bounds.add_texts(&BinaryViewArray::from_slice(piece));
            }
            let found = bounds.statistics(PhysicalType::ByteArray);
            let all = || texts[start..end].iter().flatten().cloned();
            assert_eq!((found.min_value, found.max_value), (all().min(), all().max()));
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        for (text, cut) in [("a".repeat(64), 64), ("a".repeat(65), 64), (format!("a{}", "é".repeat(40)), 63)] {
            assert_eq!(text_bound(text.as_bytes(), Bound::Min).as_deref(), Some(&text.as_bytes()[..cut]));
            assert_eq!(text_bound(text.as_bytes(), Bound::Max).is_some(), text.len() <= 64);
        }
        assert_eq!(text_bound(&[0x80; 100], Bound::Min), Some(vec![0x80; 64]));
    }
}
