//! What one process knows of the keys: applied to rows, and exchanged with the other processes.

use std::sync::Arc;

use parking_lot::Mutex;
use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;

use super::DynamicFilter;
use super::bitmap::IntegerBitmap;
use super::bloom::Bloom;
use super::extent::Extent;
use super::set::{KeySet, zeros};
use super::summary::Summary;
use crate::error::{ErrorKind, OperatorError};

/// How many keys, where they lie, and which.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) summary: Summary,
    pub(super) set: Arc<KeySet>,
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        self.summary.rows == 0
    }

    pub(super) fn mask(&self, frame: &DataFrame, columns: &[PlSmallStr]) -> Result<Option<Bitmap>, OperatorError> {
        if self.is_empty() {
            return Ok(Some(Bitmap::new_zeroed(frame.height())));
        }
        let Some(mut mask) = self.set.mask(frame, columns)? else { return Ok(None) };
        for name in columns {
            let series = frame.column(name)?.as_materialized_series();
            if series.null_count() == 0 {
                continue;
            }
            let valid = series.rechunk_validity().unwrap_or_else(|| Bitmap::new_zeroed(series.len()));
            mask = if self.summary.nulls { &mask | &!&valid } else { &mask & &valid };
        }
        Ok(Some(mask))
    }

    /// Counts, extents and the words of the set; integers are little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let words = match &*self.set {
            KeySet::Integers(bitmap) => &bitmap.words[..],
            KeySet::Hashes(bloom) => &bloom.words[..],
            KeySet::Any => &[],
        };
        let mut bytes = Vec::with_capacity(words.len() * 8 + 256);
        bytes.extend(self.summary.rows.to_le_bytes());
        bytes.push(u8::from(self.summary.nulls));
        for extent in &self.summary.extents {
            match extent {
                Extent::Nothing => bytes.push(0),
                Extent::Integers { min, max } => {
                    bytes.push(1);
                    bytes.extend(min.to_le_bytes());
                    bytes.extend(max.to_le_bytes());
                },
                Extent::Floats { min, max } => {
                    bytes.push(2);
                    bytes.extend(min.to_le_bytes());
                    bytes.extend(max.to_le_bytes());
                },
                Extent::Texts { min, max } => {
                    bytes.push(3);
                    for text in [min, max] {
                        bytes.extend((text.len() as u64).to_le_bytes());
                        bytes.extend(text.as_bytes());
                    }
                },
                Extent::Unknown => bytes.push(4),
            }
        }
        match &*self.set {
            KeySet::Integers(bitmap) => {
                bytes.push(0);
                bytes.extend(bitmap.base.to_le_bytes());
            },
            KeySet::Hashes(_) => bytes.push(1),
            KeySet::Any => bytes.push(2),
        }
        for word in words {
            bytes.extend(word.load(std::sync::atomic::Ordering::Relaxed).to_le_bytes());
        }
        bytes
    }
}

/// What another process sent is not the part of a filter.
#[derive(Debug, thiserror::Error)]
#[error("the part of a dynamic filter that another process sent is damaged: {what}")]
pub struct FilterPartError {
    what: &'static str,
}

impl From<FilterPartError> for OperatorError {
    fn from(error: FilterPartError) -> Self {
        Self::new(ErrorKind::InvalidData, error)
    }
}

fn damaged(what: &'static str) -> FilterPartError {
    FilterPartError { what }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], FilterPartError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(damaged("it ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FilterPartError> {
        self.take(N)?.try_into().map_err(|_| damaged("it ends early"))
    }

    fn byte(&mut self) -> Result<u8, FilterPartError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<String, FilterPartError> {
        let length = usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| damaged("it ends early"))?;
        let text = self.take(length)?;
        String::from_utf8(text.to_vec()).map_err(|_| damaged("a text is not UTF-8"))
    }

    fn extent(&mut self) -> Result<Extent, FilterPartError> {
        Ok(match self.byte()? {
            0 => Extent::Nothing,
            1 => Extent::Integers { min: i128::from_le_bytes(self.array()?), max: i128::from_le_bytes(self.array()?) },
            2 => Extent::Floats { min: f64::from_le_bytes(self.array()?), max: f64::from_le_bytes(self.array()?) },
            3 => Extent::Texts { min: self.text()?, max: self.text()? },
            4 => Extent::Unknown,
            _ => return Err(damaged("an extent of unknown kind")),
        })
    }

    /// All that is left.
    fn words(&mut self) -> Result<Box<[std::sync::atomic::AtomicU64]>, FilterPartError> {
        let (words, rest) = self.0.as_chunks::<8>();
        if words.is_empty() || !rest.is_empty() {
            return Err(damaged("a set without whole words"));
        }
        let set = zeros(words.len());
        for (word, bytes) in set.iter().zip(words) {
            word.store(u64::from_le_bytes(*bytes), std::sync::atomic::Ordering::Relaxed);
        }
        self.0 = &[];
        Ok(set)
    }
}

fn from_bytes(bytes: &[u8], keys: usize) -> Result<(Summary, KeySet), FilterPartError> {
    let mut reader = Reader(bytes);
    let rows = u64::from_le_bytes(reader.array()?);
    let nulls = reader.byte()? != 0;
    let extents = (0..keys).map(|_| reader.extent()).collect::<Result<Vec<_>, _>>()?;
    let set = match reader.byte()? {
        0 => {
            let base = i128::from_le_bytes(reader.array()?);
            if base % 64 != 0 {
                return Err(damaged("a bitmap that starts between two words"));
            }
            KeySet::Integers(IntegerBitmap { base, words: reader.words()? })
        },
        1 => {
            let words = reader.words()?;
            if !words.len().is_power_of_two() {
                return Err(damaged("a Bloom filter whose size is no power of two"));
            }
            KeySet::Hashes(Bloom { words })
        },
        2 => KeySet::Any,
        _ => return Err(damaged("a set of unknown kind")),
    };
    Ok((Summary::from_parts(rows, nulls, extents), set))
}

/// Puts together what the processes of a cluster know of one filter.
pub struct FilterMerge {
    filter: Arc<DynamicFilter>,
    merged: Mutex<Option<(Summary, KeySet)>>,
}

impl FilterMerge {
    /// Nothing is known of `filter` yet.
    pub fn new(filter: Arc<DynamicFilter>) -> Self {
        Self { filter, merged: Mutex::new(None) }
    }

    /// Adds what [`FilterBuild::to_bytes`](super::FilterBuild::to_bytes) gave in some process.
    ///
    /// # Errors
    /// Bytes that it cannot have given.
    pub fn add(&self, bytes: &[u8]) -> Result<(), FilterPartError> {
        let (summary, set) = from_bytes(bytes, self.filter.keys.len())?;
        let mut merged = self.merged.lock();
        *merged = Some(match merged.take() {
            None => (summary, set),
            Some((mut all, keys)) => {
                all.merge(&summary);
                // Where there are no keys, there is nothing to merge either; its set may be of another kind.
                let keys = match (summary.rows, all.rows - summary.rows) {
                    (0, _) => keys,
                    (_, 0) => set,
                    _ => keys.merge(set, all.rows),
                };
                (all, keys)
            },
        });
        Ok(())
    }

    /// All processes have said what they know.
    pub fn complete(&self) {
        if let Some((summary, set)) = self.merged.lock().take() {
            self.filter.complete(Part { summary, set: Arc::new(set) });
        }
    }
}
