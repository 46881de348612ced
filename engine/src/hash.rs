//! Row hashes with one fixed seed everywhere: equal keys meet on one worker, in whatever process, in every run.
//!
//! Integers and other fixed-width values are mixed by a folded multiplication (the high and low halves of a 64 × 64 → 128
//! bit product, as in wyhash and foldhash); strings by foldhash with a fixed seed; columns are combined in order.
//! Values that compare equal hash equal: -0.0 and 0.0, all NaNs, nulls, and categories by their text.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;
use polars_arrow::types::NativeType;
use polars_core::prelude::*;

use crate::error::{ErrorKind, OperatorError};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;
const NULL: u64 = 0x2545_f491_4f6c_dd1d;

/// The hash of each row of `frame` over its columns `keys`.
///
/// Stable across workers, processes and runs of one build. With no keys all rows hash equal.
///
/// ```
/// let df = polars_core::df!("a" => [1i64, 2, 1], "b" => ["x", "y", "x"]).unwrap();
/// let hashes = quokka_engine::hash::hash_rows(&df, &["a".into(), "b".into()]).unwrap();
/// assert_eq!(hashes[0], hashes[2]);
/// assert_ne!(hashes[0], hashes[1]);
/// ```
///
/// # Errors
/// A key that is not a column, or of a type that has no hash.
pub fn hash_rows(frame: &DataFrame, keys: &[PlSmallStr]) -> Result<Vec<u64>, OperatorError> {
    let mut hashes = vec![SEED; frame.height()];
    for key in keys {
        hash_column(frame.column(key)?.as_materialized_series(), &mut hashes)?;
    }
    Ok(hashes)
}

/// The owner of a hash among `parts` equal ranges of the hash space.
#[inline]
pub fn part_of(hash: u64, parts: usize) -> usize {
    ((hash as u128 * parts as u128) >> 64) as usize
}

#[inline]
fn mix(value: u64) -> u64 {
    let product = (value ^ SEED) as u128 * MULTIPLIER as u128;
    (product as u64) ^ (product >> 64) as u64
}

#[inline]
fn combine(hash: u64, value: u64) -> u64 {
    mix(hash.rotate_left(23) ^ value)
}

fn hash_column(series: &Series, hashes: &mut [u64]) -> Result<(), OperatorError> {
    match series.dtype() {
        DataType::Null => hashes.iter_mut().for_each(|hash| *hash = combine(*hash, NULL)),
        DataType::Boolean => hash_values(series.bool()?.iter().map(|v| v.map_or(NULL, |v| v as u64 + 1)), hashes),
        DataType::String => {
            let state = FixedState::with_seed(SEED);
            hash_values(series.str()?.iter().map(|v| v.map_or(NULL, |v| state.hash_one(v.as_bytes()))), hashes);
        },
        DataType::Binary => {
            let state = FixedState::with_seed(SEED);
            hash_values(series.binary()?.iter().map(|v| v.map_or(NULL, |v| state.hash_one(v))), hashes);
        },
        DataType::Categorical(..) | DataType::Enum(..) => hash_column(&series.cast(&DataType::String)?, hashes)?,
        DataType::Struct(_) => {
            let nulls = (series.null_count() > 0).then(|| (series.is_null(), hashes.to_vec()));
            for field in series.struct_()?.fields_as_series() {
                hash_column(&field, hashes)?;
            }
            // What lies below a null must not count, and a value must hash the same whether its batch has nulls or not.
            if let Some((is_null, before)) = nulls {
                for ((hash, before), null) in hashes.iter_mut().zip(before).zip(is_null.iter()) {
                    if null == Some(true) {
                        *hash = combine(before, NULL);
                    }
                }
            }
        },
        DataType::List(_) => {
            for (hash, list) in hashes.iter_mut().zip(series.list()?.amortized_iter()) {
                *hash = match list {
                    None => combine(*hash, NULL),
                    Some(list) => {
                        let list = list.as_ref();
                        let mut items = vec![SEED; list.len()];
                        hash_column(list, &mut items)?;
                        items.into_iter().fold(combine(*hash, list.len() as u64), combine)
                    },
                };
            }
        },
        DataType::Array(_, width) => {
            let array = series.array()?;
            let mut items = vec![SEED; series.len() * width];
            hash_column(&array.get_inner(), &mut items)?;
            let valid = series.rechunk_validity();
            for (row, hash) in hashes.iter_mut().enumerate() {
                *hash = match &valid {
                    Some(valid) if !valid.get_bit(row) => combine(*hash, NULL),
                    _ => items[row * width..][..*width].iter().fold(*hash, |hash, item| combine(hash, *item)),
                };
            }
        },
        _ => hash_physical(&series.to_physical_repr(), hashes)?,
    }
    Ok(())
}

fn hash_physical(series: &Series, hashes: &mut [u64]) -> Result<(), OperatorError> {
    match series.dtype() {
        DataType::Int8 => hash_native(series.i8()?, |v| v as u64, hashes),
        DataType::Int16 => hash_native(series.i16()?, |v| v as u64, hashes),
        DataType::Int32 => hash_native(series.i32()?, |v| v as u64, hashes),
        DataType::Int64 => hash_native(series.i64()?, |v| v as u64, hashes),
        DataType::UInt8 => hash_native(series.u8()?, |v| v as u64, hashes),
        DataType::UInt16 => hash_native(series.u16()?, |v| v as u64, hashes),
        DataType::UInt32 => hash_native(series.u32()?, |v| v as u64, hashes),
        DataType::UInt64 => hash_native(series.u64()?, |v| v, hashes),
        DataType::Int128 => hash_native(series.i128()?, |v| (v as u64) ^ mix((v >> 64) as u64), hashes),
        DataType::UInt128 => hash_native(series.u128()?, |v| (v as u64) ^ mix((v >> 64) as u64), hashes),
        DataType::Float32 => hash_native(series.f32()?, |v| canonical(v as f64), hashes),
        DataType::Float64 => hash_native(series.f64()?, canonical, hashes),
        other => {
            return Err(OperatorError::message(
                ErrorKind::InvalidQuery,
                format!("a column of type `{other}` cannot be a key: cast it to a type that can be hashed"),
            ));
        },
    }
    Ok(())
}

fn canonical(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

fn hash_values(values: impl Iterator<Item = u64>, hashes: &mut [u64]) {
    for (hash, value) in hashes.iter_mut().zip(values) {
        *hash = combine(*hash, value);
    }
}

fn hash_native<T>(column: &ChunkedArray<T>, bits: impl Fn(T::Native) -> u64, hashes: &mut [u64])
where
    T: PolarsNumericType,
    T::Native: NativeType,
{
    let mut rest = hashes;
    for chunk in column.downcast_iter() {
        let (head, tail) = rest.split_at_mut(chunk.len());
        match chunk.validity().filter(|validity| validity.unset_bits() > 0) {
            None => hash_values(chunk.values().iter().map(|value| bits(*value)), head),
            Some(validity) => {
                let values = chunk.values().iter().zip(validity.iter());
                hash_values(values.map(|(value, valid)| if valid { bits(*value) } else { NULL }), head);
            },
        }
        rest = tail;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_hash_equal() {
        let df = df!(
            "f" => [Some(0.0f64), Some(-0.0), Some(f64::NAN), Some(-f64::NAN), None, None],
            "s" => [Some("a"), Some("a"), Some("b"), Some("b"), None, None],
        )
        .unwrap();
        let hashes = hash_rows(&df, &["f".into(), "s".into()]).unwrap();
        assert_eq!(hashes[0], hashes[1]);
        assert_eq!(hashes[2], hashes[3]);
        assert_eq!(hashes[4], hashes[5]);
        assert_ne!(hashes[0], hashes[2]);
        assert_ne!(hashes[0], hashes[4]);
    }

    #[test]
    fn null_slots_hide_their_value() {
        let plain = Int64Chunked::from_slice("a".into(), &[7, 8]);
        let masked = plain.set(&BooleanChunked::from_slice("m".into(), &[true, true]), None).unwrap();
        let nulls = Int64Chunked::full_null("a".into(), 2);
        let of =
            |ca: Int64Chunked| hash_rows(&DataFrame::new(2, vec![ca.into_column()]).unwrap(), &["a".into()]).unwrap();
        assert_eq!(of(masked), of(nulls));
    }

    #[test]
    fn null_structs_hide_their_fields() {
        let of = |numbers: [i64; 3], valid: [bool; 3]| {
            let field = Int64Chunked::from_slice("n".into(), &numbers).into_series();
            let structs = StructChunked::from_series("a".into(), 3, [field].iter()).unwrap();
            let structs = structs.with_outer_validity(Some(valid.into_iter().collect()));
            hash_rows(&DataFrame::new(3, vec![structs.into_column()]).unwrap(), &["a".into()]).unwrap()
        };
        let (some, all) = (of([1, 2, 3], [true, false, false]), of([1, 1, 4], [true; 3]));
        assert_eq!(some[0], all[0]);
        assert_eq!(some[1], some[2]);
        assert_ne!(some[1], all[1]);
    }

    #[test]
    fn arrays_are_told_apart_by_their_items() {
        let shape = |width| [ReshapeDimension::new(-1), ReshapeDimension::new(width)];
        let of = |series: &Series| {
            let frame = DataFrame::new(series.len(), vec![series.clone().into_column()]).unwrap();
            hash_rows(&frame, &["a".into()]).unwrap()
        };
        let items = [Some(0.0), Some(1.0), Some(-0.0), Some(1.0), Some(1.0), Some(0.0), None, None];
        let items = Series::new("a".into(), items);
        let pairs = items.reshape_array(&shape(2)).unwrap();
        let hashes = of(&pairs);
        assert_eq!(hashes[0], hashes[1]);
        assert_ne!(hashes[0], hashes[2]);
        assert_ne!(hashes[2], hashes[3]);
        // What lies below a null does not count, and neither do chunks and slices.
        let known = BooleanChunked::from_slice("m".into(), &[false, true, false, true]);
        let hidden = pairs.zip_with(&known, &Series::full_null("a".into(), 4, pairs.dtype())).unwrap();
        let of_hidden = of(&hidden);
        assert_eq!([of_hidden[1], of_hidden[3]], [hashes[1], hashes[3]]);
        assert_eq!(of_hidden[0], of_hidden[2]);
        assert_ne!(of_hidden[0], hashes[3]);
        let mut chunks = hidden.slice(0, 1);
        chunks.append(&hidden.slice(1, 3)).unwrap();
        assert_eq!(of(&chunks), of_hidden);
        assert_eq!(of(&hidden.slice(1, 2)), of_hidden[1..3]);
    }

    #[test]
    fn chunks_and_slices_do_not_matter() {
        let df = df!("a" => (0..100i32).collect::<Vec<_>>(), "b" => (0..100).map(|i| format!("row {i}")).collect::<Vec<_>>()).unwrap();
        let keys: [PlSmallStr; 2] = ["a".into(), "b".into()];
        let whole = hash_rows(&df, &keys).unwrap();
        let chunked = df.slice(0, 33).vstack(&df.slice(33, 67)).unwrap();
        assert_eq!(hash_rows(&chunked, &keys).unwrap(), whole);
        assert_eq!(hash_rows(&df.slice(40, 20), &keys).unwrap(), whole[40..60]);
    }

    #[test]
    fn sequential_keys_spread_evenly() {
        let df = df!("a" => (0..100_000i64).collect::<Vec<_>>()).unwrap();
        let hashes = hash_rows(&df, &["a".into()]).unwrap();
        for parts in [2, 3, 7, 64] {
            let mut counts = vec![0usize; parts];
            hashes.iter().for_each(|hash| counts[part_of(*hash, parts)] += 1);
            let fair = 100_000 / parts;
            assert!(
                counts.iter().all(|count| *count > fair * 8 / 10 && *count < fair * 12 / 10),
                "{parts}: {counts:?}"
            );
        }
    }
}
