//! One run of one query in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::Span;

use super::message::Report;
use super::progress::{QueryProgress, SourceProgress};
use super::shared::PoolShared;
use super::split_queue::SplitQueue;
use crate::cluster::{Monitor, RunningQuery};
use crate::error::{Error, Result};
use crate::metrics::{NodeMetrics, NodeReport};
use crate::operator::WorkerContext;
use crate::plan::{Head, PhysicalPlan};

static NEXT_TICKET: AtomicU64 = AtomicU64::new(0);

/// A plan with what its workers share in this process, and how far it has come.
pub(crate) struct QueryRun {
    pub(crate) ticket: u64,
    pub(crate) plan: PhysicalPlan,
    /// For each node that is a source.
    pub(crate) splits: Vec<Option<Arc<SplitQueue>>>,
    pub(crate) metrics: Vec<Arc<NodeMetrics>>,
    status: Arc<Status>,
    /// What happens in it is told as part of this.
    span: Span,
    open_sinks: AtomicUsize,
    /// Workers of this process that have not dropped their dataflow.
    holders: AtomicUsize,
}

/// The outcome, and whoever waits for it. Outlives the plan and all that it holds.
struct Status {
    ticket: u64,
    /// Names of the operators of each node.
    names: Vec<Vec<String>>,
    metrics: Vec<Arc<NodeMetrics>>,
    /// For each node that is a source.
    splits: Vec<Option<Arc<SplitQueue>>>,
    span: Span,
    began: Instant,
    outcome: Mutex<Option<Ended>>,
    changed: Condvar,
    /// Tells the other processes, for as long as it is held, that this one still needs them.
    running: Mutex<Option<RunningQuery>>,
}

impl QueryRun {
    pub(crate) fn new(plan: PhysicalPlan, context: &WorkerContext) -> Result<Self> {
        let ticket = NEXT_TICKET.fetch_add(1, Ordering::Relaxed);
        let span = tracing::info_span!("query", id = ticket, name = plan.name);
        let entered = span.enter();
        let mut splits = Vec::with_capacity(plan.nodes.len());
        for node in &plan.nodes {
            splits.push(match &node.head {
                Head::Source(source) => {
                    let queue = SplitQueue::new(source.as_ref(), &node.channels, context);
                    let queue = queue.map_err(|source| Error::Operator {
                        operator: node.name(),
                        worker: context.worker,
                        split: None,
                        source,
                    })?;
                    Some(Arc::new(queue))
                },
                _ => None,
            });
        }
        let names: Vec<Vec<String>> =
            plan.nodes.iter().map(|node| node.operators().map(|operator| operator.name).collect()).collect();
        let metrics: Vec<_> = names.iter().map(|names| Arc::new(NodeMetrics::new(names.len()))).collect();
        let status = Arc::new(Status {
            ticket,
            names,
            metrics: metrics.clone(),
            splits: splits.clone(),
            span: span.clone(),
            began: Instant::now(),
            outcome: Mutex::new(None),
            changed: Condvar::new(),
            running: Mutex::new(None),
        });
        let open_sinks = AtomicUsize::new(context.workers_per_process());
        let holders = AtomicUsize::new(context.workers_per_process());
        drop(entered);
        Ok(Self { ticket, plan, splits, metrics, status, span, open_sinks, holders })
    }

    /// The span of the query; nothing, if nobody listens.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Keeps the other processes of the mesh from leaving unnoticed until the query has ended here.
    pub(crate) fn watch(&self, monitor: &Arc<Monitor>) {
        *self.status.running.lock() = Some(monitor.begin_query());
    }

    /// The sink channel of one worker has finished.
    pub(crate) fn sink_finished(&self) {
        if self.open_sinks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.status.complete(Ok(()));
        }
    }

    /// A worker has dropped its dataflow; `true` for the last one of this process.
    pub(crate) fn released(&self) -> bool {
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn fail(&self, error: Error) {
        self.status.complete(Err(error));
    }
}

/// What became of a query, and how long it took.
struct Ended {
    outcome: Result<()>,
    elapsed: Duration,
}

impl Status {
    /// The first outcome counts.
    fn complete(&self, outcome: Result<()>) {
        let mut slot = self.outcome.lock();
        if slot.is_none() {
            drop(self.running.lock().take());
            let elapsed = self.began.elapsed();
            match &outcome {
                Ok(()) => tracing::info!(parent: &self.span, ?elapsed, "query finished"),
                Err(Error::Cancelled) => tracing::info!(parent: &self.span, ?elapsed, "query cancelled"),
                Err(error) => {
                    tracing::warn!(parent: &self.span, ?elapsed, error = error.report(), "query failed");
                },
            }
            *slot = Some(Ended { outcome, elapsed });
            self.changed.notify_all();
        }
    }
}

/// A query that was started. Dropping the handle does not stop the query; clones are handles of the same query.
#[derive(Clone)]
pub struct QueryHandle {
    status: Arc<Status>,
    shared: Arc<PoolShared>,
}

/// What a finished query did in this process.
#[derive(Clone, Debug, Default)]
pub struct QueryReport {
    /// The nodes, in plan order.
    pub nodes: Vec<NodeReport>,
    /// From submission to the last sink.
    pub elapsed: Duration,
}

impl QueryHandle {
    pub(crate) fn new(run: Arc<QueryRun>, shared: Arc<PoolShared>) -> Self {
        Self { status: run.status.clone(), shared }
    }

    /// Waits for the end of the query.
    ///
    /// # Errors
    /// What made the query fail, in whatever process it happened.
    pub fn wait(&self) -> Result<QueryReport> {
        let mut outcome = self.status.outcome.lock();
        loop {
            if let Some(ended) = outcome.as_ref() {
                return self.report(ended);
            }
            self.status.changed.wait(&mut outcome);
        }
    }

    /// Waits for the end of the query, but not longer than `timeout`; then it is cancelled in all processes.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and [`Error::TimedOut`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<QueryReport> {
        let deadline = Instant::now() + timeout;
        let mut outcome = self.status.outcome.lock();
        loop {
            if let Some(ended) = outcome.as_ref() {
                return self.report(ended);
            }
            if self.status.changed.wait_until(&mut outcome, deadline).timed_out() && outcome.is_none() {
                drop(outcome);
                self.give_up(Error::TimedOut(timeout));
                return self.wait();
            }
        }
    }

    /// Stops the query in all processes; whoever waits for it gets [`Error::Cancelled`]. Without effect on a query that has
    /// ended.
    pub fn cancel(&self) {
        self.give_up(Error::Cancelled);
    }

    /// Whether the query has ended, well or not.
    pub fn is_finished(&self) -> bool {
        self.status.outcome.lock().is_some()
    }

    /// What the query has done so far in this process, node by node in plan order.
    pub fn metrics(&self) -> Vec<NodeReport> {
        let nodes = self.status.metrics.iter().zip(&self.status.names);
        nodes.map(|(metrics, names)| metrics.report(names)).collect()
    }

    /// How far the query has come in this process: a reading of counters, which the workers do not wait for.
    pub fn progress(&self) -> QueryProgress {
        let ended = self.status.outcome.lock().as_ref().map(|ended| ended.elapsed);
        let source = |(node, splits): (usize, &Option<Arc<SplitQueue>>)| {
            let (splits, metrics) = (splits.as_ref()?, self.status.metrics.get(node)?);
            let report = metrics.report(self.status.names.get(node)?);
            let head = report.operators.into_iter().next()?;
            Some(SourceProgress {
                node,
                name: head.name,
                splits: splits.count().map(|count| count as u64),
                splits_done: report.splits,
                rows: head.rows_out,
                bytes: report.bytes_read,
            })
        };
        QueryProgress {
            elapsed: ended.unwrap_or_else(|| self.status.began.elapsed()),
            is_finished: ended.is_some(),
            sources: self.status.splits.iter().enumerate().filter_map(source).collect(),
        }
    }

    /// A number that tells the query from the others of this process.
    pub fn id(&self) -> u64 {
        self.status.ticket
    }

    fn give_up(&self, reason: Error) {
        self.status.complete(Err(reason.clone()));
        let (process, ticket) = (self.shared.process, self.status.ticket);
        self.shared.post(Report::GaveUp { process, ticket, reason: reason.into() });
    }

    fn report(&self, ended: &Ended) -> Result<QueryReport> {
        ended.outcome.clone()?;
        Ok(QueryReport { nodes: self.metrics(), elapsed: ended.elapsed })
    }
}
