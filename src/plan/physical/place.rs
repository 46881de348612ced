//! On which workers nodes have channels.

use std::sync::Arc;

use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::Channels;
use quokka_operators::union::Union;

use super::in_turn::InTurn;
use super::{Lowering, Placement, Stream};
use crate::plan::logical::LogicalPlan;

/// How rows come to a node, and on which workers it has channels.
pub(super) type Way = (Partitioning, Channels);

impl Lowering<'_> {
    /// Where the user wants the node that is being lowered; its inputs are placed by themselves.
    pub(super) fn take_wanted(&mut self) -> Option<Channels> {
        self.wanted.take()
    }

    /// One worker.
    pub(super) fn one(&self, worker: usize) -> Channels {
        Channels::new([worker], self.workers)
    }

    /// The rows stay where they are.
    pub(super) fn stay(&self, stream: &Stream) -> Way {
        (Partitioning::PassThrough, stream.channels.clone())
    }

    /// The way of all rows to one worker: the first of those that are wanted, or the one that has them, or worker 0.
    pub(super) fn to_one(&self, stream: &Stream, wanted: Option<&Channels>) -> Way {
        let is_there = self.workers == 1 || stream.placement == Placement::One;
        match wanted.map(Channels::first) {
            None if is_there => self.stay(stream),
            Some(worker) if is_there && stream.channels.first() == worker => self.stay(stream),
            worker => (Partitioning::Gather, self.one(worker.unwrap_or_default())),
        }
    }

    /// Whether `plan` is thought to deliver so few rows that one worker handles them sooner than several would share them.
    pub(super) fn is_few(&self, plan: &LogicalPlan) -> bool {
        let few = BATCHES_FOR_ONE_WORKER * self.plan.batch_rows as f64;
        self.estimates.rows(plan).is_some_and(|rows| rows < few)
    }

    /// Whether that holds, and would not cost much if it were wrong.
    pub(super) fn is_small(&self, plan: &LogicalPlan) -> bool {
        let most = MOST_BATCHES_FOR_ONE_WORKER * self.plan.batch_rows as f64;
        self.is_few(plan) && self.estimates.most_rows(plan).is_some_and(|rows| rows <= most)
    }

    /// Brings rows in no particular order to the workers that are wanted.
    pub(super) fn spread(&mut self, stream: Stream, wanted: Option<Channels>) -> Stream {
        let Some(channels) = wanted.filter(|wanted| !wanted.include(&stream.channels, self.workers)) else {
            return stream;
        };
        let schema = stream.schema.clone();
        self.exchange(stream, (in_turn(), channels), Arc::new(Union::new(1)), schema)
    }
}

/// Less than this part of a batch is handled sooner by one worker than it is shared out.
const BATCHES_FOR_ONE_WORKER: f64 = 0.25;

/// More batches than this are not left to one worker, however few rows are expected: estimates may be wrong.
const MOST_BATCHES_FOR_ONE_WORKER: f64 = 16.0;

/// Batches go to the channels in turn.
pub(super) fn in_turn() -> Partitioning {
    Partitioning::Function(Arc::new(InTurn::default()))
}
