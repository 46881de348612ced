//! The control thread: sends signs of life, and decides what the events of the mesh mean.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::config::MeshTiming;
use super::error::MeshError;
use super::handshake::Purpose;
use super::message::Message;
use super::monitor::Monitor;
use super::socket::is_timeout;

/// How long a closed data connection waits for a better explanation than itself: a survivor that tears down closes
/// its data connections as well, and the news of the real cause travels on another connection.
const GRACE: Duration = Duration::from_millis(500);
/// How often this process tells the others how far its queries have come.
const NEWS_INTERVAL: Duration = Duration::from_millis(250);

/// Something that happened to the mesh.
pub(super) enum Event {
    /// A connection passed the handshake.
    Linked { process: usize, purpose: Purpose, stream: TcpStream },
    /// A connection could not be made yet.
    Waiting { process: usize, reason: String },
    /// The mesh cannot be built.
    Refused(MeshError),
    /// A peer said something.
    Message { process: usize, message: Message },
    /// A peer's control connection is gone.
    Closed { process: usize, reason: String },
    /// A peer's control connection carries no signs of life.
    Silent { process: usize, reason: String },
    /// A peer's data connection is gone, cleanly if timely announced its end.
    DataClosed { process: usize, clean: bool, reason: String },
    /// A query begins although some peer may have left, or nobody was told of queries lately.
    QueryBegun,
    /// All peers are to be told this.
    Tell(Vec<u8>),
    /// The mesh is no longer needed.
    Stop,
}

/// Turns what arrives on a control connection into events, on a thread of its own that ends with the connection.
pub(super) fn start_reader(
    process: usize,
    stream: &TcpStream,
    timing: &MeshTiming,
    events: Sender<Event>,
) -> io::Result<JoinHandle<()>> {
    let stream = stream.try_clone()?;
    let timeout = timing.heartbeat_timeout;
    let read = move || {
        let last = loop {
            match Message::receive(&stream) {
                Ok(message) => {
                    if events.send(Event::Message { process, message }).is_err() {
                        return;
                    }
                },
                Err(error) if is_timeout(&error) => {
                    let reason = format!("no sign of life for {timeout:?}: it is frozen, overloaded or cut off");
                    break Event::Silent { process, reason };
                },
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    break Event::Closed { process, reason: "it ended or was killed".into() };
                },
                Err(error) => break Event::Closed { process, reason: format!("its connection broke: {error}") },
            }
        };
        let _ = events.send(last);
    };
    thread::Builder::new().name(format!("quokka:control-{process}")).spawn(read)
}

/// Starts the thread that owns all decisions about the mesh after its bring-up.
pub(super) fn start(monitor: Arc<Monitor>, events: Receiver<Event>, early: Vec<Event>) -> io::Result<JoinHandle<()>> {
    let control = Control { monitor, suspicions: VecDeque::new(), next_news: None };
    thread::Builder::new().name("quokka:control".into()).spawn(move || control.run(events, early))
}

struct Control {
    monitor: Arc<Monitor>,
    /// Oldest first.
    suspicions: VecDeque<Suspicion>,
    /// When the peers are told how far the queries of this process have come; never, while there are none.
    next_news: Option<Instant>,
}

/// A peer that will be blamed when nothing better is known in time.
struct Suspicion {
    until: Instant,
    process: usize,
    clean: bool,
    reason: String,
}

impl Control {
    fn run(mut self, events: Receiver<Event>, early: Vec<Event>) {
        let _stopped = Stopped(Arc::clone(&self.monitor));
        for event in early {
            self.handle(event);
        }
        let interval = self.monitor.config().timing.heartbeat_interval;
        let mut next_beat = Instant::now();
        loop {
            let now = Instant::now();
            if now >= next_beat {
                self.monitor.broadcast(&Message::Beat);
                next_beat = now + interval;
            }
            if self.next_news.is_some_and(|next_news| now >= next_news) {
                self.next_news = self.monitor.tell_news().then(|| now + NEWS_INTERVAL);
            }
            let suspicion = self.suspicions.front().map(|suspicion| suspicion.until);
            let wake = suspicion.into_iter().chain(self.next_news).fold(next_beat, Instant::min);
            match events.recv_timeout(wake.saturating_duration_since(now)) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(event) => self.handle(event),
                Err(RecvTimeoutError::Timeout) => {},
            }
            while let Some(suspicion) = self.suspicions.pop_front_if(|suspicion| suspicion.until <= Instant::now()) {
                self.convict(suspicion);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Message { process: reporter, message: Message::Lost { process, reason } } => {
                self.monitor.lose(process, reason, Some(reporter));
            },
            // Its deadline passed at the moment when we became complete.
            Event::Message { process, message: Message::Abort { reason } } => {
                self.monitor.lose(process, reason, None);
            },
            Event::Message { process, message: Message::Goodbye { finished } } => {
                self.monitor.note_goodbye(process, finished);
                self.blame_departed();
            },
            Event::Closed { process, reason } => {
                if !self.monitor.said_goodbye(process) {
                    self.monitor.lose(process, reason, None);
                }
            },
            Event::Silent { process, reason } => self.monitor.lose(process, reason, None),
            Event::DataClosed { process, clean, reason } => {
                self.suspicions.push_back(Suspicion { until: Instant::now() + GRACE, process, clean, reason });
            },
            Event::Message { process, message: Message::News(news) } => self.monitor.hear(process, &news),
            Event::QueryBegun => {
                self.next_news.get_or_insert_with(|| Instant::now() + NEWS_INTERVAL);
                self.blame_departed();
            },
            Event::Tell(news) => self.monitor.broadcast(&Message::News(news)),
            Event::Message { message: Message::Beat | Message::Ready { .. }, .. }
            | Event::Linked { .. }
            | Event::Waiting { .. }
            | Event::Refused(_)
            | Event::Stop => {},
        }
    }

    /// The grace of the suspected peer is over.
    fn convict(&self, Suspicion { process, clean, reason, .. }: Suspicion) {
        if clean {
            self.monitor.note_data_end(process);
            self.blame_departed();
        } else if self.monitor.said_goodbye(process) {
            self.monitor.lose(process, ENDED.into(), None);
        } else {
            self.monitor.lose(process, reason, None);
        }
    }

    /// A peer that left is lost only if this process still needs it.
    fn blame_departed(&self) {
        if let Some(process) = self.monitor.missed_peer() {
            self.monitor.lose(process, ENDED.into(), None);
        }
    }
}

const ENDED: &str = "it ended its program while this process still had queries to run";

/// Tells the threads that wait for a decision when none will come any more.
struct Stopped(Arc<Monitor>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.note_stopped();
    }
}
