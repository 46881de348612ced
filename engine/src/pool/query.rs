//! One run of one query in this process.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing::Span;

use super::message::Report;
use super::progress::{QueryProgress, SourceProgress};
use super::shared::PoolShared;
use super::shares::{Shares, decode, encode};
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

/// What is known of a query, its outcome, and whoever waits for it. Outlives the plan and all that it holds.
pub(crate) struct Status {
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
    /// The number of the query in all processes of a cluster, once they have agreed on it.
    query: OnceLock<u64>,
    is_followed: bool,
    shares: Shares,
}

impl QueryRun {
    pub(crate) fn new(plan: PhysicalPlan, context: &WorkerContext) -> Result<Self> {
        let ticket = NEXT_TICKET.fetch_add(1, Ordering::Relaxed);
        let process = context.process_of_several();
        let span = tracing::info_span!("query", id = ticket, name = plan.name, process);
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
            query: OnceLock::new(),
            is_followed: plan.is_followed,
            shares: Shares::new(context.processes),
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

    pub(crate) fn status(&self) -> &Arc<Status> {
        &self.status
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

    pub(crate) fn has_failed(&self) -> bool {
        matches!(&*self.outcome.lock(), Some(Ended { outcome: Err(_), .. }))
    }

    /// All processes know the query under this number.
    pub(crate) fn agree(&self, query: u64) {
        let _ = self.query.set(query);
    }

    pub(crate) fn query(&self) -> Option<u64> {
        self.query.get().copied()
    }

    pub(crate) fn shares(&self) -> &Shares {
        &self.shares
    }

    /// What this process tells the others of its part in `query`.
    pub(crate) fn tell(&self, query: u64, is_last: bool) -> Vec<u8> {
        let listed: Vec<_> = (0..self.splits.len()).map(|node| self.listed(node)).collect();
        encode(query, is_last, &self.metrics, &listed)
    }

    /// Another process tells its counters.
    pub(crate) fn hear(&self, process: usize, counters: &[u8]) {
        if let Some(told) = decode(counters, self.metrics.iter().map(|node| node.operators())) {
            self.shares.hear(process, told);
        }
    }

    /// The splits that this process has to read, if the node is a source that knows them.
    fn listed(&self, node: usize) -> Option<u64> {
        self.splits.get(node)?.as_ref()?.count().map(|count| count as u64)
    }

    /// What all processes have done in a node, and how many splits it has in all of them, as far as it is known.
    fn node(&self, node: usize) -> Option<(NodeReport, Option<u64>)> {
        let (metrics, names) = (self.metrics.get(node)?, self.names.get(node)?);
        let total = NodeMetrics::new(names.len());
        total.add(metrics);
        let others = self.shares.add_to(&total, node);
        let listed = self.listed(node).into_iter().chain(others).reduce(|a, b| a + b);
        Some((total.report(names), listed))
    }
}

/// A query that was started. Dropping the handle does not stop the query; clones are handles of the same query.
#[derive(Clone)]
pub struct QueryHandle {
    status: Arc<Status>,
    shared: Arc<PoolShared>,
}

/// What a finished query did, in all processes.
#[derive(Clone, Debug, Default)]
pub struct QueryReport {
    /// The nodes, in plan order.
    pub nodes: Vec<NodeReport>,
    /// From submission to the last sink of this process.
    pub elapsed: Duration,
}

impl QueryHandle {
    pub(crate) fn new(run: Arc<QueryRun>, shared: Arc<PoolShared>) -> Self {
        Self { status: run.status.clone(), shared }
    }

    /// Waits for the end of the query: until the sinks of this process have all their rows.
    ///
    /// # Errors
    /// What made the query fail, in whatever process it happened.
    pub fn wait(&self) -> Result<()> {
        let mut outcome = self.status.outcome.lock();
        loop {
            if let Some(ended) = outcome.as_ref() {
                return ended.outcome.clone();
            }
            self.status.changed.wait(&mut outcome);
        }
    }

    /// Waits for the end of the query, but not longer than `timeout`; then it is cancelled in all processes.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and [`Error::TimedOut`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        let mut outcome = self.status.outcome.lock();
        loop {
            if let Some(ended) = outcome.as_ref() {
                return ended.outcome.clone();
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

    /// Waits for the end of the query in all processes, and returns what they did. If the plan was not
    /// [followed](PhysicalPlan::is_followed), waits for this process alone, and the figures of others may be those of a
    /// moment ago.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); a process that is lost before it could tell what it did.
    pub fn report(&self) -> Result<QueryReport> {
        self.wait()?;
        if self.status.is_followed {
            self.status.shares.wait()?;
        }
        let elapsed = self.status.outcome.lock().as_ref().map_or(Duration::ZERO, |ended| ended.elapsed);
        Ok(QueryReport { nodes: self.metrics(), elapsed })
    }

    /// Whether the query has ended in this process, well or not.
    pub fn is_finished(&self) -> bool {
        self.status.outcome.lock().is_some()
    }

    /// What the query has done so far, node by node in plan order: this process until now, others until they told of it
    /// last, which they do a few times a second.
    pub fn metrics(&self) -> Vec<NodeReport> {
        (0..self.status.metrics.len()).filter_map(|node| Some(self.status.node(node)?.0)).collect()
    }

    /// How far the query has come in all processes: a reading of counters, which the workers do not wait for. The other
    /// processes tell theirs a few times a second.
    pub fn progress(&self) -> QueryProgress {
        let ended = self.status.outcome.lock().as_ref().map(|ended| (ended.elapsed, ended.outcome.is_ok()));
        // Before the figures are read: those of a query that is called finished change no more.
        let is_finished = match ended {
            Some((_, true)) => !self.status.is_followed || self.status.shares.have_ended(),
            Some((_, false)) => true,
            None => false,
        };
        let source = |(node, splits): (usize, &Option<Arc<SplitQueue>>)| {
            splits.as_ref()?;
            let (report, splits) = self.status.node(node)?;
            let head = report.operators.into_iter().next()?;
            Some(SourceProgress {
                node,
                name: head.name,
                splits,
                splits_done: report.splits,
                rows: head.rows_out,
                bytes: report.bytes_read,
            })
        };
        QueryProgress {
            elapsed: ended.map_or_else(|| self.status.began.elapsed(), |(elapsed, _)| elapsed),
            is_finished,
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
}
