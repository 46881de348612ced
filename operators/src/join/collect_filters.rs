//! Puts the dynamic filters of a join together from the parts that several processes have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quokka_engine::batch::Batch;
use quokka_engine::dynamic_filter::{DynamicFilter, FilterMerge};
use quokka_engine::error::OperatorError;
use quokka_engine::gate::Gate;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};

/// Makes the channels that receive what the build channels of all processes know of the build keys.
///
/// Blocks, and emits nothing: its result are complete filters. State: the filters.
pub struct CollectFilters {
    shared: Arc<Collected>,
}

struct Collected {
    merges: Vec<FilterMerge>,
    gate: Arc<Gate>,
    ended: AtomicUsize,
}

impl CollectFilters {
    pub(super) fn new(filters: &[Arc<DynamicFilter>], gate: Arc<Gate>) -> Self {
        let merges = filters.iter().map(|filter| FilterMerge::new(filter.clone())).collect();
        Self { shared: Arc::new(Collected { merges, gate, ended: AtomicUsize::new(0) }) }
    }
}

impl OperatorFactory for CollectFilters {
    fn describe(&self) -> Description {
        Description::blocks("collect-filters")
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(Channel { shared: self.shared.clone(), workers: context.workers_per_process() }))
    }
}

struct Channel {
    shared: Arc<Collected>,
    workers: usize,
}

impl Operator for Channel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let filters = batch.column("filter")?.as_materialized_series().u32()?.clone();
        let parts = batch.column("part")?.as_materialized_series().binary()?.clone();
        for (filter, part) in filters.iter().zip(parts.iter()) {
            let merge = filter.and_then(|filter| self.shared.merges.get(filter as usize));
            if let (Some(merge), Some(part)) = (merge, part) {
                merge.add(part)?;
            }
        }
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<Progress, OperatorError> {
        // Each channel merges its parts before it counts itself.
        if self.shared.ended.fetch_add(1, Ordering::AcqRel) + 1 == self.workers {
            self.shared.merges.iter().for_each(FilterMerge::complete);
            self.shared.gate.open();
        }
        Ok(Progress::Done)
    }
}
