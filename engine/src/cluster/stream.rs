//! The data connection to a peer, as timely's communication threads see it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use timely::communication::allocator::zero_copy::stream::Stream;

use super::end_marker::EndMarker;
use super::monitor::Monitor;

/// A data connection whose end is explained before timely learns of it.
///
/// Timely's threads panic when a connection breaks, and take the workers with them. So a read or write that finds it
/// closed waits until the monitor knows the cause: when a worker fails, the error for the user exists.
///
/// An orderly end is kept back as well, until this process leaves too. The receiving thread then still runs when the
/// peer turns out to have left too early, and can take parked workers down. Timely hands over what it has received
/// only before its next read, so the end marker is withheld and not the answer to the read after it.
pub(super) struct PeerStream {
    stream: TcpStream,
    process: usize,
    monitor: Arc<Monitor>,
    marker: EndMarker,
    end: End,
}

/// How far the reading side is from its end.
enum End {
    Open,
    /// The end marker has arrived; so many of its bytes are withheld.
    Withheld(usize),
    /// The end is orderly; so many bytes of the marker must still be handed out.
    Orderly(usize),
}

impl PeerStream {
    pub(super) fn new(stream: TcpStream, process: usize, monitor: Arc<Monitor>) -> Self {
        Self { stream, process, monitor, marker: EndMarker::default(), end: End::Open }
    }

    /// Asks the monitor what the end of the connection means.
    fn closed(&self, clean: bool, reason: String) -> io::Result<()> {
        self.monitor.data_closed(self.process, clean, reason).map_err(io::Error::other)
    }

    fn broken(&self, error: &io::Error) -> io::Error {
        match self.closed(false, format!("its data connection broke: {error}")) {
            Ok(()) => error.kind().into(),
            Err(cause) => cause,
        }
    }
}

impl Read for PeerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let End::Orderly(marker) = &mut self.end {
                let part = (*marker).min(buffer.len());
                buffer.iter_mut().take(part).for_each(|byte| *byte = 0);
                *marker -= part;
                return Ok(part);
            }
            match (self.stream.read(buffer), &self.end) {
                (Ok(0), End::Withheld(marker)) => {
                    let marker = *marker;
                    self.closed(true, "its workers ended".into())?;
                    self.end = End::Orderly(marker);
                },
                (Ok(0), _) => {
                    self.closed(false, "it closed its data connection".into())?;
                    return Ok(0);
                },
                (Ok(_), End::Withheld(_)) => return Err(self.broken(&ErrorKind::InvalidData.into())),
                (Ok(read), _) => match self.marker.find(buffer.get(..read).unwrap_or_default()) {
                    None => return Ok(read),
                    Some(marker) => {
                        self.end = End::Withheld(marker);
                        if marker < read {
                            return Ok(read - marker);
                        }
                    },
                },
                (Err(error), _) if error.kind() == ErrorKind::Interrupted => {},
                (Err(error), _) => return Err(self.broken(&error)),
            }
        }
    }
}

impl Write for PeerStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {},
                Err(error) => return Err(self.broken(&error)),
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for PeerStream {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::new(self.stream.try_clone()?, self.process, Arc::clone(&self.monitor)))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}
