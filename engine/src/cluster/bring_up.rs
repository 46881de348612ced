//! Building the mesh: until every process has all its connections.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use super::config::ClusterConfig;
use super::connector::Connector;
use super::control::{Event, start_reader};
use super::error::{MeshError, MissingPeer};
use super::handshake::{Identity, Purpose};
use super::listener::{Acceptor, bind};
use super::message::Message;
use super::socket::{tune_control, tune_data};

/// All connections of this process, by peer.
pub(super) struct Links {
    pub control: Vec<Option<TcpStream>>,
    pub data: Vec<Option<TcpStream>>,
    /// Threads that turn what arrives on control connections into events.
    pub readers: Vec<JoinHandle<()>>,
    pub sender: Sender<Event>,
    pub events: Receiver<Event>,
    /// What happened during the bring-up, but concerns the time after it.
    pub early: Vec<Event>,
    /// Those of each process.
    pub tags: Vec<Vec<String>>,
}

impl Links {
    /// Hangs up on everybody.
    pub(super) fn close(self) {
        for stream in self.control.iter().chain(&self.data).flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for reader in self.readers {
            let _ = reader.join();
        }
    }
}

/// Binds this process's address and connects it with all others.
pub(super) fn bring_up(config: &ClusterConfig) -> Result<Links, MeshError> {
    let deadline = Instant::now() + config.timing.connect_deadline;
    let listener = bind(config)?;
    let (sender, events) = channel();
    let none = || (0..config.processes()).map(|_| None).collect();
    let mut tags = vec![Vec::new(); config.processes()];
    tags[config.process].clone_from(&config.tags);
    let links = Links { control: none(), data: none(), readers: Vec::new(), sender, events, early: Vec::new(), tags };
    let stop = Arc::new(AtomicBool::new(false));
    let mut bring_up = BringUp {
        config,
        deadline,
        links,
        ready: vec![false; config.processes()],
        reasons: (0..config.processes())
            .map(|peer| if peer < config.process { "was not reached".into() } else { "did not call".into() })
            .collect(),
        departed: vec![false; config.processes()],
    };
    let outcome = bring_up.run(listener, &stop);
    stop.store(true, Ordering::Relaxed);
    match outcome {
        Ok(()) => Ok(bring_up.links),
        Err(error) => {
            let abort = Message::Abort { reason: error.to_string() };
            bring_up.broadcast(&abort);
            for event in bring_up.links.events.try_iter() {
                if let Event::Linked { purpose: Purpose::Control, stream, .. } = event {
                    let _ = abort.send(&stream);
                }
            }
            bring_up.links.close();
            Err(error)
        },
    }
}

struct BringUp<'a> {
    config: &'a ClusterConfig,
    deadline: Instant,
    links: Links,
    /// Processes that have said that they have all their connections; this one included.
    ready: Vec<bool>,
    /// What was seen last of processes that are missing.
    reasons: Vec<String>,
    /// Processes that have already said goodbye: they were ready, and ended before we were.
    departed: Vec<bool>,
}

impl BringUp<'_> {
    fn run(&mut self, listener: TcpListener, stop: &Arc<AtomicBool>) -> Result<(), MeshError> {
        let identity = Identity::of(self.config);
        let thread_failed = |source| MeshError::Io { action: "start a thread for the mesh", source };
        let _acceptor = Acceptor::start(listener, identity, self.links.sender.clone()).map_err(thread_failed)?;
        for (target, address) in self.config.addresses.iter().take(self.config.process).enumerate() {
            let (stop, events, address) = (Arc::clone(stop), self.links.sender.clone(), address.clone());
            let connector = Connector { identity, target, address, deadline: self.deadline, stop, events };
            connector.start().map_err(thread_failed)?;
        }
        let mut next_beat = Instant::now();
        loop {
            let now = Instant::now();
            if now >= self.deadline {
                return Err(self.missing());
            }
            if now >= next_beat {
                self.broadcast(&Message::Beat);
                next_beat = now + self.config.timing.heartbeat_interval;
            }
            match self.links.events.recv_timeout(next_beat.min(self.deadline).saturating_duration_since(now)) {
                Ok(event) => self.handle(event)?,
                // We hold a sender: the channel cannot be closed.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {},
            }
            if self.ready.iter().all(|ready| *ready) {
                return Ok(());
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), MeshError> {
        match event {
            Event::Linked { process, purpose, stream } => self
                .link(process, purpose, stream)
                .map_err(|source| MeshError::Io { action: "set up a connection of the mesh", source })?,
            Event::Waiting { process, reason } => {
                if let Some(last) = self.reasons.get_mut(process) {
                    *last = reason;
                }
            },
            Event::Refused(error) => return Err(error),
            Event::Message { process, message: Message::Ready { tags } } => {
                set(&mut self.ready, process);
                if let Some(slot) = self.links.tags.get_mut(process) {
                    *slot = tags;
                }
            },
            Event::Message { process, message: Message::Abort { reason } } => return Err(self.left(process, reason)),
            Event::Message { message: Message::Lost { process, reason }, .. } => {
                return Err(self.left(process, reason));
            },
            Event::Message { process, message: Message::Goodbye { .. } } => {
                set(&mut self.departed, process);
                self.links.early.push(event);
            },
            Event::Closed { process, .. } if self.departed.get(process) == Some(&true) => self.links.early.push(event),
            Event::Closed { process, reason } | Event::Silent { process, reason } => {
                return Err(self.left(process, reason));
            },
            Event::Message { message: Message::Beat | Message::News(_), .. }
            | Event::DataClosed { .. }
            | Event::QueryBegun
            | Event::Tell(_)
            | Event::Stop => {},
        }
        Ok(())
    }

    fn link(&mut self, process: usize, purpose: Purpose, stream: TcpStream) -> io::Result<()> {
        let timing = &self.config.timing;
        let links = &mut self.links;
        let slot = match purpose {
            Purpose::Data => {
                tune_data(&stream, timing)?;
                links.data.get_mut(process)
            },
            Purpose::Control => {
                tune_control(&stream, timing)?;
                links.readers.push(start_reader(process, &stream, timing, links.sender.clone())?);
                links.control.get_mut(process)
            },
        };
        if let Some(slot) = slot {
            *slot = Some(stream);
        }
        // Happens once: a single event completes the links.
        if self.linked(|_| true) {
            set(&mut self.ready, self.config.process);
            self.broadcast(&Message::Ready { tags: self.config.tags.clone() });
        }
        Ok(())
    }

    /// Whether both connections exist to all peers that `which` selects.
    fn linked(&self, which: impl Fn(usize) -> bool) -> bool {
        let pairs = self.links.control.iter().zip(&self.links.data).enumerate();
        pairs
            .filter(|(peer, _)| *peer != self.config.process && which(*peer))
            .all(|(_, (control, data))| control.is_some() && data.is_some())
    }

    fn broadcast(&self, message: &Message) {
        for stream in self.links.control.iter().flatten() {
            // The reader of a broken connection reports it.
            let _ = message.send(stream);
        }
    }

    fn left(&self, process: usize, reason: String) -> MeshError {
        MeshError::PeerLeft { process, address: self.config.address(process).to_owned(), reason }
    }

    fn missing(&self) -> MeshError {
        let own = self.config.process;
        let peers = (0..self.config.processes()).filter(|peer| *peer != own && self.ready.get(*peer) == Some(&false));
        let (linked, unlinked): (Vec<_>, Vec<_>) = peers.partition(|peer| self.linked(|other| other == *peer));
        let describe = |process: usize, reason: &str| MissingPeer {
            process,
            address: self.config.address(process).to_owned(),
            reason: reason.to_owned(),
        };
        // A process that is here, and waits itself, is not to blame unless nobody else is.
        let missing = if unlinked.is_empty() {
            linked
                .into_iter()
                .map(|peer| describe(peer, "is here, but some of its own connections are missing"))
                .collect()
        } else {
            let reason = |peer: usize| self.reasons.get(peer).map_or("", String::as_str);
            unlinked.into_iter().map(|peer| describe(peer, reason(peer))).collect()
        };
        MeshError::PeersMissing { missing, deadline: self.config.timing.connect_deadline }
    }
}

fn set(flags: &mut [bool], index: usize) {
    if let Some(flag) = flags.get_mut(index) {
        *flag = true;
    }
}
