//! The keys of a build side.

use std::sync::atomic::{AtomicU64, Ordering};

use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, PlSmallStr};

use super::bitmap::IntegerBitmap;
use super::bloom::Bloom;
use super::extent::Extent;
use super::summary::Summary;
use crate::error::OperatorError;
use crate::hash::hash_rows;

#[derive(Debug)]
pub(super) enum KeySet {
    Integers(IntegerBitmap),
    Hashes(Bloom),
    /// Every key, as far as is known.
    Any,
}

impl KeySet {
    /// An empty set with room for the keys of `summary`, of which there are `share` times as many in all.
    pub(super) fn new(summary: &Summary, share: usize, dtypes: &[DataType]) -> Self {
        let keys = summary.rows.saturating_mul(share as u64);
        match (summary.extents.as_slice(), dtypes) {
            // Only nulls.
            ([Extent::Nothing], _) => KeySet::Hashes(Bloom { words: zeros(1) }),
            ([Extent::Integers { min, max }], [dtype]) if IntegerBitmap::holds(dtype) => {
                match IntegerBitmap::new(*min, *max, keys) {
                    Some(bitmap) => KeySet::Integers(bitmap),
                    None => Self::hashes(keys),
                }
            },
            _ => Self::hashes(keys),
        }
    }

    fn hashes(keys: u64) -> Self {
        Bloom::new(keys).map_or(KeySet::Any, KeySet::Hashes)
    }

    /// Adds keys. `exclusive`: nobody else does so at the same time.
    pub(super) fn insert(
        &self,
        frame: &DataFrame,
        columns: &[PlSmallStr],
        exclusive: bool,
    ) -> Result<(), OperatorError> {
        match self {
            KeySet::Integers(bitmap) => columns
                .iter()
                .try_for_each(|name| Ok(bitmap.insert(frame.column(name)?.as_materialized_series(), exclusive)?)),
            KeySet::Hashes(bloom) => {
                bloom.insert(&hash_rows(frame, columns)?, exclusive);
                Ok(())
            },
            KeySet::Any => Ok(()),
        }
    }

    /// Which keys may be in the set, whatever lies below nulls; `None` for all of them.
    pub(super) fn mask(&self, frame: &DataFrame, columns: &[PlSmallStr]) -> Result<Option<Bitmap>, OperatorError> {
        Ok(match (self, columns) {
            (KeySet::Integers(bitmap), [name]) => Some(bitmap.mask(frame.column(name)?.as_materialized_series())?),
            (KeySet::Hashes(bloom), _) => Some(bloom.mask(&hash_rows(frame, columns)?)),
            _ => None,
        })
    }

    /// Whether a single key that lies in `extent` may be in the set.
    pub(super) fn may_hold(&self, extent: &Extent) -> bool {
        match self {
            KeySet::Integers(bitmap) => bitmap.may_hold(extent),
            KeySet::Hashes(_) | KeySet::Any => true,
        }
    }

    /// The keys of both, `keys` of them.
    pub(super) fn merge(self, other: KeySet, keys: u64) -> Self {
        match (self, other) {
            (KeySet::Integers(one), KeySet::Integers(two)) => {
                one.merge(two, keys).map_or(KeySet::Any, KeySet::Integers)
            },
            (KeySet::Hashes(one), KeySet::Hashes(two)) => KeySet::Hashes(one.merge(two)),
            _ => KeySet::Any,
        }
    }
}

/// Sets bits of a word. Threads that read them are told so by something else: a gate that opens.
#[inline]
pub(super) fn put(word: &AtomicU64, bits: u64, exclusive: bool) {
    if exclusive {
        // Several times as fast as a locked instruction.
        word.store(word.load(Ordering::Relaxed) | bits, Ordering::Relaxed);
    } else {
        word.fetch_or(bits, Ordering::Relaxed);
    }
}

pub(super) fn zeros(words: usize) -> Box<[AtomicU64]> {
    (0..words).map(|_| AtomicU64::new(0)).collect()
}
