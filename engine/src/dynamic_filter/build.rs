//! Makes a filter of the keys that the workers of a process hold.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use polars_core::frame::DataFrame;
use polars_core::prelude::PlSmallStr;

use super::DynamicFilter;
use super::part::Part;
use super::set::KeySet;
use super::summary::Summary;
use crate::error::OperatorError;

/// A [`DynamicFilter`] while the workers of a process put their keys into it.
///
/// Each worker first gives a [`Summary`] of its keys. From all summaries follows how the set is laid out; then each worker
/// inserts its keys. Whoever knows that all have done so completes the filter, or takes out the part that this process
/// knows, if others know more.
pub struct FilterBuild {
    filter: Arc<DynamicFilter>,
    /// Of how many processes this one has the keys of one.
    processes: usize,
    summary: Mutex<Summary>,
    /// Workers that have not given their summary.
    missing: AtomicUsize,
    set: OnceLock<Arc<KeySet>>,
}

impl FilterBuild {
    /// Starts to fill `filter` with the keys of `workers` workers of each of `processes` processes.
    pub fn new(filter: Arc<DynamicFilter>, workers: usize, processes: usize) -> Self {
        let summary = Mutex::new(Summary::new(&filter));
        Self { filter, processes, summary, missing: AtomicUsize::new(workers), set: OnceLock::new() }
    }

    /// The filter that is built.
    pub fn filter(&self) -> &DynamicFilter {
        &self.filter
    }

    /// A summary of no keys, for one worker.
    pub fn summary(&self) -> Summary {
        Summary::new(&self.filter)
    }

    /// One worker's keys have been counted. Call it once for each worker.
    pub fn summarise(&self, summary: &Summary) {
        self.summary.lock().merge(summary);
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            let set = KeySet::new(&self.summary.lock(), self.processes, &self.filter.dtypes);
            drop(self.set.set(Arc::new(set)));
        }
    }

    /// Whether all workers have given their summary, so that keys can be inserted.
    pub fn is_laid_out(&self) -> bool {
        self.set.get().is_some()
    }

    /// Inserts the keys in the columns `columns` of `frame`; before the set is laid out, it does nothing. `exclusive`:
    /// no other worker of the process does so at the same time, which is faster.
    ///
    /// # Errors
    /// Columns that do not exist or have another type.
    pub fn insert(&self, frame: &DataFrame, columns: &[PlSmallStr], exclusive: bool) -> Result<(), OperatorError> {
        self.set.get().map_or(Ok(()), |set| set.insert(frame, columns, exclusive))
    }

    /// All keys have been inserted, and no other process has any.
    pub fn complete(&self) {
        if let Some(part) = self.part() {
            self.filter.complete(part);
        }
    }

    /// All keys of this process have been inserted: what it knows, for the others.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.part().map(|part| part.to_bytes()).unwrap_or_default()
    }

    fn part(&self) -> Option<Part> {
        Some(Part { summary: self.summary.lock().clone(), set: self.set.get()?.clone() })
    }
}
