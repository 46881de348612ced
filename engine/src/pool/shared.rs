//! What the threads of a process share about the pool: callers on one side, the lead worker on the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use parking_lot::Mutex;

use super::message::Report;
use super::query::{QueryRun, Status};
use super::shares::decode_query;
use crate::cluster::{Correspondent, Monitor};
use crate::error::{Error, Result};

pub(crate) struct PoolShared {
    /// Workers of this process.
    pub(crate) workers: usize,
    pub(crate) process: usize,
    pub(crate) processes: usize,
    /// What callers have to say to the coordinator; the lead worker (the first of the process) fetches it.
    inbox: Mutex<Vec<Report>>,
    inbox_full: AtomicBool,
    lead: Mutex<Option<Thread>>,
    /// Set once the mesh stands; never in a single process.
    monitor: OnceLock<Arc<Monitor>>,
    /// Those of each process, once the mesh stands.
    tags: OnceLock<Vec<Vec<String>>>,
    queries: Mutex<Queries>,
}

#[derive(Default)]
struct Queries {
    /// Queries that were submitted and have not ended.
    open: HashMap<u64, Arc<QueryRun>>,
    /// Queries of a cluster that other processes may still tell something about, by the number that all have agreed on.
    followed: HashMap<u64, Followed>,
    /// Why the pool takes no more queries.
    closed: Option<Error>,
}

struct Followed {
    status: Arc<Status>,
    /// The other processes tell the end of their parts.
    to_the_end: bool,
    /// The part of this process has ended.
    is_over: bool,
}

impl PoolShared {
    pub(crate) fn new(workers: usize, process: usize, addresses: Vec<String>) -> Self {
        Self {
            workers,
            process,
            processes: addresses.len().max(1),
            inbox: Mutex::default(),
            inbox_full: AtomicBool::new(false),
            lead: Mutex::default(),
            monitor: OnceLock::new(),
            tags: OnceLock::new(),
            queries: Mutex::default(),
        }
    }

    /// Registers a query and asks the coordinator to run it.
    pub(crate) fn submit(&self, run: Arc<QueryRun>) -> Result<()> {
        let (ticket, fingerprint) = (run.ticket, run.plan.fingerprint());
        let is_followed = run.plan.is_followed;
        let text = if self.processes > 1 { run.plan.to_string() } else { String::new() };
        {
            let mut queries = self.queries.lock();
            if let Some(error) = &queries.closed {
                return Err(error.clone());
            }
            if let Some(monitor) = self.monitor.get() {
                run.watch(monitor);
            }
            tracing::info!(parent: run.span(), nodes = run.plan.nodes.len(), "query started");
            queries.open.insert(ticket, run);
        }
        self.post(Report::Submitted { process: self.process, ticket, fingerprint, text, is_followed });
        Ok(())
    }

    /// Sends a report to the coordinator by way of the lead worker.
    pub(crate) fn post(&self, report: Report) {
        self.inbox.lock().push(report);
        self.inbox_full.store(true, Ordering::Release);
        if let Some(lead) = self.lead.lock().as_ref() {
            lead.unpark();
        }
    }

    pub(crate) fn set_monitor(&self, monitor: Arc<Monitor>) {
        // There is one mesh in the life of a pool.
        drop(self.monitor.set(monitor));
    }

    pub(crate) fn set_tags(&self, tags: Vec<Vec<String>>) {
        drop(self.tags.set(tags));
    }

    pub(crate) fn tags(&self) -> &[Vec<String>] {
        self.tags.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn set_lead(&self, lead: Thread) {
        *self.lead.lock() = Some(lead);
    }

    pub(crate) fn take_inbox(&self, into: &mut Vec<Report>) {
        if self.inbox_full.swap(false, Ordering::Acquire) {
            into.append(&mut self.inbox.lock());
        }
    }

    pub(crate) fn run_of(&self, ticket: u64) -> Option<Arc<QueryRun>> {
        self.queries.lock().open.get(&ticket).cloned()
    }

    /// The query begins, in all processes under the number `query`; if `to_the_end`, they tell each other what they did when
    /// it has ended.
    pub(crate) fn follow(&self, run: &QueryRun, query: u64, to_the_end: bool) {
        if self.processes > 1 {
            run.status().agree(query);
            let followed = Followed { status: run.status().clone(), to_the_end, is_over: false };
            self.queries.lock().followed.insert(query, followed);
        }
    }

    /// The query has ended on one worker. It stays registered until it has on all: a worker that is behind must still
    /// build it, or its channels would no longer match those of the others.
    pub(crate) fn release(&self, run: &QueryRun) {
        if run.released() {
            self.forget(run);
            run.status().shares().end(self.process);
            self.tell_end(run);
        }
    }

    /// Tells the other processes what this one did, if they want to know.
    fn tell_end(&self, run: &QueryRun) {
        let Some(query) = run.status().query() else { return };
        let mut queries = self.queries.lock();
        let Some(followed) = queries.followed.get_mut(&query) else { return };
        followed.is_over = true;
        if followed.to_the_end
            && let Some(monitor) = self.monitor.get()
        {
            monitor.tell(followed.status.tell(query, true));
        }
        // Of a failed query not every process may have heard enough to tell its end.
        if !followed.to_the_end || followed.status.has_failed() || followed.status.shares().have_ended() {
            queries.followed.remove(&query);
        }
    }

    /// The query will not run.
    pub(crate) fn forget(&self, run: &QueryRun) {
        self.queries.lock().open.remove(&run.ticket);
    }

    /// The pool can run nothing any more: everybody who waits gets `error`, and so does every later query.
    pub(crate) fn fail(&self, error: Error) {
        let (open, followed) = {
            let mut queries = self.queries.lock();
            queries.closed.get_or_insert_with(|| error.clone());
            (std::mem::take(&mut queries.open), std::mem::take(&mut queries.followed))
        };
        followed.into_values().for_each(|followed| followed.status.shares().break_off(&error));
        for run in open.into_values() {
            run.status().shares().break_off(&error);
            run.fail(error.clone());
        }
    }

    /// This process submits nothing more.
    pub(crate) fn leave(&self) {
        self.queries.lock().closed.get_or_insert(Error::Stopped);
        self.post(Report::Left { process: self.process });
    }
}

impl Correspondent for PoolShared {
    fn news(&self) -> Option<Vec<Vec<u8>>> {
        let queries = self.queries.lock();
        let running = queries.followed.iter().filter(|(_, followed)| !followed.is_over);
        let news = || running.map(|(query, followed)| followed.status.tell(*query, false)).collect();
        (!queries.open.is_empty()).then(news)
    }

    fn hear(&self, process: usize, news: &[u8]) {
        let Some((query, counters)) = decode_query(news) else { return };
        let mut queries = self.queries.lock();
        if let Some(followed) = queries.followed.get(&query) {
            followed.status.hear(process, counters);
            if followed.is_over && followed.status.shares().have_ended() {
                queries.followed.remove(&query);
            }
        }
    }
}
