//! The calling side of the handshake.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use super::control::Event;
use super::error::MeshError;
use super::handshake::{Greeting, Identity, Purpose, Verdict};
use super::socket::is_timeout;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connects this process to one with a lower index, on a thread of its own.
pub(super) struct Connector {
    pub identity: Identity,
    pub target: usize,
    pub address: String,
    pub deadline: Instant,
    pub stop: Arc<AtomicBool>,
    pub events: Sender<Event>,
}

/// Why an attempt failed.
enum Setback {
    /// The peer may not have started yet.
    Retry(String),
    /// No retry will help.
    Fatal(MeshError),
}

impl Connector {
    pub(super) fn start(self) -> io::Result<()> {
        let name = format!("quokka:connect-{}", self.target);
        thread::Builder::new().name(name).spawn(move || self.run()).map(|_| ())
    }

    fn run(self) {
        for purpose in [Purpose::Control, Purpose::Data] {
            let Some(event) = self.link(purpose) else { return };
            let over = matches!(event, Event::Refused(_));
            if self.events.send(event).is_err() || over {
                return;
            }
        }
    }

    /// Tries until a connection is made, or it is too late.
    fn link(&self, purpose: Purpose) -> Option<Event> {
        let mut pause = FIRST_PAUSE;
        while !self.stop.load(Ordering::Relaxed) && Instant::now() < self.deadline {
            match self.attempt(purpose) {
                Ok(stream) => return Some(Event::Linked { process: self.target, purpose, stream }),
                Err(Setback::Fatal(error)) => return Some(Event::Refused(error)),
                Err(Setback::Retry(reason)) => {
                    self.events.send(Event::Waiting { process: self.target, reason }).ok()?;
                },
            }
            thread::sleep(pause);
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        None
    }

    fn attempt(&self, purpose: Purpose) -> Result<TcpStream, Setback> {
        let resolved = self
            .address
            .to_socket_addrs()
            .map_err(|error| Setback::Retry(format!("has an address that cannot be resolved: {error}")))?;
        let mut setback = Setback::Retry("has an address that resolves to nothing".into());
        for candidate in resolved {
            let left = self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let attempt = match TcpStream::connect_timeout(&candidate, left.min(CONNECT_TIMEOUT)) {
                Ok(stream) => self.introduce(stream, purpose),
                Err(error) => Err(Setback::Retry(format!("does not answer: {error}"))),
            };
            match attempt {
                Err(Setback::Retry(reason)) => setback = Setback::Retry(reason),
                end => return end,
            }
        }
        Err(setback)
    }

    /// Says who we are and hears who they are.
    fn introduce(&self, stream: TcpStream, purpose: Purpose) -> Result<TcpStream, Setback> {
        let not_ours = || Setback::Retry("has an address where another program answers".into());
        const MUTE: &str = "is connected, but has not answered";
        let broken = |error: io::Error| {
            Setback::Retry(if is_timeout(&error) { MUTE.into() } else { format!("breaks off the handshake: {error}") })
        };
        // Calling a free local port whose number the kernel also picks for our end connects the socket to itself.
        if stream.local_addr().ok() == stream.peer_addr().ok() {
            return Err(Setback::Retry("does not answer".into()));
        }
        // The answer may take until the deadline, and then this is what is known.
        let process = self.target;
        let _ = self.events.send(Event::Waiting { process, reason: MUTE.into() });
        Greeting::call(self.identity, purpose, self.target).send(&stream).map_err(broken)?;
        let answer = Greeting::receive(&stream, self.deadline).map_err(broken)?.ok_or_else(not_ours)?;
        if let Some(error) = answer.disagreement(&self.identity, &self.address) {
            return Err(Setback::Fatal(error));
        }
        let (process, address) = (answer.identity.process, self.address.clone());
        if process != self.target {
            let theirs = format!("`-p {process}`");
            let ours = format!("a host file that gives this address to process {}", self.target);
            return Err(Setback::Fatal(MeshError::Mismatch { process, address, theirs, ours }));
        }
        match answer.verdict() {
            Some(Verdict::Accepted) => Ok(stream),
            Some(Verdict::Taken) => {
                let process = self.identity.process;
                Err(Setback::Fatal(MeshError::Duplicate { process, address }))
            },
            Some(Verdict::Disagreed) | None => Err(not_ours()),
        }
    }
}
