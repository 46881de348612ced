//! The first bytes of every connection: who calls whom, for what, and with which settings.
//!
//! The caller sends a [`Greeting`], the listener answers with its own. Both compare what they got with what they
//! have, so both sides of a disagreement can explain it. All numbers are little-endian.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::config::ClusterConfig;
use super::error::MeshError;
use super::socket::read_before;

/// Opens every greeting. Its first byte is no text and its last breaks line-based protocols early.
const MAGIC: [u8; 8] = *b"\xf5quokka\n";
/// Changes whenever greetings or control messages change. Magic and version keep their place for ever.
const VERSION: u32 = 3;
const LENGTH: usize = 40;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    Control,
    Data,
}

/// What the listener says to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    /// The settings differ; they are in the greeting.
    Disagreed,
    /// Another process with the same index was here before.
    Taken,
}

/// The settings that all processes must agree on, and the index of the one that speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Counts the meshes that the cluster has built.
    pub generation: u64,
    pub process: usize,
    pub processes: usize,
    pub workers: usize,
}

impl Identity {
    pub(super) fn of(config: &ClusterConfig) -> Self {
        Self { generation: 0, process: config.process, processes: config.processes(), workers: config.workers }
    }
}

/// The first message of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    version: u32,
    /// A purpose from the caller, a verdict from the listener.
    kind: u32,
    pub identity: Identity,
    /// The process that the speaker believes to talk to.
    pub target: usize,
}

impl Greeting {
    pub(super) fn call(identity: Identity, purpose: Purpose, target: usize) -> Self {
        Self { version: VERSION, kind: purpose as u32, identity, target }
    }

    pub(super) fn answer(identity: Identity, verdict: Verdict, target: usize) -> Self {
        Self { version: VERSION, kind: verdict as u32, identity, target }
    }

    pub(super) fn purpose(&self) -> Option<Purpose> {
        [Purpose::Control, Purpose::Data].into_iter().find(|purpose| *purpose as u32 == self.kind)
    }

    pub(super) fn verdict(&self) -> Option<Verdict> {
        [Verdict::Accepted, Verdict::Disagreed, Verdict::Taken].into_iter().find(|verdict| *verdict as u32 == self.kind)
    }

    pub(super) fn send(&self, mut stream: &TcpStream) -> io::Result<()> {
        let Identity { generation, process, processes, workers } = self.identity;
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend(MAGIC);
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend(generation.to_le_bytes());
        for index in [process, self.target, processes, workers] {
            bytes.extend(u32::try_from(index).unwrap_or(u32::MAX).to_le_bytes());
        }
        stream.write_all(&bytes)
    }

    /// Reads the other side's greeting; `None` if it is not one, so the other side is no process of quokka.
    pub(super) fn receive(stream: &TcpStream, deadline: Instant) -> io::Result<Option<Self>> {
        let mut magic = [0; MAGIC.len()];
        read_before(stream, &mut magic, deadline)?;
        if magic != MAGIC {
            return Ok(None);
        }
        let numbers = || {
            let mut bytes = [0; 4];
            read_before(stream, &mut bytes, deadline).map(|()| u32::from_le_bytes(bytes))
        };
        let (version, kind) = (numbers()?, numbers()?);
        let generation = u64::from(numbers()?) | (u64::from(numbers()?) << 32);
        let indices = || numbers().map(|number| number as usize);
        let (process, target, processes, workers) = (indices()?, indices()?, indices()?, indices()?);
        let identity = Identity { generation, process, processes, workers };
        Ok(Some(Self { version, kind, identity, target }))
    }

    /// The first setting that differs between the speaker of this greeting, met at `address`, and ourselves.
    pub(super) fn disagreement(&self, ours: &Identity, address: &str) -> Option<MeshError> {
        let theirs = &self.identity;
        let differ = |theirs: String, ours: String| {
            Some(MeshError::Mismatch { process: self.identity.process, address: address.to_owned(), theirs, ours })
        };
        if self.version != VERSION {
            differ(format!("version {} of quokka's protocol", self.version), format!("version {VERSION}"))
        } else if theirs.generation != ours.generation {
            differ(format!("generation {}", theirs.generation), format!("generation {}", ours.generation))
        } else if theirs.processes != ours.processes {
            differ(format!("`-n {}`", theirs.processes), format!("`-n {}`", ours.processes))
        } else if theirs.workers != ours.workers {
            differ(format!("`-w {}`", theirs.workers), format!("`-w {}`", ours.workers))
        } else if self.target != ours.process {
            differ(
                format!("a host file that gives this address to process {}", self.target),
                format!("`-p {}`", ours.process),
            )
        } else {
            None
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const OURS: Identity = Identity { generation: 0, process: 0, processes: 3, workers: 2 };

    fn greeting(change: impl FnOnce(&mut Greeting)) -> Greeting {
        let mut greeting = Greeting::call(Identity { process: 2, ..OURS }, Purpose::Data, 0);
        change(&mut greeting);
        greeting
    }

    #[test]
    fn equal_settings_agree() {
        assert!(greeting(|_| {}).disagreement(&OURS, "x:1").is_none());
    }

    #[test]
    fn every_setting_is_compared_and_named() {
        type Change = fn(&mut Greeting);
        let cases: [(Change, &str, &str); 5] = [
            (|greeting| greeting.version = 9, "version 9", "version 3"),
            (|greeting| greeting.identity.generation = 7, "generation 7", "generation 0"),
            (|greeting| greeting.identity.processes = 4, "`-n 4`", "`-n 3`"),
            (|greeting| greeting.identity.workers = 1, "`-w 1`", "`-w 2`"),
            (|greeting| greeting.target = 1, "this address to process 1", "`-p 0`"),
        ];
        for (change, theirs, ours) in cases {
            let text = greeting(change).disagreement(&OURS, "x:1").unwrap().to_string();
            assert!(text.contains("process 2 (x:1)") && text.contains(theirs) && text.contains(ours), "{text}");
        }
    }

    #[test]
    fn a_greeting_survives_the_wire() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let caller = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (called, _) = listener.accept().unwrap();
        let sent = greeting(|greeting| greeting.identity.generation = u64::MAX - 1);
        sent.send(&caller).unwrap();
        let received = Greeting::receive(&called, Instant::now() + std::time::Duration::from_secs(20)).unwrap();
        assert_eq!(received, Some(sent));
    }
}
