//! Dynamic filters: what the finished build side of a join tells the scans below its probe side.
//!
//! A probe row whose key is not among the build keys can be dropped where it is read, before its other columns are decoded,
//! shipped or looked up. A [`DynamicFilter`] is made with the plan, empty; the build side completes it before the gate
//! opens for which the sources of the probe side wait. It holds the smallest and largest value of each key, which rule out
//! whole row groups, and a set of the keys:
//!
//! * one bit for each value from the smallest to the largest, for a single key of integers, dates or times that lie close
//!   enough together; exact;
//! * else a Bloom filter over the row hash, one 64-bit word a key (Putze, Sanders, Singler, *Cache-, Hash- and
//!   Space-Efficient Bloom Filters*, WEA 2007; with words as blocks: Lang, Neumann, Kemper, Boncz, *Performance-Optimal
//!   Filtering: Bloom overtakes Cuckoo at High Throughput*, VLDB 2019). It passes about 1 % of the keys that it does not
//!   hold. Blocks of 256 bits would pass fewer, but need a vector unit that not every machine has; a join that finds
//!   nothing for 1 % of the rows does not notice;
//! * nothing, if there are too many keys for either.
//!
//! A filter is a hint: it may pass any row, and the join checks what passes. It never drops a row that has a match.

mod bitmap;
mod bloom;
mod build;
mod extent;
mod part;
mod scan;
mod set;
mod summary;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

pub use build::FilterBuild;
pub use part::{FilterMerge, FilterPartError};
pub use scan::{ScanFilter, Usefulness};
pub use summary::Summary;

use std::fmt;
use std::sync::OnceLock;

use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, PlSmallStr};
use polars_core::series::Series;

use self::extent::Extent;
use self::part::Part;
use crate::error::OperatorError;

/// Which keys a join can find, known once its build side is complete. Shared by the workers of a process for one run of a
/// query; never crosses processes.
///
/// ```
/// use polars_core::df;
/// use polars_core::prelude::DataType;
/// use quokka_engine::dynamic_filter::{DynamicFilter, FilterBuild};
///
/// let filter = std::sync::Arc::new(DynamicFilter::new(1, vec![0], vec![DataType::Int64], false));
/// let build = FilterBuild::new(filter.clone(), 1, 1);
/// let keys = df!("k" => [3i64, 5, 90])?;
/// let mut summary = build.summary();
/// summary.add(&keys, &["k".into()])?;
/// build.summarise(&summary);
/// build.insert(&keys, &["k".into()], true)?;
/// build.complete();
///
/// let probe = df!("p" => [4i64, 5, 1000, 3])?;
/// let passing = filter.mask(&probe, &["p".into()])?.unwrap();
/// assert_eq!(passing.iter().collect::<Vec<_>>(), [false, true, false, true]);
/// # Ok::<(), quokka_engine::error::OperatorError>(())
/// ```
pub struct DynamicFilter {
    number: usize,
    keys: Vec<usize>,
    dtypes: Vec<DataType>,
    nulls_equal: bool,
    known: OnceLock<Part>,
}

impl DynamicFilter {
    /// A filter with a number that tells it from the others of its plan, over the join keys with the indices `keys`, which
    /// have these types in batches. With `nulls_equal` a null key matches a null key.
    pub fn new(number: usize, keys: Vec<usize>, dtypes: Vec<DataType>, nulls_equal: bool) -> Self {
        Self { number, keys, dtypes, nulls_equal, known: OnceLock::new() }
    }

    /// Indices of its keys among those of the join.
    pub fn keys(&self) -> &[usize] {
        &self.keys
    }

    /// Types of its keys, as they lie in batches.
    pub fn dtypes(&self) -> &[DataType] {
        &self.dtypes
    }

    /// Whether the build side is complete.
    pub fn is_complete(&self) -> bool {
        self.known.get().is_some()
    }

    /// Which rows of `frame` may have a match by their key columns `columns`; `None` if any row may.
    ///
    /// # Errors
    /// Columns that do not exist or have another type.
    pub fn mask(&self, frame: &DataFrame, columns: &[PlSmallStr]) -> Result<Option<Bitmap>, OperatorError> {
        let Some(known) = self.known.get() else { return Ok(None) };
        known.mask(frame, columns)
    }

    /// Whether a row may have a match whose key with index `key` (of this filter) lies between the only values of `min` and
    /// `max`, which are null if they are not known, or is null.
    pub fn may_match_between(&self, key: usize, min: &Series, max: &Series) -> bool {
        let Some(known) = self.known.get() else { return true };
        if known.is_empty() {
            return false;
        }
        if min.null_count() > 0 || max.null_count() > 0 || known.summary.nulls {
            return true;
        }
        let (Ok(mut between), Ok(max)) = (Extent::of(min), Extent::of(max)) else { return true };
        between.merge(&max);
        let Some(extent) = known.summary.extents.get(key) else { return true };
        !extent.is_disjoint(&between) && (self.keys.len() > 1 || known.set.may_hold(&between))
    }

    /// Whether no row at all has a match.
    pub fn is_empty(&self) -> bool {
        self.known.get().is_some_and(Part::is_empty)
    }

    fn complete(&self, known: Part) {
        // Whoever completes a filter does it once; what another said before would be as true.
        drop(self.known.set(known));
    }
}

impl fmt::Display for DynamicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)
    }
}

impl fmt::Debug for DynamicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match self.known.get() {
            Some(known) => write!(f, " {known:?}"),
            None => Ok(()),
        }
    }
}
