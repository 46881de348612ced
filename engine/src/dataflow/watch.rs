//! What those who listen, with a subscriber of `tracing`, are told of a node on a worker. Nobody else pays for it: without
//! a subscriber a span is nothing, and a count is an addition.

use std::time::{Duration, Instant};

use tracing::Span;
use tracing::field::Empty;

use crate::error::Error;
use crate::operator::WorkerContext;
use crate::pool::QueryRun;

/// A node that keeps its worker from all other work for so long does too much in one call.
const SLOW: Duration = Duration::from_secs(1);

/// The span of a node on one worker, and its figures there. The counters in [`metrics`](crate::metrics) are those of all
/// workers of the process.
pub(super) struct Watch {
    /// That of the node or, if nobody asks for so much, of the query.
    span: Span,
    busy: Duration,
}

/// Rows of a node on one worker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Taken, or read by a source.
    pub(super) rows_in: u64,
    /// Sent on.
    pub(super) rows_out: u64,
}

impl Watch {
    pub(super) fn new(run: &QueryRun, node: usize, name: &str, context: &WorkerContext) -> Self {
        let (worker, process) = (context.worker, context.process_of_several());
        let span = tracing::debug_span!(
            parent: run.span(), "node", node, name, worker, process, rows_in = Empty, rows_out = Empty, busy_ms = Empty
        );
        let span = if span.is_disabled() { run.span().clone() } else { span };
        Self { span, busy: Duration::ZERO }
    }

    /// The events of code that `call` runs are those of the node.
    pub(super) fn during<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let entered = self.span.enter();
        let start = Instant::now();
        let result = call();
        let elapsed = start.elapsed();
        if elapsed > SLOW {
            tracing::warn!(?elapsed, "a node kept its worker from other work");
        }
        drop(entered);
        self.busy += elapsed;
        result
    }

    pub(super) fn finished(&self, tally: Tally) {
        if self.span.is_disabled() {
            return;
        }
        self.span.record("rows_in", tally.rows_in).record("rows_out", tally.rows_out);
        self.span.record("busy_ms", self.busy.as_secs_f64() * 1e3);
        self.span.in_scope(|| {
            tracing::debug!(rows_in = tally.rows_in, rows_out = tally.rows_out, busy = ?self.busy, "node finished");
        });
    }

    pub(super) fn failed(&self, error: &Error) {
        self.span.in_scope(|| tracing::debug!(error = error.report(), "node failed"));
    }
}
