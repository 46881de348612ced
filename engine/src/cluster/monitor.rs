//! What this process knows about the health of its mesh.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::{Condvar, Mutex};

use super::config::ClusterConfig;
use super::control::Event;
use super::message::Message;
use super::panic_filter;
use crate::error::Error;

/// Watches over the mesh of this process, and knows why it failed.
///
/// A mesh fails at most once; what follows from the first failure is not reported. In a single process it never does.
pub struct Monitor {
    config: ClusterConfig,
    state: Mutex<State>,
    changed: Condvar,
    /// Where control messages are written, by peer.
    control: Vec<Option<Mutex<TcpStream>>>,
    /// Handles with which the data connections can be closed, by peer.
    data: Vec<Option<TcpStream>>,
    events: Sender<Event>,
    correspondent: OnceLock<Weak<dyn Correspondent>>,
    /// Nobody asks for news before the next query begins.
    is_silent: AtomicBool,
}

/// What processes tell each other of the queries that run: the mesh carries it, and knows nothing of it.
///
/// The calls come from the control thread and must not block.
pub trait Correspondent: Send + Sync {
    /// What to tell the other processes now, a message each; `None` if no query runs here. Asked a few times a second while
    /// queries run.
    fn news(&self) -> Option<Vec<Vec<u8>>>;

    /// Another process has told something. Messages of one process come in the order in which it told them.
    fn hear(&self, process: usize, news: &[u8]);
}

struct State {
    failure: Option<Error>,
    callbacks: Vec<Callback>,
    /// This process has said goodbye.
    leaving: bool,
    /// The control thread has ended.
    stopped: bool,
    /// Queries that began and ended here.
    started: u64,
    finished: u64,
    peers: Vec<Peer>,
}

type Callback = Box<dyn Fn(&Error) + Send + Sync>;

/// How far a peer has left.
#[derive(Clone, Default)]
struct Peer {
    /// It said goodbye, after this many queries.
    finished: Option<u64>,
    /// Its workers ended, in an orderly way, although it said no goodbye in time.
    data_ended: bool,
}

/// A query that runs. While it exists, the goodbye of a peer that has not finished the same query is a failure.
///
/// Made by [`Monitor::begin_query`]; the query ends when it is dropped.
#[must_use = "the query ends when this is dropped"]
pub struct RunningQuery {
    monitor: Arc<Monitor>,
}

impl Drop for RunningQuery {
    fn drop(&mut self) {
        self.monitor.state.lock().finished += 1;
    }
}

impl Monitor {
    pub(super) fn new(
        config: ClusterConfig,
        control: Vec<Option<TcpStream>>,
        data: Vec<Option<TcpStream>>,
        events: Sender<Event>,
    ) -> Self {
        let state = State {
            failure: None,
            callbacks: Vec::new(),
            leaving: false,
            stopped: false,
            started: 0,
            finished: 0,
            peers: vec![Peer::default(); config.processes()],
        };
        let control = control.into_iter().map(|stream| stream.map(Mutex::new)).collect();
        let (correspondent, is_silent) = (OnceLock::new(), AtomicBool::new(true));
        Self {
            config,
            state: Mutex::new(state),
            changed: Condvar::new(),
            control,
            data,
            events,
            correspondent,
            is_silent,
        }
    }

    /// Why the mesh failed: [`Error::PeerLost`], naming the process that was really lost.
    ///
    /// Known before any worker or communication thread fails of it.
    pub fn failure(&self) -> Option<Error> {
        self.state.lock().failure.clone()
    }

    /// Calls `callback` once when the mesh fails; at once if it has failed already.
    ///
    /// The call comes from the control thread, after the other processes know and the data connections are closed.
    /// It must not block, and not drop the mesh: that waits for the control thread.
    pub fn on_failure(&self, callback: impl Fn(&Error) + Send + Sync + 'static) {
        let mut state = self.state.lock();
        match state.failure.clone() {
            None => state.callbacks.push(Box::new(callback)),
            Some(failure) => {
                drop(state);
                callback(&failure);
            },
        }
    }

    /// Announces that this process waits for the result of one more query.
    ///
    /// As every process runs the same queries in the same order, their numbers tell whether a peer that says goodbye
    /// has finished what we are still working on, or deserts it. Without this call a peer that leaves in an
    /// orderly way is no failure.
    pub fn begin_query(self: &Arc<Self>) -> RunningQuery {
        let mut state = self.state.lock();
        state.started += 1;
        let alone = state.missed_peer().is_some();
        drop(state);
        if self.is_silent.swap(false, Ordering::SeqCst) || alone {
            let _ = self.events.send(Event::QueryBegun);
        }
        RunningQuery { monitor: Arc::clone(self) }
    }

    /// Says goodbye to the other processes: from now on the end of their connections is as orderly as ours.
    ///
    /// Call it before the workers are told to stop.
    pub fn shutdown(&self) {
        let finished = {
            let mut state = self.state.lock();
            if std::mem::replace(&mut state.leaving, true) {
                return;
            }
            state.finished
        };
        self.broadcast(&Message::Goodbye { finished });
        self.changed.notify_all();
    }

    /// From now on `correspondent` speaks for this process. A mesh has one.
    pub fn set_correspondent(&self, correspondent: Weak<dyn Correspondent>) {
        drop(self.correspondent.set(correspondent));
    }

    /// Tells all other processes something without waiting until they can be told.
    pub fn tell(&self, news: Vec<u8>) {
        let _ = self.events.send(Event::Tell(news));
    }

    fn correspondent(&self) -> Option<Arc<dyn Correspondent>> {
        self.correspondent.get()?.upgrade()
    }

    /// Tells the peers the news, and whether there may be more later.
    pub(super) fn tell_news(&self) -> bool {
        // Before the question: a query that begins after it wakes the control thread.
        self.is_silent.store(true, Ordering::SeqCst);
        let Some(news) = self.correspondent().and_then(|correspondent| correspondent.news()) else { return false };
        self.is_silent.store(false, Ordering::SeqCst);
        news.into_iter().for_each(|news| self.broadcast(&Message::News(news)));
        true
    }

    pub(super) fn hear(&self, process: usize, news: &[u8]) {
        if let Some(correspondent) = self.correspondent() {
            correspondent.hear(process, news);
        }
    }

    pub(super) fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// Sends a control message to all peers that still listen.
    pub(super) fn broadcast(&self, message: &Message) {
        for stream in self.control.iter().flatten() {
            let stream = stream.lock();
            if message.send(&*stream).is_err() {
                // Half a message may be under way: nothing sensible can follow it.
                let _ = stream.shutdown(Shutdown::Write);
            }
        }
    }

    /// Records the first cause of a failure, tells the peers, and then closes the data connections. Only the control
    /// thread decides this, so there is no second cause to race with.
    ///
    /// `reporter` is the peer that told us.
    pub(super) fn lose(&self, process: usize, reason: String, reporter: Option<usize>) {
        if process >= self.config.processes() || self.failure().is_some() {
            return;
        }
        let seen = match reporter {
            None => reason.clone(),
            Some(reporter) if process == self.config.process => {
                format!("process {reporter} gave this process up, {reason}")
            },
            Some(reporter) => format!("{reason} (reported by process {reporter})"),
        };
        let address = self.config.address(process).to_owned();
        tracing::warn!(process, address, reason = seen, "lost a process of the cluster");
        self.broadcast(&Message::Lost { process, reason });
        let failure = Error::PeerLost { process, address, reason: seen };
        panic_filter::mesh_failed();
        let callbacks = {
            let mut state = self.state.lock();
            state.failure = Some(failure.clone());
            std::mem::take(&mut state.callbacks)
        };
        self.changed.notify_all();
        self.close_data();
        for callback in callbacks {
            callback(&failure);
        }
    }

    /// Closes all data connections, which ends timely's communication threads.
    fn close_data(&self) {
        for stream in self.data.iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the control thread and the readers of the control connections.
    pub(super) fn stop(&self) {
        let _ = self.events.send(Event::Stop);
        self.close_data();
        for stream in self.control.iter().flatten() {
            let _ = stream.lock().shutdown(Shutdown::Both);
        }
    }

    /// New handles of the data connections, by peer.
    pub(super) fn data_streams(&self) -> io::Result<Vec<Option<TcpStream>>> {
        self.data.iter().map(|stream| stream.as_ref().map(TcpStream::try_clone).transpose()).collect()
    }

    /// Called where a data connection has ended: waits until it is known what that means.
    ///
    /// An end that timely's protocol announced (`clean`) is fine once we leave as well. Until then it is open: the
    /// peer may have ended its program a moment before we do, or too early for a query that comes.
    pub(super) fn data_closed(&self, process: usize, clean: bool, reason: String) -> Result<(), Error> {
        let _ = self.events.send(Event::DataClosed { process, clean, reason });
        let mut state = self.state.lock();
        loop {
            if clean && state.leaving {
                return Ok(());
            }
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state.stopped {
                return Err(Error::Stopped);
            }
            self.changed.wait(&mut state);
        }
    }

    pub(super) fn note_goodbye(&self, process: usize, finished: u64) {
        if let Some(peer) = self.state.lock().peers.get_mut(process) {
            peer.finished = Some(finished);
        }
    }

    pub(super) fn note_data_end(&self, process: usize) {
        if let Some(peer) = self.state.lock().peers.get_mut(process) {
            peer.data_ended = true;
        }
    }

    pub(super) fn note_stopped(&self) {
        self.state.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn said_goodbye(&self, process: usize) -> bool {
        self.state.lock().peers.get(process).is_some_and(|peer| peer.finished.is_some())
    }

    pub(super) fn missed_peer(&self) -> Option<usize> {
        self.state.lock().missed_peer()
    }
}

impl State {
    /// A peer that left although this process still runs a query that needs it.
    fn missed_peer(&self) -> Option<usize> {
        if self.leaving {
            return None;
        }
        let deserted = |peer: &Peer| peer.finished.map_or(peer.data_ended, |finished| finished < self.started);
        (self.started > self.finished).then(|| self.peers.iter().position(deserted)).flatten()
    }
}
