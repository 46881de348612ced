//! A bit for each integer of a range.

use std::sync::atomic::{AtomicU64, Ordering};

use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_core::prelude::*;

use super::extent::Extent;
use super::set::{put, zeros};

/// Bits that a key may take.
const BITS_A_KEY: u128 = 64;
/// A bitmap of this many bits (1 MiB) is worth it for however few keys: it stays in the cache, and needs no hash.
const SMALL_BITS: u128 = 1 << 23;
/// The largest bitmap, 64 MiB.
const MOST_BITS: u128 = 1 << 29;

/// Calls `$body` with the physical integers of `$series`.
macro_rules! with_integers {
    ($series:expr, |$column:ident| $body:block) => {{
        let physical = $series.to_physical_repr();
        match physical.dtype() {
            DataType::Int8 => { let $column = physical.i8()?; $body },
            DataType::Int16 => { let $column = physical.i16()?; $body },
            DataType::Int32 => { let $column = physical.i32()?; $body },
            DataType::Int64 => { let $column = physical.i64()?; $body },
            DataType::UInt8 => { let $column = physical.u8()?; $body },
            DataType::UInt16 => { let $column = physical.u16()?; $body },
            DataType::UInt32 => { let $column = physical.u32()?; $body },
            DataType::UInt64 => { let $column = physical.u64()?; $body },
            other => polars_error::polars_bail!(SchemaMismatch: "a column of type `{other}` holds no integers"),
        }
    }};
}

/// The integers of a column, exactly.
#[derive(Debug)]
pub(super) struct IntegerBitmap {
    /// The integer of the first bit, a multiple of 64.
    pub(super) base: i128,
    pub(super) words: Box<[AtomicU64]>,
}

impl IntegerBitmap {
    /// An empty bitmap for about `keys` integers between `min` and `max`; `None` if they lie too far apart.
    pub(super) fn new(min: i128, max: i128, keys: u64) -> Option<Self> {
        let base = min - min.rem_euclid(64);
        let bits = (max - base) as u128 + 1;
        let limit = (u128::from(keys) * BITS_A_KEY).clamp(SMALL_BITS, MOST_BITS);
        (bits <= limit).then(|| Self { base, words: zeros(bits.div_ceil(64) as usize) })
    }

    /// Whether a column of a type can be held.
    pub(super) fn holds(dtype: &DataType) -> bool {
        let is_temporal =
            matches!(dtype, DataType::Date | DataType::Datetime(..) | DataType::Duration(_) | DataType::Time);
        is_temporal || (dtype.is_integer() && !matches!(dtype, DataType::Int128 | DataType::UInt128))
    }

    /// Adds the values of a column that are not null, all of which must be in the range.
    #[expect(clippy::unnecessary_cast, reason = "for one of the types of the macro")]
    pub(super) fn insert(&self, series: &Series, exclusive: bool) -> PolarsResult<()> {
        with_integers!(series, |column| {
            for chunk in column.downcast_iter() {
                let values = chunk.values().as_slice();
                match chunk.validity().filter(|validity| validity.unset_bits() > 0) {
                    None => values.iter().for_each(|value| self.put(*value as u64, exclusive)),
                    Some(validity) => {
                        validity.true_idx_iter().for_each(|row| self.put(values[row] as u64, exclusive));
                    },
                }
            }
        });
        Ok(())
    }

    #[inline]
    fn put(&self, value: u64, exclusive: bool) {
        let offset = value.wrapping_sub(self.base as u64);
        if let Some(word) = self.words.get((offset / 64) as usize) {
            put(word, 1 << (offset % 64), exclusive);
        }
    }

    /// Which values of a column are in the set, whatever lies below nulls.
    #[expect(clippy::unnecessary_cast, reason = "for one of the types of the macro")]
    pub(super) fn mask(&self, series: &Series) -> PolarsResult<Bitmap> {
        let mut mask = BitmapBuilder::with_capacity(series.len());
        with_integers!(series, |column| {
            for chunk in column.downcast_iter() {
                mask.extend_from_bitmap(&self.bits(chunk.values().as_slice(), |value| value as u64));
            }
        });
        Ok(mask.freeze())
    }

    fn bits<T: Copy>(&self, values: &[T], to_word: impl Fn(T) -> u64) -> Bitmap {
        let base = self.base as u64;
        let mut bytes = Vec::with_capacity(values.len().div_ceil(64) * 8);
        // There is at least one word: see `new`. What lies outside looks at the last one, and is masked out.
        let last = self.words.len() - 1;
        for values in values.chunks(64) {
            let mut bits = 0u64;
            for (position, value) in values.iter().enumerate() {
                // Wraps around: what is below the base becomes larger than any offset.
                let offset = to_word(*value).wrapping_sub(base);
                let index = offset / 64;
                let inside = index <= last as u64;
                let word = self.words[index.min(last as u64) as usize].load(Ordering::Relaxed);
                bits |= ((word >> (offset % 64)) & u64::from(inside)) << position;
            }
            bytes.extend(bits.to_le_bytes());
        }
        Bitmap::from_u8_vec(bytes, values.len())
    }

    /// Whether there is a value in `extent`.
    pub(super) fn may_hold(&self, extent: &Extent) -> bool {
        let Extent::Integers { min, max } = extent else { return true };
        let end = self.base + self.words.len() as i128 * 64;
        if *max < self.base || *min >= end {
            return false;
        }
        let (from, to) = ((min.max(&self.base) - self.base) as u64, (max.min(&(end - 1)) - self.base) as u64);
        let (first, last) = ((from / 64) as usize, (to / 64) as usize);
        (first..=last).any(|index| {
            let mut word = self.words[index].load(Ordering::Relaxed);
            if index == first {
                word &= u64::MAX << (from % 64);
            }
            if index == last {
                word &= u64::MAX >> (63 - to % 64);
            }
            word != 0
        })
    }

    /// The values of both; `None` if they lie too far apart.
    pub(super) fn merge(self, other: Self, keys: u64) -> Option<Self> {
        let end = |map: &Self| map.base + map.words.len() as i128 * 64;
        let merged = Self::new(self.base.min(other.base), end(&self).max(end(&other)) - 1, keys)?;
        for map in [self, other] {
            let start = ((map.base - merged.base) / 64) as usize;
            for (word, bits) in merged.words[start..].iter().zip(map.words) {
                put(word, bits.into_inner(), true);
            }
        }
        Some(merged)
    }
}
