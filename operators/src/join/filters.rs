//! Fills the dynamic filters of a join with the keys of its build side.

use std::sync::Arc;

use polars_core::prelude::*;
use quokka_engine::dynamic_filter::{FilterBuild, Summary};
use quokka_engine::error::OperatorError;

use super::shared::Shared;
use super::side::Partition;

/// Rows whose keys one step inserts.
const STEP: usize = 1 << 18;

/// The filters of a join while the workers of a process fill them.
pub(super) struct Filters {
    builds: Vec<(FilterBuild, Vec<PlSmallStr>)>,
    /// Only one worker inserts keys.
    exclusive: bool,
}

impl Filters {
    /// `workers` channels hold build rows, and `inserting` of them make a table.
    pub(super) fn new(shared: &Shared, workers: usize, inserting: usize, processes: usize) -> Self {
        let columns = |keys: &[usize]| keys.iter().filter_map(|key| shared.build_keys.get(*key).cloned()).collect();
        let builds = shared.options.filters.iter();
        let builds =
            builds.map(|filter| (FilterBuild::new(filter.clone(), workers, processes), columns(filter.keys())));
        Self { builds: builds.collect(), exclusive: inserting == 1 }
    }

    /// Counts of the keys of one channel, of none so far.
    pub(super) fn summaries(&self) -> Vec<Summary> {
        self.builds.iter().map(|(build, _)| build.summary()).collect()
    }

    /// Counts the keys of some rows.
    pub(super) fn count(&self, summaries: &mut [Summary], rows: &DataFrame) -> Result<(), OperatorError> {
        self.builds.iter().zip(summaries).try_for_each(|((_, columns), summary)| summary.add(rows, columns))
    }

    /// All rows of a channel have been counted.
    pub(super) fn summarise(&self, summaries: &[Summary]) {
        self.builds.iter().zip(summaries).for_each(|((build, _), summary)| build.summarise(summary));
    }

    /// All channels have inserted their keys, which are all there are.
    pub(super) fn complete(&self) {
        self.builds.iter().for_each(|(build, _)| build.complete());
    }

    /// All channels have inserted their keys: a row for each filter, for the other processes.
    pub(super) fn parts(&self) -> Result<DataFrame, OperatorError> {
        let parts: Vec<Vec<u8>> = self.builds.iter().map(|(build, _)| build.to_bytes()).collect();
        let numbers: Vec<u32> = (0..parts.len() as u32).collect();
        Ok(DataFrame::new(parts.len(), vec![Column::new("filter".into(), numbers), Column::new("part".into(), parts)])?)
    }
}

/// The columns of [`Filters::parts`].
pub(super) fn parts_schema() -> SchemaRef {
    Arc::new(Schema::from_iter([
        Field::new("filter".into(), DataType::UInt32),
        Field::new("part".into(), DataType::Binary),
    ]))
}

/// A finished partition whose keys are put into the filters.
pub(super) struct Insertion {
    pub(super) partition: Partition,
    filter: usize,
    row: usize,
}

/// How an insertion goes on.
pub(super) enum Inserted {
    /// All keys are in all filters.
    All(Partition),
    Some(Insertion),
}

impl Insertion {
    pub(super) fn new(partition: Partition) -> Self {
        Self { partition, filter: 0, row: 0 }
    }

    /// Inserts some keys, or waits for other workers to count theirs.
    pub(super) fn step(mut self, filters: &Filters) -> Result<Inserted, OperatorError> {
        let Some((build, columns)) = filters.builds.get(self.filter) else {
            return Ok(Inserted::All(self.partition));
        };
        let height = self.partition.rows().height();
        if self.row >= height {
            (self.filter, self.row) = (self.filter + 1, 0);
        } else if build.is_laid_out() {
            let rows = self.partition.rows().slice(self.row as i64, STEP.min(height - self.row));
            build.insert(&rows, columns, filters.exclusive)?;
            self.row += STEP;
        } else {
            // The others are about to count theirs: they share the frontier of the build side.
            std::thread::yield_now();
        }
        Ok(Inserted::Some(self))
    }
}
