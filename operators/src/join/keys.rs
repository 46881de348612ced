//! Join keys as machine words.
//!
//! Keys of fixed width are packed side by side into one 64- or 128-bit word, which then *is* the key: equal words, equal
//! keys. Other keys (strings, nested values, too many columns) use the row hash as their word, and
//! [`KeyColumns`](super::compare::KeyColumns) decides between keys of equal hash.

use polars_arrow::bitmap::Bitmap;
use polars_arrow::compute::utils::combine_validities_and_many;
use polars_core::prelude::*;
use polars_utils::total_ord::{canonical_f32, canonical_f64};
use quokka_engine::error::OperatorError;
use quokka_engine::hash::hash_rows;

use super::error::JoinError;

/// How the keys of a join are represented. Both sides have the same types, so one format serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFormat {
    /// There are no keys: every row matches every row.
    Keyless,
    /// The word is the key, 64 bits.
    Narrow,
    /// The word is the key, 128 bits.
    Wide,
    /// The word is the hash of the key.
    Hashed,
}

impl KeyFormat {
    /// The format for key columns of these types.
    pub(super) fn choose(dtypes: &[DataType], nulls_equal: bool) -> Self {
        let mut bits = 0;
        for dtype in dtypes {
            match value_bits(dtype) {
                Some(width) => bits += width + nulls_equal as u32,
                None => return KeyFormat::Hashed,
            }
        }
        match bits {
            _ if dtypes.is_empty() => KeyFormat::Keyless,
            ..=64 => KeyFormat::Narrow,
            65..=128 => KeyFormat::Wide,
            _ => KeyFormat::Hashed,
        }
    }
}

/// The keys of a batch.
pub(super) struct Keys {
    /// The hash that also decides which worker owns the row.
    pub(super) hashes: Vec<u64>,
    pub(super) words: Words,
    /// Rows that can match at all; `None` for all of them.
    pub(super) valid: Option<Bitmap>,
}

/// One word a row.
pub(super) enum Words {
    /// None, or the same as the hash.
    Absent,
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

impl Keys {
    /// Hashes and packs the columns `names` of `frame`, which must be of types `dtypes`.
    pub(super) fn of(
        frame: &DataFrame,
        names: &[PlSmallStr],
        dtypes: &[DataType],
        format: KeyFormat,
        nulls_equal: bool,
    ) -> Result<Self, OperatorError> {
        for (name, planned) in names.iter().zip(dtypes) {
            let arrived = frame.column(name)?.dtype();
            if arrived != planned {
                let (name, planned, arrived) = (name.clone(), planned.clone().into(), arrived.clone().into());
                return Err(JoinError::KeyTypeChanged { name, planned, arrived }.into());
            }
        }
        let hashes = hash_rows(frame, names)?;
        let words = match format {
            KeyFormat::Keyless | KeyFormat::Hashed => Words::Absent,
            KeyFormat::Narrow => Words::Narrow(pack(frame, names, nulls_equal)?),
            KeyFormat::Wide => Words::Wide(pack(frame, names, nulls_equal)?),
        };
        let valid = if nulls_equal { None } else { valid_rows(frame, names)? };
        Ok(Self { hashes, words, valid })
    }
}

fn valid_rows(frame: &DataFrame, names: &[PlSmallStr]) -> Result<Option<Bitmap>, OperatorError> {
    let mut validities = Vec::with_capacity(names.len());
    for name in names {
        let series = frame.column(name)?.as_materialized_series();
        if series.null_count() > 0 {
            validities.push(match series.dtype() {
                DataType::Null => Some(Bitmap::new_zeroed(series.len())),
                _ => series.rechunk_validity(),
            });
        }
    }
    Ok(combine_validities_and_many(&validities))
}

/// Bits that hold any value of a type; `None` if they are not fixed.
fn value_bits(dtype: &DataType) -> Option<u32> {
    Some(match dtype {
        DataType::Null => 0,
        DataType::Boolean => 1,
        DataType::Int8 | DataType::UInt8 => 8,
        DataType::Int16 | DataType::UInt16 => 16,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 | DataType::Date => 32,
        DataType::Int64 | DataType::UInt64 | DataType::Float64 => 64,
        DataType::Datetime(..) | DataType::Duration(_) | DataType::Time => 64,
        DataType::Decimal(..) => 128,
        DataType::Categorical(..) | DataType::Enum(..) => match dtype.cat_physical().ok()? {
            CategoricalPhysical::U8 => 8,
            CategoricalPhysical::U16 => 16,
            CategoricalPhysical::U32 => 32,
        },
        _ => return None,
    })
}

/// A word that keys are packed into.
pub(super) trait Word: Copy + Ord + Default {
    /// Makes room for `bits` bits and puts `value` there.
    fn append(self, bits: u32, value: u128) -> Self;
    /// Sets the last `bits` bits to zero.
    fn clear_low(self, bits: u32) -> Self;
}

impl Word for u64 {
    #[inline]
    fn append(self, bits: u32, value: u128) -> Self {
        self.checked_shl(bits).unwrap_or(0) | value as u64
    }

    fn clear_low(self, bits: u32) -> Self {
        self.checked_shr(bits).and_then(|word| word.checked_shl(bits)).unwrap_or(0)
    }
}

impl Word for u128 {
    #[inline]
    fn append(self, bits: u32, value: u128) -> Self {
        self.checked_shl(bits).unwrap_or(0) | value
    }

    fn clear_low(self, bits: u32) -> Self {
        self.checked_shr(bits).and_then(|word| word.checked_shl(bits)).unwrap_or(0)
    }
}

fn pack<W: Word>(frame: &DataFrame, names: &[PlSmallStr], nulls_equal: bool) -> Result<Vec<W>, OperatorError> {
    let mut words = vec![W::default(); frame.height()];
    for name in names {
        let series = frame.column(name)?.as_materialized_series();
        pack_column(&mut words, series)?;
        if nulls_equal {
            mark_nulls(&mut words, series);
        }
    }
    Ok(words)
}

fn pack_column<W: Word>(words: &mut [W], series: &Series) -> Result<(), OperatorError> {
    let bits = value_bits(series.dtype()).unwrap_or(0);
    let physical = series.to_physical_repr();
    match physical.dtype() {
        DataType::Null => {},
        DataType::Boolean => {
            for (word, value) in words.iter_mut().zip(physical.bool()?.iter()) {
                *word = word.append(bits, value.unwrap_or(false) as u128);
            }
        },
        DataType::Int8 => pack_values(words, bits, physical.i8()?, |v| v as u8 as u128),
        DataType::Int16 => pack_values(words, bits, physical.i16()?, |v| v as u16 as u128),
        DataType::Int32 => pack_values(words, bits, physical.i32()?, |v| v as u32 as u128),
        DataType::Int64 => pack_values(words, bits, physical.i64()?, |v| v as u64 as u128),
        DataType::Int128 => pack_values(words, bits, physical.i128()?, |v| v as u128),
        DataType::UInt8 => pack_values(words, bits, physical.u8()?, |v| v as u128),
        DataType::UInt16 => pack_values(words, bits, physical.u16()?, |v| v as u128),
        DataType::UInt32 => pack_values(words, bits, physical.u32()?, |v| v as u128),
        DataType::UInt64 => pack_values(words, bits, physical.u64()?, |v| v as u128),
        DataType::Float32 => pack_values(words, bits, physical.f32()?, |v| canonical_f32(v).to_bits() as u128),
        DataType::Float64 => pack_values(words, bits, physical.f64()?, |v| canonical_f64(v).to_bits() as u128),
        // `KeyFormat::choose` gives such keys no word.
        _ => {},
    }
    Ok(())
}

fn pack_values<W: Word, T: PolarsNumericType>(
    words: &mut [W],
    bits: u32,
    column: &ChunkedArray<T>,
    to_bits: impl Fn(T::Native) -> u128,
) {
    let mut rest = words;
    for chunk in column.downcast_iter() {
        let (head, tail) = rest.split_at_mut(chunk.len());
        for (word, value) in head.iter_mut().zip(chunk.values().iter()) {
            *word = word.append(bits, to_bits(*value));
        }
        rest = tail;
    }
}

/// Appends a bit that tells nulls from values, and clears whatever lies below a null.
fn mark_nulls<W: Word>(words: &mut [W], series: &Series) {
    let bits = value_bits(series.dtype()).unwrap_or(0);
    if series.null_count() == 0 {
        words.iter_mut().for_each(|word| *word = word.append(1, 0));
        return;
    }
    let nulls = series.is_null();
    for (word, null) in words.iter_mut().zip(nulls.iter()) {
        let null = null.unwrap_or(false);
        if null {
            *word = word.clear_low(bits);
        }
        *word = word.append(1, null as u128);
    }
}
