//! The listening side of the handshake.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::config::ClusterConfig;
use super::control::Event;
use super::error::MeshError;
use super::handshake::{Greeting, Identity, Purpose, Verdict};

/// How long a caller may take to say who it is.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// How often new callers are looked for while the mesh is being built.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(10);
/// Callers that may be mute at the same time, so that a flood of strangers cannot exhaust threads.
const MOST_HANDSHAKES: usize = 256;

/// Listens on the address of this process.
pub(super) fn bind(config: &ClusterConfig) -> Result<TcpListener, MeshError> {
    let process = config.process;
    let address = config.address(process).to_owned();
    let resolved = match address.to_socket_addrs() {
        Ok(resolved) => resolved,
        Err(source) => return Err(MeshError::Listen { process, address, source }),
    };
    let mut refusal = io::Error::from(ErrorKind::AddrNotAvailable);
    for candidate in resolved {
        match TcpListener::bind(candidate) {
            Ok(listener) => return Ok(listener),
            // Another name of the address may be free, but the peers could still reach the program that has this one.
            Err(source) if source.kind() == ErrorKind::AddrInUse => {
                return Err(MeshError::PortInUse { process, address, source });
            },
            Err(source) => refusal = source,
        }
    }
    Err(MeshError::Listen { process, address, source: refusal })
}

/// Accepts callers on a thread of its own until dropped, which also frees the port.
pub(super) struct Acceptor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    pub(super) fn start(listener: TcpListener, identity: Identity, events: Sender<Event>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let desk = Arc::new(Desk { identity, events, taken: Mutex::default(), handshakes: AtomicUsize::new(0) });
        let thread = thread::Builder::new().name("quokka:accept".into()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => desk.welcome(stream),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {},
                    // Other errors than `WouldBlock` concern one caller, or pass (too many open files).
                    Err(_) => thread::sleep(ACCEPT_INTERVAL),
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the handshakes with all callers share.
struct Desk {
    identity: Identity,
    events: Sender<Event>,
    taken: Mutex<HashSet<(usize, Purpose)>>,
    handshakes: AtomicUsize,
}

impl Desk {
    /// Talks to a caller on a thread of its own, so that a mute one delays nobody.
    fn welcome(self: &Arc<Self>, stream: TcpStream) {
        if self.handshakes.fetch_add(1, Ordering::Relaxed) >= MOST_HANDSHAKES {
            self.handshakes.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let desk = Arc::clone(self);
        let spawned = thread::Builder::new().name("quokka:handshake".into()).spawn(move || {
            // A stranger, or a peer that broke off and will call again: neither is worth an error.
            let _ = desk.greet(stream);
            desk.handshakes.fetch_sub(1, Ordering::Relaxed);
        });
        if spawned.is_err() {
            self.handshakes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Reads and answers a greeting.
    fn greet(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(GREETING_TIMEOUT))?;
        let Some(greeting) = Greeting::receive(&stream, Instant::now() + GREETING_TIMEOUT)? else { return Ok(()) };
        let process = greeting.identity.process;
        let address = stream.peer_addr().map_or_else(|_| "unknown address".into(), |address| address.to_string());
        let answer = |verdict| Greeting::answer(self.identity, verdict, process).send(&stream);
        let report = |event| {
            // Nobody listens any more: the mesh is complete, or has been given up.
            let _ = self.events.send(event);
        };
        if let Some(error) = greeting.disagreement(&self.identity, &address) {
            // Answered first: this process may end once it knows.
            let answered = answer(Verdict::Disagreed);
            report(Event::Refused(error));
            return answered;
        }
        let Some(purpose) = greeting.purpose() else { return Ok(()) };
        // Only higher indices call. The caller with our own index is our double.
        if process >= self.identity.processes || process < self.identity.process {
            return Ok(());
        }
        // Held until the end, so that who is refused is reported after the one that has its place.
        let mut taken = self.taken.lock();
        if process == self.identity.process || !taken.insert((process, purpose)) {
            let answered = answer(Verdict::Taken);
            report(Event::Refused(MeshError::Duplicate { process, address }));
            return answered;
        }
        if let Err(error) = answer(Verdict::Accepted) {
            taken.remove(&(process, purpose));
            return Err(error);
        }
        report(Event::Linked { process, purpose, stream });
        Ok(())
    }
}
